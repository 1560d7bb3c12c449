"""`artifact`: what a task returns to keep a file."""

from __future__ import annotations

import os
from pathlib import PurePath

from triphammer.flows.artifacts import Artifact, Content
from triphammer.flows.context import context


def artifact(
    source: Content, media_type: str | None = None, *, name: str | None = None
) -> Artifact:
    """Keep a file of a running task, and give it: to be returned, or to be a part of a result.

    `source` is a path, whose content is copied piece by piece, or bytes or a text, which are the
    content. The media type is guessed from the name, which is that of the file if none is given.
    It is kept with the attempt's success and as long as its run. Raises `ValueMisfit` for one
    that is larger than `[limits] artifact`, OSError for a path that cannot be read, `NotInTask`.
    """
    running = context()
    if name is None:
        name = PurePath(source).name if isinstance(source, os.PathLike) else running.task
    return running.artifact(name, source, media_type)
