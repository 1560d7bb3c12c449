"""Where everything lies in a data folder."""

DATABASE, LOGS, ARTIFACTS = "triphammer.db", "logs.db", "artifacts"
WORK = "work"
"""The private folders of runs: not part of a backup."""
