"""Flow files are loaded each on its own; versions live side by side."""

from __future__ import annotations

import pickle
import subprocess
import sys
import traceback
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from triphammer.flows.errors import CycleError, GraphError
from triphammer.flows.graph import FlowDef
from triphammer.flows.loader import FlowSet, load_files, load_flows, load_version
from triphammer.flows.modules import PREFIX, VersionFinder

FLOW = """
from triphammer import flow, task
{imports}

@task
def value():
    return {value}

@flow
def {name}():
    return value()
"""


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / (name.replace("__", "/").replace("INIT", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")


def a_flow(name: str, value: str = "1", imports: str = "") -> str:
    return FLOW.format(name=name, value=value, imports=imports)


def load(root: Path, *path: Path) -> FlowSet:
    return load_flows(root, root / "flows", path)


def call(flow: FlowDef) -> Any:
    """What the flow's only task returns."""
    return flow.graph.nodes["value"].spec.fn()


def messages(found: FlowSet) -> list[str]:
    return [str(error) for error in found.errors]


def test_each_file_but_those_with_an_underscore_is_loaded(tmp_path: Path) -> None:
    write(tmp_path, flows__a=a_flow("a"), flows___b=a_flow("b"), flows__c="X = 1\n")
    (tmp_path / "flows" / "notes.txt").write_text("no Python")
    found = load(tmp_path)
    assert (list(found.flows), found.errors, found.warnings) == (["a"], [], [])


def test_without_the_folder_there_is_a_warning(tmp_path: Path) -> None:
    assert load(tmp_path).warnings == [
        "flows: there is no such folder, so there are no flows",
    ]


BROKEN = {
    "syntax": ("x = 1\ndef (:\n", "flows/bad.py:2: syntax error: "),
    "import": ("\nimport no_such_module\n", "flows/bad.py:2: ModuleNotFoundError: No module"),
    "raises": ("def f():\n    raise ValueError('no')\nf()\n", "flows/bad.py:2: ValueError: no"),
    "silent": ("raise ValueError\n", "flows/bad.py:1: ValueError"),
    "exits": ("import sys\n\nsys.exit('bye')\n", "flows/bad.py:3: SystemExit: bye"),
    "house": (
        "from triphammer import task\n@task(retries='x')\ndef t(): ...\n",
        "flows/bad.py:2: retries='x': must be",
    ),
    "in a library": ("import json\njson.loads('{')\n", "flows/bad.py:2: JSONDecodeError"),
    "recursion": ("def f(): f()\nf()\n", "flows/bad.py:1: RecursionError"),
    "null byte": ("x = '\0'\n", "flows/bad.py:1: syntax error: "),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_one_error_and_harms_no_other(tmp_path: Path, kind: str) -> None:
    text, message = BROKEN[kind]
    write(tmp_path, flows__a=a_flow("a"), flows__bad=text, flows__c=a_flow("c"))
    found = load(tmp_path)
    assert list(found.flows) == ["a", "c"]
    assert len(found.errors) == 1
    assert messages(found)[0].startswith(message)
    assert set(found.broken) == {"flows/bad.py"}


def test_a_file_that_is_no_text_is_one_error(tmp_path: Path) -> None:
    write(tmp_path, flows__a=a_flow("a"))
    (tmp_path / "flows" / "bad.py").write_bytes(b"x = '\xff\xfe'\n")
    (tmp_path / "flows" / "gone.py").symlink_to(tmp_path / "nowhere")
    found = load(tmp_path)
    assert list(found.flows) == ["a"]
    assert messages(found)[0].startswith("flows/bad.py:1: is not a Python file: ")
    assert messages(found)[1] == "flows/gone.py:1: cannot be read: No such file or directory"


def test_an_error_in_a_module_names_that_module_and_breaks_the_flow_file(tmp_path: Path) -> None:
    write(tmp_path, flows__a=a_flow("a", imports="import helper"), helper="\n1 / 0\n")
    found = load(tmp_path)
    assert messages(found) == ["helper.py:2: ZeroDivisionError: division by zero"]
    assert set(found.broken) == {"flows/a.py"}
    write(tmp_path, helper="\n\ndef (\n")
    assert messages(load(tmp_path))[0].startswith("helper.py:3: syntax error")


def test_one_wrong_flow_leaves_the_others_of_its_file(tmp_path: Path) -> None:
    wrong = "@flow\ndef wrong():\n    x = value()\n    x >> x\n"
    write(tmp_path, flows__a=a_flow("right") + wrong)
    found = load(tmp_path)
    assert list(found.flows) == ["right"]
    assert isinstance(found.errors[0], CycleError)
    assert (found.errors[0].file, found.errors[0].line) == ("flows/a.py", 15)


def test_two_flows_of_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    write(tmp_path, flows__a=a_flow("same", "1"), flows__b="\n" + a_flow("same", "2"))
    found = load(tmp_path)
    assert call(found.flows["same"]) == 1
    assert messages(found)[0].startswith("flows/b.py:10: two flows are named 'same'")
    assert "flows/a.py:9" in messages(found)[0]


def test_an_equal_source_is_the_same_version_and_is_not_executed_again(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    imports = f"from pathlib import Path\nPath({str(marker)!r}).touch(exist_ok=False)"
    write(tmp_path, flows__a=a_flow("a", imports=imports))
    one, two = load(tmp_path).flows["a"], load(tmp_path).flows["a"]
    assert one.version == two.version
    assert one.graph.nodes["value"].spec.fn is two.graph.nodes["value"].spec.fn
    assert marker.exists()


def test_versions_with_their_own_modules_live_side_by_side(tmp_path: Path) -> None:
    imports = "import helper\nfrom package.part import inner"
    value = "(helper.VALUE, inner(), __import__('helper').VALUE)"
    write(
        tmp_path,
        flows__a=a_flow("a", value, imports),
        helper="VALUE = 1\n",
        package__part="def inner():\n    from helper import VALUE\n    return VALUE\n",
    )
    one = load(tmp_path).flows["a"]
    write(tmp_path, helper="VALUE = 2\n")
    two = load(tmp_path).flows["a"]
    assert one.version != two.version
    assert (call(one), call(two)) == ((1, 1, 1), (2, 2, 2))
    assert set(one.sources) == {"flows/a.py", "helper.py", "package/part.py"}
    assert not {"helper", "package", "flows.a"} & set(sys.modules)


def test_a_stored_version_loads_again_after_its_files_have_changed(tmp_path: Path) -> None:
    write(tmp_path, flows__a=a_flow("a", "helper.VALUE", "import helper"), helper="VALUE = 1\n")
    one = load(tmp_path).flows["a"]
    write(tmp_path, flows__a="raise ValueError\n", helper="")
    again = load_version(tmp_path, "a", one.file, one.sources)
    assert (again.version, call(again)) == (one.version, 1)
    assert again.graph.nodes.keys() == one.graph.nodes.keys()


def test_tracebacks_of_a_stored_version_show_its_own_lines(tmp_path: Path) -> None:
    text = a_flow("a", "1 / 0  # by design")
    write(tmp_path, flows__a="# something else\n")
    flow = load_version(tmp_path, "a", "flows/a.py", {"flows/a.py": text})
    with pytest.raises(ZeroDivisionError) as caught:
        call(flow)
    shown = "".join(traceback.format_exception(caught.value))
    assert "by design" in shown
    assert f"flows/a.py@{flow.version}" in shown


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"flows/b.py": ""}, "the stored sources of a do not hold its file"),
        ({"flows/a.py": "x = 1"}, "the stored sources hold no flow named 'a'"),
        ({"flows/a.py": "import no_such_module"}, ": ModuleNotFoundError: No module"),
    ],
)
def test_a_stored_version_that_no_longer_loads_says_why(
    tmp_path: Path, sources: dict[str, str], message: str
) -> None:
    with pytest.raises(GraphError) as caught:
        load_version(tmp_path, "a", "flows/a.py", sources)
    assert message in str(caught.value)


