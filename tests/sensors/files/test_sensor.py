from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import TaskStatus

from tests.sensors.files.running import (
    context_of,
    emissions_until,
    running,
    versions,
    write,
    write_in_place,
)
from tests.sensors.harness import Recorder, spec_of
from triphammer.config.clock import SystemClock
from triphammer.config.source import Source
from triphammer.sensors.contract import DeadRecord
from triphammer.sensors.errors import SensorError, SourceError, StoreUnavailable
from triphammer.sensors.files import done_file, files
from triphammer.sensors.files.identity import identity_at
from triphammer.sensors.files.inotify import Inotify
from triphammer.sensors.files.move import is_current, move
from triphammer.sensors.files.sensor import FilesSensor
from triphammer.sensors.samples import file_event

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    return tmp_path / "inbox"


def quick(inbox: Path, *globs: str, **options: Any) -> Source:
    chosen: dict[str, Any] = {"settle": "20ms", **options}
    return files(inbox, *globs, **chosen)


async def rename(source: Path, target: Path) -> None:
    await anyio.Path(source).rename(target)


async def test_an_event_is_what_the_sample_says(inbox: Path) -> None:
    recorder = Recorder()
    async with running(quick(inbox, "**"), recorder):
        await write(inbox / "sub" / "a.csv", b"content")
        (event,) = await recorder.wait_for(1)
    sample = file_event(inbox / "sub" / "a.csv", root=inbox)
    same = ("id", "source", "type", "subject", "data")
    assert [getattr(event, name) for name in same] == [getattr(sample, name) for name in same]
    assert event.extensions["identity"] == identity_at(inbox / "sub" / "a.csv")
    assert is_current(event.data["path"], event.extensions["identity"])
    assert recorder.emissions[0].claims == {}


async def test_created_changed_gone_and_created_again(inbox: Path) -> None:
    recorder = Recorder()
    async with running(quick(inbox), recorder):
        await write(inbox / "a", b"1")
        await recorder.wait_for(1)
        await write(inbox / "a", b"22")
        await recorder.wait_for(2)
        await anyio.Path(inbox / "a").unlink()
        await emissions_until(recorder, "a", forgotten=True)
        await write(inbox / "a", b"333")
        await recorder.wait_for(3)
    kinds = [event.type.rpartition(".")[2] for event in recorder.events]
    assert kinds == ["created", "changed", "created"]


async def test_moved_away_and_back_is_a_duplicate(inbox: Path) -> None:
    recorder = Recorder()
    async with running(quick(inbox), recorder):
        await write(inbox / "a", b"1")
        await recorder.wait_for(1)
        await rename(inbox / "a", inbox.parent / "a")
        await emissions_until(recorder, "a", forgotten=True)
        await rename(inbox.parent / "a", inbox / "a")
        await emissions_until(recorder, "a")
    ids = [event.id for emission in recorder.emissions for event in emission.events]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_what_happened_during_a_stop_is_told_at_the_start(inbox: Path) -> None:
    recorder = Recorder()
    async with running(quick(inbox), recorder):
        for name in ("same", "changed", "gone"):
            await write(inbox / name, b"1")
        await recorder.wait_for(3)
    await write(inbox / "changed", b"22")
    await anyio.Path(inbox / "gone").unlink()
    await write(inbox / "new")
    async with running(quick(inbox), recorder):
        await recorder.wait_for(5)
        await emissions_until(recorder, "gone", forgotten=True)
    told = {event.subject: event.type.rpartition(".")[2] for event in recorder.events[3:]}
    assert told == {"changed": "changed", "new": "created"}


async def test_dot_files_and_what_no_glob_names_are_left_alone(inbox: Path) -> None:
    recorder = Recorder()
    async with running(quick(inbox, "*.csv", ".keep/*"), recorder):
        for name in (".a.csv", "sub/a.csv", "a.txt", ".keep/x", "last.csv"):
            await write(inbox / name)
        await recorder.wait_for(2)
    assert [path for path, _ in versions(recorder)] == [".keep/x", "last.csv"]


