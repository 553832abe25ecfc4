"""Run the ClickHouse server: `python -m deploy.local.clickhouse DIRECTORY PORT`."""

from deploy.local.clickhouse.server import main

if __name__ == "__main__":
    main()
