"""Traces: what came in is passed on, and with the extra `otel` told to a collector."""