def test_users_may_name_their_folders_as_they_like(tmp_path: Path) -> None:
    """`flows`, `config`, `service`, `sensors` are triphammer's rooms as well."""
    imports = "from config import A\nfrom service.part import B\nimport sensors\n"
    imports += "from flows._own import C\nfrom . import _own"
    value = "(A, B, sensors.D, C, _own.C, __name__)"
    write(
        tmp_path,
        flows__a=a_flow("a", value, imports),
        flows___own="C = 3\n",
        config="A = 1\n",
        service__part="B = 2\n",
        sensors__INIT="D = 4\n",
    )
    found = load(tmp_path)
    assert messages(found) == []
    flow = found.flows["a"]
    assert call(flow) == (1, 2, 4, 3, 3, f"{PREFIX}{flow.version}.flows.a")
    from triphammer.config.ids import new_id

    assert new_id("run").startswith("run_")


def test_modules_of_the_standard_library_and_of_packages_are_not_the_users(tmp_path: Path) -> None:
    """A folder named like an installed package, without `__init__.py`, hides nothing."""
    write(
        tmp_path,
        flows__a=a_flow("a", "(json.dumps(1), anyio.__name__)", "import json, anyio"),
        json="raise ValueError\n",
        anyio__notes="raise ValueError\n",
    )
    assert call(load(tmp_path).flows["a"]) == ("1", "anyio")


def test_a_module_of_the_users_goes_before_an_installed_one(tmp_path: Path) -> None:
    write(tmp_path, flows__a=a_flow("a", "outcome.MINE", "import outcome"), outcome="MINE = 1\n")
    assert call(load(tmp_path).flows["a"]) == 1


