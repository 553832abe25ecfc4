#!/bin/bash
# Makes the parts' user and an analyst's, or gives them the passwords of today. Run by ClickHouse's image at each start,
# before anybody else can reach the server.
set -euo pipefail

analyst="$(cat /run/secrets/analyst_password)"
url="$(cat /run/secrets/telemetry_clickhouse)"

if [[ ! "$analyst" =~ ^[A-Za-z0-9]+$ ]] || [[ ! "$url" =~ ^http://([a-z_]+):([A-Za-z0-9]+)@ ]]; then
    echo "telemetry_clickhouse has to be http://USER:PASSWORD@HOST:PORT, and passwords letters and digits" >&2
    exit 1
fi
user="${BASH_REMATCH[1]}" password="${BASH_REMATCH[2]}"

clickhouse-client --multiquery <<SQL
CREATE USER IF NOT EXISTS $user;
ALTER USER $user IDENTIFIED WITH sha256_password BY '$password';
CREATE USER IF NOT EXISTS analyst;
ALTER USER analyst IDENTIFIED WITH sha256_password BY '$analyst';
SQL
