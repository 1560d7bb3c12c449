"""Timers: `every`, `cron` and `at`, with the last tick stored."""

from triphammer.sensors.timers.source import at, cron, every

__all__ = ["at", "cron", "every"]
