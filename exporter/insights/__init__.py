"""Insights: forecasts, nowcasts, anomalies, trends and savings, from what is stored into tables of their own.

One rule: this package loads numpy, so the serving process never imports it; it runs as a process of its own.
"""
