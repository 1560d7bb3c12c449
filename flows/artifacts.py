"""Files that tasks keep: content-addressed, named, of a media type; read where they lie."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from triphammer.flows.errors import NotInTask, ValueMisfit
from triphammer.flows.journal import Artifacts

Content = bytes | str | os.PathLike[str]
FILE = "file;"
"""How `Encoded.media` of a result begins that is an artifact of the user's."""
_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}(?:; ?[\w-]{1,50}=[\w./+-]{1,100})*", re.ASCII)
_LONGEST_NAME = 200


class Told(msgspec.Struct, frozen=True):
    """What is known of an artifact besides its content."""

    name: str
    media_type: str
    size: int


class Artifact(os.PathLike[str]):
    """A file that was kept. In a running task it is a path: `open(report)`, `pd.read_csv(report)`.

    `digest` is the SHA-256 of its content in hex, `size` in bytes. What lies there is not to be
    changed.
    """

    __slots__ = ("_files", "digest", "media_type", "name", "size")

    def __init__(self, digest: str, told: Told, files: Artifacts | None = None) -> None:
        self.digest = digest
        self.name = told.name
        self.media_type = told.media_type
        self.size = told.size
        self._files = files

    @property
    def path(self) -> Path:
        """Where it lies. Raises `NotInTask` where no task runs, and what says that it is gone."""
        files = self._files or _HERE.get()
        if files is None:
            raise NotInTask(f"the artifact {self.name} can be read in a running task")
        return files.path(self.digest)

    def __fspath__(self) -> str:
        return str(self.path)

    def open(self) -> BinaryIO:
        """Its content, to be read piece by piece."""
        return self.path.open("rb")

    def read_bytes(self) -> bytes:
        """All of its content."""
        return self.path.read_bytes()

    def read_text(self, encoding: str = "utf-8") -> str:
        """All of its content as text."""
        return self.path.read_text(encoding)

    @property
    def told(self) -> Told:
        """What is known of it besides its content."""
        return Told(self.name, self.media_type, self.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Artifact):
            return NotImplemented
        return (self.digest, self.told) == (other.digest, other.told)

    def __hash__(self) -> int:
        return hash((self.digest, self.name))

    def __reduce__(self) -> Any:
        return _unpickled, (self.digest, self.name, self.media_type, self.size)

    def __repr__(self) -> str:
        return f"<artifact {self.name} {self.media_type} {self.size} bytes>"


def shown(artifact: Artifact) -> dict[str, Any]:
    """An artifact as JSON: in results that hold one, and in the API."""
    return {"artifact": artifact.digest, **msgspec.structs.asdict(artifact.told)}


def media_of(told: Told) -> str:
    """What a stored result says of the artifact that it is."""
    return FILE + msgspec.json.encode(told).decode()


def told_of(media: str) -> Told:
    """The reverse of `media_of`."""
    return msgspec.json.decode(media.removeprefix(FILE), type=Told)


def from_shown(value: Mapping[str, Any]) -> Artifact:
    """The reverse of `shown`. Raises `ValueError` for what is none."""
    try:
        told = msgspec.convert({k: v for k, v in value.items() if k != "artifact"}, Told)
        return Artifact(str(value["artifact"]), told)
    except (KeyError, msgspec.ValidationError) as error:
        raise ValueError(f"this is no artifact: {error}") from error


def described(name: str, media_type: str | None, source: Content) -> tuple[str, str]:
    """Name and media type of a new artifact, checked. Raises `ValueMisfit`."""
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise ValueMisfit(f"{name[:50]!r} cannot name an artifact: up to 200 printable characters")
    if media_type is None:
        guessed = mimetypes.guess_type(name)[0]
        text = "text/plain; charset=utf-8" if isinstance(source, str) else None
        media_type = guessed or text or "application/octet-stream"
    if not _TYPE.fullmatch(media_type):
        raise ValueMisfit(f"{media_type[:50]!r} is no media type; write it like text/csv")
    return name, media_type


def _unpickled(digest: str, name: str, media_type: str, size: int) -> Artifact:
    return Artifact(digest, Told(name, media_type, size))


def read_from(files: Artifacts | None) -> None:
    """Let artifacts be read in this context, from `files`."""
    _HERE.set(files)


_HERE: ContextVar[Artifacts | None] = ContextVar("triphammer_artifacts", default=None)
