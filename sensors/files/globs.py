"""Globs over paths below a folder, as regular expressions.

`*` and `?` stay within one name, `**` stands for any folders, `[a-z]` and `[!a-z]` for one
character. As in a shell, a name that begins with a dot is matched only by a part of a glob
that begins with a dot.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAME = r"(?!\.)[^/]+"
_SPAN = re.compile(r"(.)(?:-(.))?", re.DOTALL)
_TOKEN = re.compile(r"\*+|\?|\[(?:!\]|![^\]/]|\]|[^\]/!])[^\]/]*\]|.", re.DOTALL)


def glob_regex(glob: str) -> str:
    r"""The regular expression, anchored by \A and \Z, that matches what `glob` matches."""
    parts = glob.split("/")
    body = "".join(_folder(part) for part in parts[:-1])
    last = parts[-1]
    return rf"\A{body}{_folder('**') + _NAME if last == '**' else _part(last)}\Z"


class Globs:
    """Several globs: which files they match, and which folders must be looked into."""

    def __init__(self, globs: Sequence[str]) -> None:
        self._files = re.compile("|".join(map(glob_regex, globs)))
        self._folders = re.compile("|".join(f"(?:{_ways(glob)})" for glob in globs))

    def matches(self, path: str) -> bool:
        """True when one of the globs matches the file at `path` (with `/`)."""
        return self._files.search(path) is not None

    def enters(self, folder: str) -> bool:
        """True when a file somewhere below `folder` may match."""
        return self._folders.fullmatch(folder) is not None


def _ways(glob: str) -> str:
    """A regular expression of the folders on the way to what `glob` matches."""
    before, found, after = glob.partition("**")
    fixed = [_part(part) for part in before.split("/")[:-1]]
    ways = ["/".join(fixed[: count + 1]) for count in range(len(fixed))]
    if found:
        name = "[^/]+" if "/." in after else _NAME
        ways.append("".join(f"{part}/" for part in fixed) + f"{name}(?:/{name})*")
    return "|".join(ways) or r"(?!)"


def _folder(part: str) -> str:
    return f"(?:{_NAME}/)*" if part == "**" else f"{_part(part)}/"


def _part(part: str) -> str:
    body = "".join(map(_token, _TOKEN.findall(part)))
    return body if part.startswith(".") else rf"(?!\.){body}"


def _token(token: str) -> str:
    if token[0] == "*":
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if token[0] == "[" and token != "[":
        return _set(token)
    return re.escape(token)


def _set(token: str) -> str:
    if token.startswith("[!"):
        return f"[^/{_members(token[2:-1])}]"
    return f"(?!/)[{_members(token[1:-1])}]"


def _members(inner: str) -> str:
    spans = _SPAN.findall(inner)
    return "".join(re.escape(low) + (f"-{re.escape(high)}" if high else "") for low, high in spans)
