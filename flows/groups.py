"""`group`: tasks that belong together, named together and ordered as one."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from triphammer.flows.drawing import Ends, drawing_now
from triphammer.flows.errors import GraphError
from triphammer.flows.handle import Group
from triphammer.flows.options import option
from triphammer.flows.places import user_place
from triphammer.flows.surround import enclose


@contextmanager
def group(name: str, *, setup: Any = None, teardown: Any = None) -> Generator[Any]:
    """Draw the tasks of the `with` block as a group: `parse` in `group("extract")` is named
    `extract.parse`.

    The group that `as` gives is ordered like a task: `extract >> load`, `chain(extract, load)`.
    `setup` (a task, or the call of one) must succeed before any task of the group begins;
    `teardown` runs once all have ended, however that was, if the setup had succeeded. A second
    group of the same name is named `extract_2`. Raises `GraphError`.
    """
    place = user_place()
    drawing = drawing_now()
    if drawing is None:
        message = "group(...) belongs in a flow body: it names the tasks drawn in its block"
        raise GraphError(message, place.file, place.line)
    if not isinstance(name, str) or not re.fullmatch(r"[^\s/\[\].]+", name):  # pyright: ignore[reportUnnecessaryIsInstance] - user's
        message = f"group({name!r}): a group's name is a text without spaces and without / [ ] ."
        raise GraphError(message, place.file, place.line)
    before = len(drawing.names)
    drawn = Group(name, None, Ends(drawing, (), ()))
    with drawing.below(name, "."):
        yield drawn
        work = drawing.names[before:]
        setups = option("setup", setup, place)
        enclose(drawing, work, setups, option("teardown", teardown, place))
    drawn.graph_ends = drawing.ends(drawing.names[before:])
