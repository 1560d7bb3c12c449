"""Every use of a value that is not known yet is refused with file, line and cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.support import FIRST_LINE, load_error
from triphammer.flows.errors import HandleError

BODY = """
@task
def parse(path: str) -> list[dict[str, int]]: ...

@task
def load(x: int) -> int: ...

@flow
def sample(event: Event, region: str = "eu"):
    h = parse(event.data["path"])
    {line}
"""
LINE = FIRST_LINE + 9

REFUSED = [
    ("if h: pass", "when="),
    ("if not h: pass", "when="),
    ("h and 1", "when="),
    ("h or 1", "when="),
    ("1 in h", "|"),
    ("h in [1]", "when="),
    ("1 < h < 3", "& | ~"),
    ("while h > 1: pass", "when="),
    ("assert h", "when="),
    ("for row in h: pass", ".map(...)"),
    ("a, b = h", "x[0]"),
    ("[*h]", ".map(...)"),
    ("list(h)", ".map(...)"),
    ("sum(h)", ".map(...)"),
    ("[x for x in h]", ".map(...)"),
    ("reversed(h)", ".map(...)"),
    ("len(h)", "task"),
    ("range(h)", "task"),
    ("[1, 2][h]", "task"),
    ("str(h)", "text("),
    ('f"{h} rows"', "text("),
    ('f"{h:>10}"', "text("),
    ('format(h, "")', "text("),
    ('"{}".format(h)', "text("),
    ('"%s" % h', "text("),
    ('"x" + h', "text("),
    ('"".join([*h])', ".map(...)"),
    ("print(h)", "text("),
    ("int(h)", "task"),
    ("float(h)", "task"),
    ("complex(h)", "task"),
    ("bytes(h)", "task"),
    ("round(h)", "task"),
    ("abs(h)", "task"),
    ("divmod(h, 2)", "task"),
    ("h + 1", "task"),
    ("1 - h", "task"),
    ("h * 2", "task"),
    ("h @ 2", "task"),
    ("h / 2", "task"),
    ("h // 2", "task"),
    ("h % 2", "task"),
    ("h ** 2", "task"),
    ("h ^ 1", "& | ~"),
    ("-h", "task"),
    ("+h", "task"),
    ("h += 1", "task"),
    ("h()", "task"),
    ("h['a'] = 1", "task"),
    ("del h['a']", "task"),
    ("h.rows", "h['rows']".replace("h", "parse")),
    ("h.append(1)", "parse['append']"),
    ("hash(h)", "task"),
    ("{h: 1}", "task"),
    ("{h}", "task"),
    ("with h: pass", "task"),
    ("open(h)", "Path"),
    ("import os; os.fspath(h)", "Path"),
    ("import math; math.floor(h)", "task"),
    ("import math; math.ceil(h)", "task"),
    ("import math; math.trunc(h)", "task"),
    ("if event.data['a']: pass", "when="),
    ("if event.data['a'] == 1 and h: pass", "& | ~"),
    ("for x in event.data: pass", ".map(...)"),
    ('f"{event.subject}"', "text("),
    ("len(event.data['a'])", "task"),
    ("event.data.path", "event.data['path']"),
    ("event.datum", "did you mean 'data'?"),
    ("event >> h", "only tasks can be ordered"),
    ("if region == 'eu': pass", "when="),
    ('f"{region}"', "text("),
    ("region.upper()", "region['upper']"),
    ("if h > 1: pass", "when="),
    ("if secret('X'): pass", "when="),
    ("f\"{secret('X')}\"", "text("),
    ("connection('db') + 'x'", "task"),
    ("if text('{h}', h=h): pass", "when="),
]


@pytest.mark.parametrize(("line", "cure"), REFUSED, ids=[line for line, _ in REFUSED])
def test_names_file_line_and_cure(tmp_path: Path, line: str, cure: str) -> None:
    error = load_error(tmp_path, BODY.replace("{line}", line))
    assert isinstance(error, HandleError)
    assert str(error).startswith(f"flows/sample.py:{LINE}: ")
    assert cure in error.message


def test_the_line_is_that_of_a_helper_which_used_the_value(tmp_path: Path) -> None:
    error = load_error(
        tmp_path,
        """
        @task
        def parse() -> int: ...

        def double(x):
            return x + x

        @flow
        def sample():
            double(parse())
        """,
    )
    assert (error.file, error.line) == ("flows/sample.py", FIRST_LINE + 4)


def test_async_uses_are_refused_too(tmp_path: Path) -> None:
    """Inside a coroutine that a body drives by hand."""
    body = """
    import asyncio

    @task
    def parse() -> int: ...

    @flow
    def sample():
        h = parse()
        async def use():
            {use}
        asyncio.run(use())
    """
    for use in ("await h", "async for x in h: pass", "async with h: pass"):
        error = load_error(tmp_path, body.replace("{use}", use))
        assert isinstance(error, HandleError), use
        assert error.line == FIRST_LINE + 9


def test_tools_may_look_at_a_handle(tmp_path: Path) -> None:
    """`repr`, `copy` and `hasattr` of dunder names do not raise."""
    import copy

    from triphammer.flows.references import EventRef

    ref = EventRef()
    assert repr(ref["data"]["a"].get("b", 1)) == "event.data['a'].get('b', 1)"
    assert repr(copy.copy(ref["data"])) == "event.data"
    assert not hasattr(ref, "__dataclass_fields__")
