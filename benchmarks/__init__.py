"""Benchmarks: what trivet costs, as ratios to floors and peers measured in the same run.

``python -m benchmarks [--quick] [--json FILE]``; ``docs/benchmarks.md`` explains every figure.
"""
