"""Four dashboards for Grafana, written as code; what Grafana loads is the JSON beside it.

`uv run python -m deploy.monitoring.grafana` writes that anew. Nothing else imports this package, and no wheel has it:
it needs Grafana's own builders, which are in the dependency group `dashboards`.
"""
