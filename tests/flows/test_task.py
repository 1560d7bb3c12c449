"""Tasks: what `@task` takes, what a call takes, maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.support import FIRST_LINE, KnownScope, load_error, load_text
from triphammer.flows.errors import GraphError
from triphammer.flows.expr import resolve
from triphammer.flows.graph import Backoff, FlowDef, Options
from triphammer.flows.options import apply_options
from triphammer.flows.task import Task, task


def sample(body: str, tasks: str = "@task\ndef load(rows, n=1, *, key=None): ...\n") -> str:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return f"{tasks}@flow\ndef sample(event, p=1):\n{lines}"


def draw(root: Path, body: str) -> FlowDef:
    found = load_text(root, sample(body))
    assert not found.errors, [str(error) for error in found.errors]
    return found.flows["sample"]


LINE = FIRST_LINE + 4

WRONG_CALLS = [
    ("load()", "load(): missing a required argument: 'rows'; it is load(rows, n=1, *, key=None)"),
    ("load(1, 2, 3)", "load(): too many positional arguments"),
    ("load(1, rows=2)", "load(): multiple values for argument 'rows'"),
    ("load(row=1)", "load() has no argument 'row': did you mean 'rows'?"),
    ("load(1, retries=3)", "retries= is an option: write load.options(retries=...)(...)"),
    ("load.options(retrie=3)(1)", "there is no option 'retrie': did you mean 'retries'?"),
    ("load(load)", "<task load> is passed without a call: write load(...)"),
    ("load(1, key=load.options(retries=1))", "is passed without a call"),
    ("load.options(errors='skip')(1)", "errors= is for maps: write load.options(errors=...).map"),
    ("load.options(max_parallel=5)(1)", "max_parallel= is for maps"),
    ("load.map()", "needs something to map over"),
    ("load.map('abc')", "load.map() got 'abc': it maps over a list"),
    ("load.map({'a': 1})", "it maps over a list"),
    ("load.map(3)", "it maps over a list"),
    ("load.map([1], [2], [3])", "too many positional arguments"),
    ("load.partial(rows=1).map([1])", "multiple values for argument 'rows'"),
    ("load.partial(x=1).map([1])", "load() has no argument 'x'"),
]


@pytest.mark.parametrize(("call", "message"), WRONG_CALLS, ids=[call for call, _ in WRONG_CALLS])
def test_a_wrong_call_is_a_load_error_with_its_place(
    tmp_path: Path, call: str, message: str
) -> None:
    error = load_error(tmp_path, sample(call))
    assert str(error).startswith(f"flows/sample.py:{LINE}: ")
    assert message in error.message


def test_a_task_is_no_result(tmp_path: Path) -> None:
    error = load_error(tmp_path, sample("return load"))
    assert error.line == LINE - 2
    assert "<task load> is passed without a call" in error.message


WRONG_OPTIONS = [
    ("retries=-1", "must be a whole number, 0 or more"),
    ("retries=1.5", "must be a whole number"),
    ("retries=True", "must be a whole number"),
    ("backoff='exponentail'", "must be 'exponential', 'linear', 'constant', a duration"),
    ("backoff=None", "must be 'exponential'"),
    ("timeout='30x'", "'30x' is no duration"),
    ("timeout=0", "must be longer than nothing"),
    ("trigger_rule='all_succes'", "did you mean 'all_success'?"),
    ("executor='proces'", "must be one of 'async'"),
    ("executor='async'", "cannot run a plain function"),
    ("at_most_once=1", "must be one of True, False"),
    ("max_parallel=0", "must be a whole number, 1 or more"),
    ("rate='50 per s'", 'must be such as "50/s"'),
    ("rate='0/s'", "must be such as"),
    ("slots=2", "it is about a pool: give pool= too"),
    ("pool='a b'", "a name is a text without spaces"),
    ("priority='high', pool='gpu'", "must be a whole number; the higher, the sooner"),
    ("retry_on=(3,)", "must be classes of exceptions, or names such as"),
    ("never_retry=int", "must be classes of exceptions"),
    ("errors='collects'", "did you mean 'collect'?"),
    ("cross='yes'", "must be one of True, False"),
    ("name='a b'", "a name is a text without spaces"),
    ("name='a/b'", "a name is a text without spaces"),
    ("when=True", "is a plain value"),
    ("wait='sent'", "must be one of 'delivered', None"),
]


@pytest.mark.parametrize(("option", "message"), WRONG_OPTIONS, ids=[o for o, _ in WRONG_OPTIONS])
def test_a_wrong_option_is_a_load_error_with_its_place(
    tmp_path: Path, option: str, message: str
) -> None:
    for text, line in (
        (sample(f"load.options({option})(1)"), LINE),
        (f"@task({option})\ndef load(rows): ...\n", FIRST_LINE),
    ):
        error = load_error(tmp_path, text)
        assert str(error).startswith(f"flows/sample.py:{line}: ")
        assert message in error.message


def test_a_coroutine_function_runs_on_the_flow_loop(tmp_path: Path) -> None:
    error = load_error(tmp_path, "@task(executor='thread')\nasync def load(): ...\n")
    assert "cannot run a coroutine function" in error.message


def test_options_are_normalised(tmp_path: Path) -> None:
    flow = draw(
        tmp_path,
        "import datetime\n"
        "load.options(retries=3, backoff='linear', timeout='1m30s', rate='90/m')\\\n"
        "  .options(retries=5, timeout=datetime.timedelta(seconds=2)).map([1])\n"
        "load.options(backoff='10s', when=event.data['a'] > 1, at_most_once=True)(1)\n"
        "load.options(backoff=2.5, executor='thread')(1)",
    )
    one, two, three = (node.options for node in flow.graph.nodes.values())
    assert (one.retries, one.timeout, one.rate) == (5, 2.0, 1.5)
    assert one.backoff == Backoff(kind="linear")
    assert two.backoff == Backoff(kind="constant", first=10.0, jitter=False)
    assert apply_options(Options(), {"backoff": "2h"}, is_async=True).backoff.cap == 7200
    assert (two.at_most_once, repr(two.when)) == (True, "(event.data['a'] > 1)")
    assert (three.backoff.first, three.executor) == (2.5, "thread")


def test_options_of_the_decorator_hold_for_every_call(tmp_path: Path) -> None:
    text = "@task(retries=2, rate=5, timeout=3)\nasync def load(x): ...\n"
    found = load_text(tmp_path, sample("load(1)\nload.options(timeout=None).map([1])", text))
    one, two = (node.options for node in found.flows["sample"].graph.nodes.values())
    assert (one.retries, one.rate, one.timeout) == (2, 5.0, 3.0)
    assert (two.retries, two.rate, two.timeout) == (2, 5.0, None)


def test_a_map_keeps_its_columns_and_what_is_fixed(tmp_path: Path) -> None:
    flow = draw(
        tmp_path,
        "rows = load(0)\n"
        "load.partial(key=event.subject).partial(n=p).map(rows)\n"
        "load.options(cross=True).map(range(2), event.data['xs'])\n"
        "load.map((1, rows))\n"
        "load.partial(key=1)(2)",
    )
    _, zipped, crossed, literal, plain = flow.graph.nodes.values()
    scope = KnownScope({"load": [1]}, {"p": 4}, event=_Event())
    assert (zipped.mapped, zipped.upstream) == (True, ("load",))
    assert resolve(zipped.args, scope) == ([1],)
    assert resolve(zipped.kwargs, scope) == {"key": "s", "n": 4}
    assert (crossed.options.cross, resolve(crossed.args, scope)) == (True, ([0, 1], [5]))
    assert resolve(literal.args, scope) == ((1, [1]),)
    assert (plain.mapped, plain.kwargs) == (False, {"key": 1})


class _Event:
    subject = "s"
    data = {"xs": [5]}  # noqa: RUF012 - never changed


def test_outside_a_body_a_call_names_fn() -> None:
    @task
    def double(x: int) -> int:
        return x * 2

    with pytest.raises(GraphError, match=r"test_task.py:\d+: double is a task: .* double.fn\("):
        double(1)
    with pytest.raises(GraphError, match=r"double.fn\("):
        double.map([1])
    assert double.fn(2) == 4


def test_what_a_task_knows_of_its_function(tmp_path: Path) -> None:
    text = sample("load(1)", "@task\nasync def load(rows: list[int]) -> int:\n    'Doc.'\n")
    node = load_text(tmp_path, text).flows["sample"].graph.nodes["load"]
    assert node.spec.hints == {"rows": list[int], "return": int}
    assert (node.spec.kind, node.spec.is_async, node.spec.name) == ("task", True, "load")
    assert node.spec.where.endswith(f"sample.py:{FIRST_LINE}")
    assert node.where.endswith(f"sample.py:{FIRST_LINE + 5}")


def test_looks_like_its_function() -> None:
    def load(x: int) -> int:
        """Load."""
        return x

    made = task(load)
    assert (made.__doc__, made.__module__, repr(made)) == ("Load.", __name__, "<task load>")
    assert isinstance(task(retries=1)(load), Task)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task(3)", "@task got 3: put it above a function"),
        ("@task\n@task\ndef load(): ...", "<task load> is a task already"),
        ("@task\ndef load(): yield", "load is a generator"),
        ("@task\nasync def load(): yield", "load is a generator"),
        ("task(lambda: 1)", "has no name to go by"),
        ("@task(retry=2)\ndef load(): ...", "there is no option 'retry'"),
    ],
)
def test_what_cannot_be_a_task(tmp_path: Path, text: str, message: str) -> None:
    error = load_error(tmp_path, text)
    assert error.line == FIRST_LINE
    assert message in error.message


def test_a_lambda_with_a_name_is_a_task(tmp_path: Path) -> None:
    found = load_text(tmp_path, sample("load(1)", "load = task(name='load')(lambda rows: rows)\n"))
    assert list(found.flows["sample"].graph.nodes) == ["load"]


def test_an_annotation_that_does_not_resolve_names_the_function(tmp_path: Path) -> None:
    text = sample("load(1)", "@task\ndef load(x: 'Unknown'): ...\n")
    error = load_error(tmp_path, text)
    assert str(error) == (
        f"flows/sample.py:{FIRST_LINE}: an annotation of load() does not resolve: "
        "name 'Unknown' is not defined"
    )
