"""What the API answers about the code of flows, as types."""

from __future__ import annotations

from typing import TypedDict

from triphammer.service.web.documents import Moment, Page


class LoadError(TypedDict):
    """What is wrong with a flow file, and where."""

    file: str | None
    line: int | None
    message: str


class Reloaded(TypedDict):
    """What loading the flows again has changed, by name. `flows` counts those that serve; `kept`
    go on at their last good version, since their file is broken. `notes` tell what becomes of the
    queued runs of removed flows."""

    added: list[str]
    changed: list[str]
    removed: list[str]
    kept: list[str]
    flows: int
    errors: list[LoadError]
    warnings: list[str]
    notes: list[str]


class Version(TypedDict):
    """A version that a flow has had. `at`: since when it is known. Runs begin at the `live` one."""

    version: str
    flow: str
    file: str
    at: Moment | None
    live: bool


class Versions(Page[Version]):
    """The versions of a flow, newest first."""


class SourceFile(TypedDict):
    """A file of a version. `path` is below the project root."""

    path: str
    source: str


class VersionSource(TypedDict):
    """All code of a version. `file` is the flow file among them."""

    version: str
    file: str
    files: list[SourceFile]


class FileDiff(TypedDict):
    """How a file differs: `change` is added, removed or changed, `diff` is a unified diff."""

    path: str
    change: str
    diff: str


class VersionDiff(TypedDict):
    """The files in which two versions differ."""

    before: str
    after: str
    files: list[FileDiff]
