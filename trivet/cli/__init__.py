"""The command line: ``trivet``, or ``python -m trivet``."""