def test_further_import_roots(tmp_path: Path) -> None:
    root, shared = tmp_path / "project", tmp_path / "shared"
    imports = "import one\nimport pack.two as two"
    write(root, flows__a=a_flow("a", "(one.X, two.Y)", imports), lib__one="X = 1\n")
    write(shared, pack__two="Y = 2\n", pack__INIT="import one\n")
    flow = load(root, root / "lib", shared).flows["a"]
    assert call(flow) == (1, 2)
    assert set(flow.sources) == {
        "flows/a.py",
        "lib//one.py",
        f"{shared}//pack/two.py",
        f"{shared}//pack/__init__.py",
    }
    again = load_version(root, "a", flow.file, flow.sources)
    assert (again.version, call(again)) == (flow.version, (1, 2))


def test_a_flows_folder_elsewhere(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    write(elsewhere, a=a_flow("a", "helper.X", "import helper"))
    write(root, helper="X = 1\n")
    flow = load_flows(root, elsewhere).flows["a"]
    assert (call(flow), flow.file) == (1, f"{elsewhere}/a.py")
    assert call(load_version(root, "a", flow.file, flow.sources)) == 1
    write(elsewhere, bad="1 / 0\n")
    assert set(load_flows(root, elsewhere).broken) == {f"{elsewhere}/bad.py"}


def test_a_flow_that_is_imported_belongs_to_its_own_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        flows__a=a_flow("a"),
        flows__b=a_flow("b", imports="from flows.a import a") + "\n@flow\ndef outer():\n    a()\n",
    )
    found = load(tmp_path)
    assert messages(found) == []
    assert {name: flow.file for name, flow in found.flows.items()} == {
        "a": "flows/a.py",
        "b": "flows/b.py",
        "outer": "flows/b.py",
    }
    assert list(found.flows["outer"].graph.nodes) == ["a/value"]


def test_flows_made_by_a_factory_belong_to_the_file_that_keeps_them(tmp_path: Path) -> None:
    factory = """
        from triphammer import flow, task

        def make(name):
            @flow(name=name)
            def made(): ...
            return made
    """
    text = "from factory import make\nfor n in ('x', 'y'):\n    globals()[n] = make(n)\nz = x\n"
    write(tmp_path, flows__a=text, factory=factory)
    found = load(tmp_path)
    assert list(found.flows) == ["x", "y"]
    assert len(found.warnings) == 2


def test_single_files_can_be_loaded(tmp_path: Path) -> None:
    write(tmp_path, flows__a=a_flow("a"), flows__b=a_flow("b"))
    found = load_files(tmp_path, [tmp_path / "flows" / "b.py"], runs_per_flow=5)
    assert [(f.name, f.max_runs) for f in found.flows.values()] == [("b", 5)]


def test_what_is_pickled_in_one_process_is_unpickled_in_another(tmp_path: Path) -> None:
    helper = "class Thing:\n    def __init__(self, x): self.x = x\n"
    write(tmp_path, flows__a=a_flow("a", "Thing(7)", "from helper import Thing"), helper=helper)
    flow = load(tmp_path).flows["a"]
    stored = tmp_path / "stored"
    stored.write_bytes(pickle.dumps(call(flow)))
    script = f"""
        import pickle
        from pathlib import Path
        from triphammer.flows.loader import load_flows
        root = Path({str(tmp_path)!r})
        load_flows(root, root / "flows")
        print(pickle.loads((root / "stored").read_bytes()).x)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "7"


def test_a_copy_of_a_project_has_its_own_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, two):
        write(root, flows__a=a_flow("a", "__file__"))
    first, second = load(one).flows["a"], load(two).flows["a"]
    assert first.version == second.version
    assert call(first) == str(one / "flows" / "a.py")
    assert call(second) == str(two / "flows" / "a.py")


def test_the_finder_knows_nothing_else() -> None:
    finder = VersionFinder.installed()
    assert VersionFinder.installed() is finder
    assert finder.find_spec("json", None) is None
    assert finder.find_spec(f"{PREFIX}unknown", None) is None


def test_modules_know_their_file_and_their_source(tmp_path: Path) -> None:
    import inspect

    value = "(__file__, __spec__.origin, __package__)"
    write(tmp_path, flows__a=a_flow("a", value))
    flow = load(tmp_path).flows["a"]
    file = str(tmp_path / "flows" / "a.py")
    assert call(flow)[:2] == (file, file)
    assert "return (__file__" in inspect.getsource(flow.graph.nodes["value"].spec.fn)
    loader = sys.modules[flow.graph.nodes["value"].spec.fn.__module__].__loader__
    assert loader is not None
    assert loader.get_source("any") == flow.sources["flows/a.py"]  # type: ignore[attr-defined]
    assert not loader.is_package("any")  # type: ignore[attr-defined]
