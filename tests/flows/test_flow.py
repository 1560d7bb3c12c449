"""Flows: what `@flow` takes, parameters, the event, definitions."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import triphammer.flows.flow as module
from tests.flows.support import FIRST_LINE, load_error, load_text
from triphammer.config.source import Source
from triphammer.flows.definition import definition_of, version_of
from triphammer.flows.errors import FlowError, GraphError
from triphammer.flows.flow import Flow, flow
from triphammer.flows.graph import FlowDef
from triphammer.flows.references import event as the_event

WRONG = [
    ("@flow(on=3)\ndef sample(): ...", "on= takes sources such as files(...)"),
    ("@flow(on=['inbox'])\ndef sample(): ...", "on= takes sources"),
    ("@flow(mode='one')\ndef sample(): ...", "mode='one': must be one of 'parallel', 'queue',"),
    ("@flow(mode='parallel', per='subject')\ndef sample(): ...", "give 'queue', 'single' or"),
    ("@flow(per='data..a')\ndef sample(): ...", "per='data..a': must be a path into the event"),
    ("@flow(per='a', order_by='b')\ndef sample(): ...", "order_by= and per= both say which"),
    ("@flow(mode='single', max_runs=2)\ndef sample(): ...", "one run at a time, or give per="),
    ("@flow(max_runs=0)\ndef sample(): ...", "max_runs=0: must be a whole number, 1 or more"),
    ("@flow(timezone='Mars/Olympus')\ndef sample(): ...", "no such time zone"),
    ("@flow(order_by='data.')\ndef sample(): ...", "order_by='data.': must be a path into"),
    ("@flow(order_by='dat.id')\ndef sample(): ...", "order_by='dat.id': there is no 'dat'"),
    ("@flow(order_by='subject.x')\ndef sample(): ...", "subject is a plain value"),
    ("@flow(order_by='headers')\ndef sample(): ...", "or 'headers.x-tenant'"),
    ("@flow(name='a b')\ndef sample(): ...", "name='a b': a flow's name"),
    ("@flow\nasync def sample(): ...", "sample is async: a flow body only draws"),
    ("@flow\ndef sample(): yield", "sample is a generator"),
    ("@flow\nclass Sample: ...", "put it above a function"),
    ("flow(3)", "@flow got 3: put it above a function"),
    ("@flow\ndef one(): ...\nflow(one)", "<flow one> is a flow already"),
    ("@flow\ndef sample(*rest): ...", "*rest cannot be a parameter"),
    ("@flow\ndef sample(**rest): ...", "**rest cannot be a parameter"),
    ("@flow\ndef sample(x, /): ...", "x cannot be a parameter"),
    ("@flow\ndef sample(x: 'Nope'): ...", "an annotation of sample() does not resolve"),
    ("@flow(params={'envv': 1})\ndef sample(env='x'): ...", "params= names 'envv': did you mean"),
    ("@flow(on=events(type='x'))\ndef sample(env): ...", "sample: nothing gives env a value"),
    ("@flow(on=events(type='x').where({'dta': [1]}))\ndef sample(): ...", "dta"),
    ("@flow\ndef sample(n: int = 'x'): ...", "parameter 'n' of sample: Expected `int`, got `str`"),
    ("@flow\ndef sample(n=object()): ...", "parameter 'n' of sample cannot be stored"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text for text, _ in WRONG])
def test_a_wrong_flow_is_a_load_error_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    error = load_error(tmp_path, text)
    line = FIRST_LINE + (2 if "flow(one)" in text else 0)
    assert str(error).startswith(f"flows/sample.py:{line}: ")
    assert message in error.message


def only(root: Path, text: str) -> FlowDef:
    found = load_text(root, text)
    assert not found.errors, [str(error) for error in found.errors]
    return next(iter(found.flows.values()))


def test_a_definition_says_all_of_it(tmp_path: Path) -> None:
    text = """
    @flow(on=[events(type="a"), events(type="b")], name="orders-eu", max_runs=3,
          timezone="Asia/Seoul", params={"n": 4})
    def sample(event: Event[dict[str, int]], n: int, region: str = "eu"):
        '''What it does.'''
        return {"region": region}
    """
    found = only(tmp_path, text)
    assert (found.name, found.mode, found.max_runs) == ("orders-eu", "parallel", 3)
    assert (found.timezone, found.doc) == ("Asia/Seoul", "What it does.")
    assert (found.file, found.line) == ("flows/sample.py", FIRST_LINE)
    assert found.event_type == dict[str, int]
    assert [source.kind for source in found.on] == ["events", "events"]
    assert [(p.name, p.required, p.default) for p in found.params.values()] == [
        ("n", True, None),
        ("region", False, "eu"),
    ]
    assert found.fill == {"n": 4}
    assert found.version == version_of(found.sources)


@pytest.mark.parametrize(
    ("kinds", "mode"),
    [(["timer"], "single"), (["timer", "timer"], "single"), (["timer", "files"], "parallel"),
     ([], "parallel")],
)  # fmt: skip
def test_flows_on_timers_only_run_one_at_a_time(kinds: list[str], mode: str) -> None:
    sources = [Source(kind, "x", {}, {"type": ["x"]}) for kind in kinds]

    @flow(on=sources)
    def sample() -> None: ...

    assert definition_of(sample).mode == mode


def test_a_mode_that_is_given_stays() -> None:
    @flow(on=Source("timer", "x", {}, {"type": ["x"]}), mode="parallel")
    def sample() -> None: ...

    assert definition_of(sample).mode == "parallel"


def test_an_event_without_a_type_says_nothing_of_its_data(tmp_path: Path) -> None:
    assert only(tmp_path, "@flow\ndef sample(event: Event): ...").event_type is None
    assert only(tmp_path, "@flow\ndef sample(event): ...").event_type is None
    assert only(tmp_path, "@flow\ndef sample(): ...").event_type is None


def test_params_may_be_a_function_of_the_event() -> None:
    @flow(params=lambda event: {"env": event.data["env"]})
    def one(env: str) -> None: ...

    @flow(params={"env": the_event.data["env"]})
    def two(env: str) -> None: ...

    for made in (one, two):
        assert repr(definition_of(made).fill) == "{'env': event.data['env']}"


def test_outside_a_body_a_call_names_run() -> None:
    @flow
    def sample() -> None: ...

    with pytest.raises(GraphError, match=r"test_flow.py:\d+: sample is a flow: .* sample.run\("):
        sample()


def test_looks_like_its_function() -> None:
    @flow
    def sample(n: int = 1) -> int:
        """Doc."""
        return n

    assert (sample.__doc__, sample.__module__, repr(sample)) == ("Doc.", __name__, "<flow sample>")
    assert sample.fn(3) == 3
    assert isinstance(sample, Flow)


def test_the_definition_of_an_imported_flow_has_its_file() -> None:
    @flow
    def sample() -> None: ...

    found = definition_of(sample)
    assert found.file == "test_flow.py"
    assert found.sources["test_flow.py"] == Path(__file__).read_text(encoding="utf-8")


def test_a_flow_typed_into_an_interpreter_has_a_definition_too() -> None:
    names: dict[str, Any] = {}
    exec("from triphammer import flow\n@flow\ndef sample(): ...\n", names)
    assert definition_of(names["sample"]).sources == {"<string>": ""}


def test_versions_differ_with_each_part_of_the_sources() -> None:
    some = [{"a": "b"}, {"a": "c"}, {"b": "a"}, {"ab": ""}, {"a": "b", "c": ""}, {}]
    assert len({version_of(sources) for sources in some}) == len(some)
    assert version_of({"a": "1", "b": "2"}) == version_of({"b": "2", "a": "1"})


def runner(flow: Flow[..., Any], params: dict[str, Any]) -> Any:
    return (flow.name, params)


def test_run_goes_through_the_installed_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    @flow
    def sample(n: int = 1) -> None: ...

    class Point(EntryPoint):
        def load(self) -> Any:
            return runner

    point = Point("local", f"{__name__}:runner", "triphammer.runners")

    def one(**_: str) -> dict[str, EntryPoint]:
        return {"local": point}

    def none(**_: str) -> dict[str, EntryPoint]:
        return {}

    monkeypatch.setattr(module, "entry_points", one)
    assert sample.run(n=2) == ("sample", {"n": 2})
    monkeypatch.setattr(module, "entry_points", none)
    with pytest.raises(FlowError, match="no runner is installed"):
        sample.run()
