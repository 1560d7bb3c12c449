"""Files: whole versions of a folder's files as events, and the moves of those done with."""

from triphammer.sensors.files.source import done_file, files

__all__ = ["done_file", "files"]
