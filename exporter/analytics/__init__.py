"""Forecasts and anomalies of daily spend: arrays in, values out.

One rule: everything here is a pure function. No clock, no files, no database; whatever day it is, the caller says so.
"""
