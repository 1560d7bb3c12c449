"""What an environment consists of, and which name that has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.support import load_error, load_text
from triphammer.flows.envs.spec import EnvSpec, wanted
from triphammer.flows.errors import EnvFailed

TRAIN = EnvSpec(folder="envs/train")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "envs" / "train"
    folder.mkdir(parents=True)
    return folder


def test_the_name_follows_from_all_that_is_asked_for(tmp_path: Path, folder: Path) -> None:
    file, more, limits = (folder / name for name in ("requirements.txt", "more.txt", "limits.txt"))
    file.write_text("a\n-r more.txt\n  --constraint=limits.txt\n-c https://example.com/far.txt\n")
    more.write_text("b\n-r requirements.txt\n")
    limits.write_text("c==1\n")
    names = {wanted(TRAIN, tmp_path).id}
    assert wanted(TRAIN, tmp_path).id in names
    for changed in (file, more, limits):
        changed.write_text(changed.read_text() + "d\n")
        names.add(wanted(TRAIN, tmp_path).id)
    assert len(names) == 4
    limits.unlink()
    with pytest.raises(EnvFailed, match=r"requirements cannot be read: .*limits\.txt"):
        wanted(TRAIN, tmp_path)


def test_a_project_gives_its_dependencies(tmp_path: Path, folder: Path) -> None:
    project = folder / "pyproject.toml"
    project.write_text('[project]\nname = "x"\ndependencies = ["a>=1", "b"]\n')
    asked = wanted(TRAIN, tmp_path)
    assert (asked.lines, asked.file, asked.cwd) == (("a>=1", "b"), None, folder)
    project.write_text("[tool.x]\n")
    assert wanted(TRAIN, tmp_path).lines == ()
    for wrong in ("[project", "project = 1", "[project]\ndependencies = [1]"):
        project.write_text(wrong)
        with pytest.raises(EnvFailed, match=r"env='envs/train': .*pyproject\.toml cannot be read"):
            wanted(TRAIN, tmp_path)


FLOW = """
@task
def fit() -> int: return 1
@task
async def report() -> int: return 1
@task(executor="thread")
def here() -> int: return 1
@task(env="envs/other")
def there() -> int: return 1
@python_env(["a", "b==1"])
def alone() -> int: return 1
@flow(env="envs/inner")
def inner():
    fit()
@flow(env="envs/train")
def sample():
    fit(), report(), here(), there(), alone(), shell("true"), inner()
    loop(inner, max=1, on_max="last")
"""


def test_a_flows_own_tasks_run_in_its_environment(tmp_path: Path) -> None:
    flow = load_text(tmp_path, "from triphammer import loop, python_env, shell\n" + FLOW).flows[
        "sample"
    ]
    found = {node.name: node.options.env for node in flow.graph.every()}
    train = EnvSpec(folder="envs/train")
    assert found["fit"] == found["report"] == train
    assert (found["here"], found["shell"]) == (None, None)
    assert found["there"] == EnvSpec(folder="envs/other")
    assert str(found["alone"]) == "python_env(a, b==1)"
    inside = [env for name, env in found.items() if name.endswith("/fit")]
    assert inside == [EnvSpec(folder="envs/inner")] * 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("@task(env='/envs/train')", "must be a folder below the project's root"),
        ("@task(env='../train')", "must be a folder below the project's root"),
        ("@task(env=['pandas'])", 'must be a folder such as "envs/train", or python_env('),
        ("@task(env='envs/train', executor='dask')", "env= runs a task in a process"),
        ("@task(env=python_env('pandas'))", "it takes a list such as"),
        ("@task(env=python_env(['']))", "it takes a list such as"),
    ],
)
def test_wrong_environments_are_load_errors(tmp_path: Path, line: str, message: str) -> None:
    text = f"from triphammer import python_env\n{line}\ndef fit(): ...\n"
    assert message in load_error(tmp_path, text).message
