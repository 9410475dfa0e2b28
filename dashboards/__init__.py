"""Grafana dashboards, built in Python and committed as JSON; README.md says how to add one.

One rule: nothing here imports the exporter. Metrics and tables are known by name, and tests run every query.
"""
