"""Where everything lies in a data folder."""

DATABASE, LOGS, ARTIFACTS = "triphammer.db", "logs.db", "artifacts"
WORK = "work"
"""The private folders of runs: not part of a backup."""
UNDERWAY, LAST_WORDS = "underway", "last-words"
"""What a crash leaves behind for the next start; no part of a backup either."""
