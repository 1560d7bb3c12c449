"""Executor `process`: task bodies in worker processes, which can be killed for good."""
