"""Which flows serve when something is wrong: the last good ones, whole files at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from textwrap import dedent
from threading import Thread, current_thread

import pytest

from triphammer.config.loading import LoadedSettings
from triphammer.config.settings import Settings
from triphammer.flows.envs.spec import EnvSpec, Wanted, wanted
from triphammer.flows.graph import FlowDef
from triphammer.service.loading import Loaded, load

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Project:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._settings = LoadedSettings(Settings(), root, {}, {})
        (root / "flows").mkdir()

    def save(self, **files: str) -> None:
        head = "from triphammer import every, files, flow, task, webhook, shared, secret\n"
        head += "@task\ndef one() -> int:\n    return 1\n"
        for name, text in files.items():
            (self._root / "flows" / f"{name}.py").write_text(head + dedent(text))

    def remove(self, name: str) -> None:
        (self._root / "flows" / f"{name}.py").unlink()

    async def load(self, last: Loaded | None = None) -> Loaded:
        return await load(self._settings, last={} if last is None else last.flows)

    async def start(self, stored: Mapping[str, FlowDef]) -> Loaded:
        async def recall(files: Collection[str]) -> Mapping[str, FlowDef]:
            return {name: flow for name, flow in stored.items() if flow.file in files}

        return await load(self._settings, last={}, recall=recall)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


A, B = "@flow\ndef a():\n    one()\n", "@flow\ndef b():\n    one()\n"
WRONG = "@flow\ndef b():\n    x = one()\n    x >> x\n"


def versions(loaded: Loaded) -> dict[str, str]:
    return {name: flow.version for name, flow in loaded.flows.items()}


async def test_a_file_with_one_wrong_flow_stays_whole_at_its_last_version(
    project: Project,
) -> None:
    project.save(both=A + B)
    good = await project.load()
    project.save(both=A + WRONG)
    kept = await project.load(good)
    assert versions(kept) == versions(good)
    assert set(kept.wrong) == {"a", "b"}
    assert len(kept.errors) == 1
    project.save(both=A + B + "# mended\n")
    mended = await project.load(kept)
    assert versions(mended)["a"] == versions(mended)["b"] != versions(good)["a"]
    assert mended.wrong == {}


async def test_without_a_last_version_the_good_flows_of_a_wrong_file_serve(
    project: Project,
) -> None:
    project.save(both=A + WRONG)
    loaded = await project.load()
    assert list(loaded.flows) == ["a"]
    assert set(loaded.wrong) == {"a"}


async def test_a_flow_that_moved_out_of_a_broken_file_is_the_new_one(project: Project) -> None:
    project.save(old=A + B)
    good = await project.load()
    project.save(old="nonsense(\n", new=B)
    moved = await project.load(good)
    assert moved.flows["a"] is good.flows["a"]
    assert moved.flows["b"].file == "flows/new.py"
    assert set(moved.wrong) == {"a"}


async def test_of_two_flows_of_one_name_the_one_that_served_goes_on(project: Project) -> None:
    project.save(late=A)
    good = await project.load()
    project.save(early=A + B, late=A + "# changed\n")
    for loaded in (await project.load(good), await project.start(good.flows)):
        assert loaded.flows["a"].file == "flows/late.py"
        assert loaded.flows["a"].version != good.flows["a"].version
        assert loaded.flows["b"].file == "flows/early.py"
        (error,) = loaded.errors
        assert error.file == "flows/early.py"
        assert "the one at flows/late.py:" in str(error)
        assert set(loaded.wrong) == {"b"}
    project.remove("late")
    moved = await project.load(good)
    assert (moved.flows["a"].file, moved.errors) == ("flows/early.py", [])


async def test_a_removed_file_is_no_broken_one(project: Project) -> None:
    project.save(one=A, two=B)
    good = await project.load()
    project.remove("two")
    assert list((await project.load(good)).flows) == ["a"]


async def test_a_flow_that_goes_against_another_keeps_its_last_version(project: Project) -> None:
    fate = '@flow(on=files("inbox", failed="{}"))\ndef {}():\n    one()\n'
    project.save(one=fate.format("bad", "a"), two=fate.format("bad", "b"))
    good = await project.load()
    project.save(two=fate.format("worse", "b"))
    kept = await project.load(good)
    assert versions(kept) == versions(good)
    assert list(kept.wrong) == ["b"]
    (error,) = kept.errors
    assert error.file == "flows/two.py"
    first = await project.load()
    assert list(first.flows) == ["a"], "without a last version it is left out"


async def test_with_the_whole_folder_gone_all_go_on(project: Project, tmp_path: Path) -> None:
    project.save(one=A, two=B)
    good = await project.load()
    (tmp_path / "flows").rename(tmp_path / "elsewhere")
    kept = await project.load(good)
    assert versions(kept) == versions(good)
    assert set(kept.wrong) == {"a", "b"}
    (tmp_path / "elsewhere").rename(tmp_path / "flows")
    assert (await project.load(kept)).wrong == {}


async def test_at_the_start_a_broken_file_is_recalled_and_no_other(project: Project) -> None:
    project.save(one=A, two=B)
    stored = (await project.load()).flows
    project.save(one="nonsense(\n", two=B + "# new\n")
    started = await project.start(stored)
    assert started.flows["a"] is stored["a"]
    assert started.flows["b"].version != stored["b"].version
    assert set(started.wrong) == {"a"}


async def test_requirements_count_though_they_are_in_no_version(
    project: Project, tmp_path: Path
) -> None:
    """Else a flow that is broken by them would stay so when they are mended."""
    project.save(one=A.replace("@flow", '@flow(env="envs/one")'))
    broken = await project.load()
    assert broken.flows == {}
    assert broken.snapshot.holds()
    (tmp_path / "envs" / "one").mkdir(parents=True)
    (tmp_path / "envs" / "one" / "requirements.txt").touch()
    assert not broken.snapshot.holds()
    assert list((await project.load()).flows) == ["a"]


async def test_requirements_are_read_in_a_thread_like_flow_files(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers: list[Thread] = []

    def noted(spec: EnvSpec, root: Path) -> Wanted:
        readers.append(current_thread())
        return wanted(spec, root)

    monkeypatch.setattr("triphammer.service.loading.wanted", noted)
    (tmp_path / "envs" / "one").mkdir(parents=True)
    (tmp_path / "envs" / "one" / "requirements.txt").touch()
    project.save(one=A.replace("@flow", '@flow(env="envs/one")'))
    await project.load()
    assert len(readers) == 1
    assert current_thread() not in readers
