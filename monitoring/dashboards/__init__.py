"""Grafana dashboards as code: ``python -m monitoring.dashboards`` writes ``json/``, ``--check`` proves it current."""
