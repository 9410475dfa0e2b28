"""spend-exporter: what you pay AI, SaaS and cloud providers, as Prometheus metrics that stay right."""

__version__ = "0.1.0"
