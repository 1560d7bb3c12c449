"""Ticks of timers over a stretch of the past, made up for by request."""
