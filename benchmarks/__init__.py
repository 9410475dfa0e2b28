"""What the program is fast at, measured against something stated. Run `python -m benchmarks`."""
