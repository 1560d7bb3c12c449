"""The source `files(...)`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, cast, get_args

from triphammer.config.durations import DurationLike, parse_duration
from triphammer.config.errors import DurationError
from triphammer.config.source import Source
from triphammer.sensors.errors import SourceError
from triphammer.sensors.files.globs import glob_regex

CREATED = "triphammer.file.created"
CHANGED = "triphammer.file.changed"
Ready = Literal["stable", "rename", "immediate"]
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class DoneFile:
    """A file is whole once its marker, named by `template`, stands beside it."""

    template: str


def done_file(template: str = "{name}.done") -> DoneFile:
    """For `files(..., ready=)`: a file is whole once a marker file stands beside it.

    `{name}` in the template is the file's name, `{stem}` its name without the last suffix. A
    marker that is older than the file counts for an earlier version. Raises SourceError.
    """
    fields = re.findall(r"\{(\w*)\}", template)
    bare = re.sub(r"\{(name|stem)\}", "", template)
    if len(fields) != 1 or fields[0] not in ("name", "stem") or "/" in bare or not bare:
        raise SourceError(
            f"done_file({template!r}): name the marker file beside a file with one {{name}} or"
            ' {stem} and more, such as "{name}.done"'
        )
    return DoneFile(template)


def files(
    dir: str | os.PathLike[str],
    *globs: str,
    ready: Ready | DoneFile = "stable",
    settle: DurationLike = "500ms",
    done: str | os.PathLike[str] | None = None,
    failed: str | os.PathLike[str] | None = None,
) -> Source:
    """Each whole version of each file in `dir` whose path below it matches one of `globs`.

    `dir` is absolute or below the project's root. `"*.csv"` means files in the folder itself,
    `"**/*.csv"` also those in folders below; without globs `"*"`. Names that begin with a dot
    need a glob that does. Links to files are followed, links to folders are not.

    `ready` says when a file is whole: `"stable"`, when nothing has changed for the time
    `settle`; `"rename"`, at once when it is moved or linked in under its name (what is written
    in place must be stable); `done_file("{name}.done")`, when that marker stands beside it;
    `"immediate"`, as soon as it is seen.

    After the last run of a file's event the file moves into the folder `done`, or `failed`
    where a run failed; both are absolute or below `dir` and never watched. Raises SourceError.
    """
    folder = _folder(dir)
    patterns = sorted(dict.fromkeys(_glob(folder, glob) for glob in globs or ("*",)))
    options = {
        "dir": folder,
        "globs": patterns,
        "ready": _ready(folder, ready),
        "settle": _settle(folder, settle),
        "done": _target(folder, "done", done),
        "failed": _target(folder, "failed", failed),
    }
    return Source(
        kind="files",
        name=folder,
        options=options,
        match={
            "source": [event_source(folder)],
            "type": [CREATED, CHANGED],
            "subject": [{"regex": glob_regex(glob)} for glob in patterns],
        },
        text=_text(folder, globs, options),
    )


def event_source(folder: str) -> str:
    """The CloudEvents source of the events of the folder that is named so."""
    return f"triphammer/files/{folder}"


def _folder(dir: str | os.PathLike[str]) -> str:
    text = _path_text("files", dir)
    return os.path.normpath(os.path.expanduser(text))  # noqa: PTH111 - text in, text out


def _path_text(where: str, value: Any) -> str:
    if not isinstance(value, (str, os.PathLike)):
        raise SourceError(f"{where}({value!r}): name a folder by text or a path")
    text = os.fspath(cast("str | os.PathLike[str]", value))
    if not text.strip() or "\0" in text:
        raise SourceError(f"{where}({text!r}): name a folder, such as 'inbox'")
    return text


def _glob(folder: str, glob: Any) -> str:
    where = f"files({folder!r}, {glob!r})"
    if not isinstance(glob, str) or not glob:
        raise SourceError(f'{where}: a glob is text such as "*.csv"')
    parts = glob.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise SourceError(f"{where}: a glob is a path below the folder, without '.' or '..'")
    if any("**" in part and part != "**" for part in parts):
        raise SourceError(f'{where}: "**" stands alone between slashes, as in "**/*.csv"')
    try:
        re.compile(glob_regex(glob))
    except re.error as error:
        raise SourceError(f"{where}: that is no glob: {error}") from error
    return glob


def _ready(folder: str, ready: Any) -> str | Mapping[str, str]:
    if isinstance(ready, DoneFile):
        return {"done_file": ready.template}
    if ready in get_args(Ready):
        return str(ready)
    raise SourceError(
        f"files({folder!r}): ready must be 'stable', 'rename', 'immediate' or"
        f' done_file("{{name}}.done"), not {ready!r}'
    )


def _settle(folder: str, settle: DurationLike) -> int:
    try:
        return parse_duration(settle) // _MICROSECOND
    except DurationError as error:
        raise SourceError(f"files({folder!r}): settle: {error}") from error


def _target(folder: str, what: str, value: Any) -> str | None:
    if value is None:
        return None
    target = _folder(_path_text(what, value))
    if os.path.normpath(os.path.join(folder, target)) == folder:  # noqa: PTH118 - text in, text out
        raise SourceError(
            f"files({folder!r}): {what}={value!r} is the watched folder itself; name another one"
        )
    return target


def _text(folder: str, globs: tuple[str, ...], options: Mapping[str, Any]) -> str:
    shown = [f'"{part}"' for part in (folder, *globs)]
    ready = options["ready"]
    if isinstance(ready, Mapping):
        shown.append(f'ready=done_file("{ready["done_file"]}")')
    elif ready != "stable":
        shown.append(f'ready="{ready}"')
    shown += [f'{key}="{options[key]}"' for key in ("done", "failed") if options[key]]
    return f"files({', '.join(shown)})"
