"""The daemon: every part at the table, started in order and stopped in the reverse."""

from __future__ import annotations
