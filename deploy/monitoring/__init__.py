"""What watches a system from the outside: dashboards for Grafana, beside the rules for Prometheus."""
