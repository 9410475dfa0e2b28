"""Replay: what the shipped alerts would have done over the history that is stored.

One rule: nothing is evaluated here. The past is told to a real Prometheus, which is asked what it thinks of it.
"""