async def test_claims_and_moves_within_the_watched_folder(inbox: Path) -> None:
    recorder = Recorder()
    async with running(quick(inbox, "**/*.csv", done="done", failed="../failed"), recorder):
        await write(inbox / "sub" / "a.csv")
        (event,) = await recorder.wait_for(1)
        claim = recorder.emissions[0].claims[event.key]
        assert (claim.path, claim.name) == (event.data["path"], "sub/a.csv")
        assert (claim.done, claim.failed) == (str(inbox / "done"), str(inbox.parent / "failed"))
        moved = await anyio.to_thread.run_sync(move, claim, False, event.key)
        assert moved.to == str(inbox / "done" / "sub" / "a.csv")
        await emissions_until(recorder, "sub/a.csv", forgotten=True)
        await write(inbox / "b.csv")
        await recorder.wait_for(2)
    async with running(quick(inbox, "**/*.csv", done="done", failed="../failed"), recorder):
        await write(inbox / "c.csv")
        await recorder.wait_for(3)
    assert [path for path, _ in versions(recorder)] == ["b.csv", "c.csv", "sub/a.csv"]


async def test_renamed_in_files_do_not_wait_and_written_ones_do(inbox: Path) -> None:
    recorder = Recorder()
    source = quick(inbox, "*.csv", ready="rename", settle="1h")
    async with running(source, recorder):
        await write_in_place(inbox / "written.csv")
        await write(inbox / "b.tmp")
        await rename(inbox / "b.tmp", inbox / "b.csv")
        await recorder.wait_for(1)
    assert versions(recorder) == [("b.csv", 1)]
    async with running(source, recorder):
        await recorder.wait_for(2)


async def test_a_marker_makes_a_file_whole(inbox: Path) -> None:
    recorder = Recorder()
    source = quick(inbox, ready=done_file())
    async with running(source, recorder):
        await write_in_place(inbox / "later", b"part")
        await write_in_place(inbox / "a", b"whole")
        await write_in_place(inbox / "a.done")
        await recorder.wait_for(1)
        await anyio.Path(inbox / "a.done").unlink()
        await write_in_place(inbox / "a", b"the second")
        await write_in_place(inbox / "a.done")
        await recorder.wait_for(2)
    await write(inbox / "later.done")
    async with running(source, recorder):
        await recorder.wait_for(3)
    assert versions(recorder) == [("a", 5), ("a", 10), ("later", 4)]


async def test_immediate_tells_of_a_file_at_once_and_of_its_versions(inbox: Path) -> None:
    recorder = Recorder()
    async with running(quick(inbox, ready="immediate", settle="1h"), recorder):
        stream = await anyio.open_file(inbox / "a", "wb")
        await recorder.wait_for(1)
        await stream.write(b"content")
        await stream.aclose()
        await recorder.wait_for(2)
    assert versions(recorder) == [("a", 0), ("a", 7)]


async def test_folders_that_come_move_and_go(inbox: Path) -> None:
    recorder = Recorder()
    async with running(quick(inbox, "**"), recorder):
        await write(inbox / "one" / "deep" / "a")
        await recorder.wait_for(1)
        await rename(inbox / "one", inbox / "two")
        await recorder.wait_for(2)
        await emissions_until(recorder, "one/deep/a", forgotten=True)
        await write(inbox / "two" / "deep" / "b")
        await recorder.wait_for(3)
        await anyio.to_thread.run_sync(shutil.rmtree, inbox / "two")
        await emissions_until(recorder, "two/deep/b", forgotten=True)
        await write(inbox / "two" / "c")
        await recorder.wait_for(4)
    subjects = [str(event.subject) for event in recorder.events]
    assert subjects == ["one/deep/a", "two/deep/a", "two/deep/b", "two/c"]
    assert recorder.positions.keys() == {"two/c"}


async def test_a_name_that_is_no_text_becomes_a_dead_record_once(inbox: Path) -> None:
    recorder = Recorder()
    await write(Path(os.fsdecode(os.fsencode(inbox) + b"/caf\xe9.csv")))
    for number in range(2):
        async with running(quick(inbox), recorder):
            await write(inbox / f"{number}.csv")
            await recorder.wait_for(number + 1)
    (dead,) = [record for emission in recorder.emissions for record in emission.dead]
    assert isinstance(dead, DeadRecord)
    assert dead.payload == b"caf\xe9.csv"
    assert "caf\\xe9.csv" in dead.reason
    assert "not UTF-8" in dead.reason


