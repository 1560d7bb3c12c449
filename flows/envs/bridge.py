"""How triphammer gets into an environment: as links to what this interpreter has.

The worker appends the folder of links to its `sys.path`, so that whatever the environment
brings itself goes before it: a task sees the versions that it asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, entry_points
from pathlib import Path

from triphammer import flows

NAME = "triphammer"
GROUPS = ("triphammer.executors", "triphammer.sensors")
_REQUIRED = re.compile(r"[A-Za-z0-9._-]+")


def build_bridge(folder: Path) -> None:
    """Make `folder`: links to triphammer and to what it is made of."""
    folder.mkdir()
    _link(folder, Path(flows.__file__).parent.parent)
    for found in _needed():
        for top in _tops(found):
            _link(folder, top)
    for plugin in _plugins():
        # Only what it is called: flow files may name its executor.
        for top in _tops(plugin):
            if top.suffix == ".dist-info":
                _link(folder, top)


def needed_names() -> list[str]:
    """The packages that triphammer needs, by their names."""
    return sorted(found.name for found in _needed())


def _needed() -> Iterator[Distribution]:
    """triphammer's own distribution and all that it requires, without extras."""
    waiting, seen = [NAME], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:  # for another system or Python
            continue
        yield found
        for line in found.requires or ():
            match = _REQUIRED.match(line)
            if match is not None and "extra ==" not in line:
                waiting.append(match[0].lower())


def _plugins() -> Iterator[Distribution]:
    for group in GROUPS:
        for point in entry_points(group=group):
            if point.dist is not None and point.dist.name != NAME:
                yield point.dist


def _tops(found: Distribution) -> Iterator[Path]:
    """The modules, packages and metadata of a distribution."""
    names = {file.parts[0] for file in found.files or ()}
    for name in sorted(names - {"..", "__pycache__", "bin"}):
        place = Path(str(found.locate_file(name)))
        if not name.endswith(".pth") and place.exists():
            yield place


def _link(folder: Path, target: Path) -> None:
    link = folder / target.name
    if not link.is_symlink():
        link.symlink_to(target.absolute())
