"""What is stored of the flows themselves: their versions, and which of these serve."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class SaveVersion(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable flow version: sources by path below the project root. Known ones stay."""

    flow: str
    version: str
    file: str
    sources: Mapping[str, str]
    at: int


class SaveCatalog(msgspec.Struct, frozen=True, kw_only=True):
    """The immutable set of subscription versions now live: JSON. Known ids stay."""

    id: str
    body: bytes
    at: int


class SetServing(msgspec.Struct, frozen=True, kw_only=True):
    """The flows that serve from `at` on: (name, version, file). The others are removed."""

    flows: tuple[tuple[str, str, str], ...]
    at: int


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored flow version. `at`: since when it is stored."""

    flow: str
    version: str
    file: str
    sources: Mapping[str, str]
    at: int


class ServedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that serves since `at`, or did until `removed_at`.

    `has_history`: runs of it are stored, or a state.
    """

    flow: str
    version: str
    file: str
    at: int
    removed_at: int | None
    has_history: bool
