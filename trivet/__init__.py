"""trivet: a structured-concurrency actor runtime on Trio."""