async def test_batches_are_bounded(inbox: Path) -> None:
    recorder = Recorder()
    for number in range(450):
        await write(inbox / str(number))
    async with running(quick(inbox), recorder):
        await recorder.wait_for(450)
    assert max(len(emission.events) for emission in recorder.emissions) <= 200


async def test_a_store_that_is_away_delays_only(inbox: Path) -> None:
    recorder = Recorder()
    recorder.failures = [StoreUnavailable("the disk is full", retry_after=0.01)]
    async with running(quick(inbox), recorder):
        await write(inbox / "a")
        await recorder.wait_for(1)
    assert "the disk is full" in recorder.reasons
    assert recorder.reason is None


async def test_a_missing_folder_is_made_and_said(
    inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()
    async with running(quick(inbox / "deep"), recorder):
        await write(inbox / "deep" / "a")
        await recorder.wait_for(1)
    assert "was missing and has been created" in caplog.text


async def run_to_its_end(
    source: Source, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> str:
    """The reason why the sensor ended by itself."""
    sensor = FilesSensor.build(context_of(source, Recorder()))
    with pytest.RaisesGroup(SensorError, allow_unwrapped=True, flatten_subgroups=True) as caught:
        await sensor.run(task_status=task_status)
    error: BaseException = caught.value
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


async def test_a_folder_that_cannot_be_read_is_named(inbox: Path) -> None:
    await write(inbox, b"a file in its place")
    reason = await run_to_its_end(quick(inbox))
    assert str(inbox) in reason
    assert "may list and enter" in reason


async def test_without_permission_the_folder_is_named(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    await anyio.Path(inbox).mkdir()
    monkeypatch.setattr(Inotify, "watch", refused)
    assert "Permission denied" in await run_to_its_end(quick(inbox))


async def test_a_folder_below_that_cannot_be_read_is_reported(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, recorder = Inotify.watch, Recorder()

    def refused(self: Inotify, folder: str) -> None:
        if folder == "closed":
            raise PermissionError(13, "Permission denied")
        watch(self, folder)

    (inbox / "closed").mkdir(parents=True)
    monkeypatch.setattr(Inotify, "watch", refused)
    async with running(quick(inbox, "**"), recorder):
        await write(inbox / "a")
        await recorder.wait_for(1)
    assert recorder.reason == f"cannot read the folder {inbox}/closed: Permission denied"


@pytest.mark.parametrize("how", ["removed", "moved"])
async def test_a_folder_that_is_lost_ends_the_sensor(inbox: Path, how: str) -> None:
    reasons: list[str] = []

    async def run(*, task_status: TaskStatus[None]) -> None:
        reasons.append(await run_to_its_end(quick(inbox), task_status=task_status))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            await group.start(run)
            if how == "removed":
                await anyio.Path(inbox).rmdir()
            else:
                await rename(inbox, inbox.parent / "elsewhere")
    assert "removed, moved or unmounted" in reasons[0]


async def test_a_full_queue_of_the_kernel_is_made_up_for(
    inbox: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    limit = int(await anyio.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 40_000:
        pytest.skip("the queue is too long to be filled here")
    recorder = Recorder()
    count = limit // 2 + 100
    async with running(quick(inbox, "**"), recorder):
        for number in range(count):
            # On the loop: nothing is read from the queue meanwhile.
            (inbox / f"{number}").touch()
        (inbox / "sub").mkdir()
        (inbox / "sub" / "a").touch()
        await recorder.wait_for(count + 1)
    assert "queue of file notifications was full" in caplog.text
    assert len(recorder.positions) == count + 1


async def test_at_the_limit_of_watches_it_says_so_and_polls(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Inotify, "watch", full)
    async with running(quick(inbox, "**"), recorder):
        assert "fs.inotify.max_user_watches" in str(recorder.reason)
        await write(inbox / "new" / "a")
        await recorder.wait_for(1)
        await anyio.Path(inbox / "new" / "a").unlink()
        await emissions_until(recorder, "new/a", forgotten=True)


async def test_at_the_limit_while_it_watches_it_is_started_anew(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons: list[str] = []

    async def run(*, task_status: TaskStatus[None]) -> None:
        reasons.append(await run_to_its_end(quick(inbox, "**"), task_status=task_status))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            await group.start(run)
            monkeypatch.setattr(Inotify, "watch", full)
            await anyio.Path(inbox / "new").mkdir()
    assert "limits are reached" in reasons[0]


async def test_what_no_notification_tells_of_the_periodic_scan_finds(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(*_: Any) -> None:
        """Tells nobody."""

    monkeypatch.setattr(Inotify, "_tell", deaf)
    monkeypatch.setattr("triphammer.sensors.files.sensor.RECONCILE_SECONDS", 0.02)
    recorder = Recorder()
    async with running(quick(inbox, "**"), recorder):
        await write(inbox / "new" / "a")
        await recorder.wait_for(1)
        await anyio.Path(inbox / "new" / "a").unlink()
        await emissions_until(recorder, "new/a", forgotten=True)


async def test_a_moved_ancestor_is_noticed_by_the_periodic_scan(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triphammer.sensors.files.sensor.RECONCILE_SECONDS", 0.02)
    reasons: list[str] = []
    source = quick(inbox / "deep" / "er")

    async def run(*, task_status: TaskStatus[None]) -> None:
        reasons.append(await run_to_its_end(source, task_status=task_status))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            await group.start(run)
            await rename(inbox / "deep", inbox / "elsewhere")
    assert "cannot be read: No such file" in reasons[0]


async def test_where_there_is_no_inotify_watchfiles_tells(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triphammer.sensors.files.sensor.SUPPORTED", False)
    recorder = Recorder()
    async with running(quick(inbox, "**"), recorder):
        assert recorder.reason is None
        await write(inbox / "new" / "deep" / "a")
        await recorder.wait_for(1)


def test_merge_joins_globs(inbox: Path) -> None:
    specs = [spec_of(files(inbox, glob), f"f{glob}") for glob in ("*.b", "*.a", "*.b")]
    assert FilesSensor.merge(specs).options["globs"] == ["*.a", "*.b"]


@pytest.mark.parametrize(
    "other",
    [{"done": "elsewhere"}, {"failed": "broken"}, {"settle": "1s"}, {"ready": "rename"}],
)
def test_flows_that_want_different_fates_are_refused(inbox: Path, other: dict[str, Any]) -> None:
    one = spec_of(files(inbox, "*.a"))
    with pytest.raises(SourceError, match="two flows want different fates"):
        FilesSensor.merge([one, spec_of(files(inbox, "*.b", **other))])


async def test_a_relative_folder_is_below_the_root(tmp_path: Path) -> None:
    recorder = Recorder()
    context = replace(context_of(quick(Path("inbox")), recorder), root=tmp_path)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            await group.start(FilesSensor.build(context).run)
            await write(tmp_path / "inbox" / "a")
            await recorder.wait_for(1)
            group.cancel_scope.cancel()
    (event,) = recorder.events
    assert event.source == "triphammer/files/inbox"
    assert event.data["path"] == str(tmp_path / "inbox" / "a")


class SetClock(SystemClock):
    """The machine's clock, set forward by hand: or the machine was suspended for so long."""

    def __init__(self) -> None:
        self.ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


async def test_a_step_of_the_clock_is_no_time_in_which_the_writer_was_quiet(inbox: Path) -> None:
    clock, recorder = SetClock(), Recorder()
    context = replace(context_of(quick(inbox, ready="rename", settle="2s"), recorder), clock=clock)
    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            await group.start(FilesSensor.build(context).run)
            await write_in_place(inbox / "slowly", b"a half")
            await write(inbox / "first")
            await emissions_until(recorder, "first")  # so the half is known, too
            clock.ahead = 3_600_000_000
            await write(inbox / "second")
            await emissions_until(recorder, "second")
            await write_in_place(inbox / "slowly", b"a half and the other")
            await emissions_until(recorder, "slowly")
            group.cancel_scope.cancel()
    assert versions(recorder) == [("first", 1), ("second", 1), ("slowly", 20)]
