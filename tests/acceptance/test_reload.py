"""Saved flow files come into service by themselves: whole, at once, and broken ones not at all."""

from __future__ import annotations

import html
import os
import signal
from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, as_json, saving

FLOW = """
from triphammer import events, flow, task
from lib.helper import VALUE as HELPER

VALUE = 1

@task
def told() -> list[int]:
    import lib.lazy
    return [VALUE, HELPER, lib.lazy.VALUE]

@flow(on=events(type="ask"))
def telling():
    return told()
"""
OTHER = """
from triphammer import flow, task

@task
def one() -> int:
    return 1

@flow
def other():
    return one()
"""


@pytest.fixture(autouse=True)
def working_tree(tmp_path: Path) -> None:
    """Of git, around every project."""
    (tmp_path / ".git").mkdir()


def save(project: Path, value: int, flow: str = FLOW, other: str | None = None) -> None:
    """A version of the flow and its two modules, and of another flow."""
    with saving(project.parent):
        _save(project, value, flow)
        if other is not None:
            (project / "flows" / "other.py").write_text(other)


def _save(project: Path, value: int, flow: str) -> None:
    lib = project / "lib"
    lib.mkdir(exist_ok=True)
    (lib / "helper.py").write_text(f"VALUE = {value}\n")
    (project / "flows" / "telling.py").write_text(flow.replace("VALUE = 1", f"VALUE = {value}"))
    (lib / "lazy.py").write_text(f"VALUE = {value}\n")


def serve(make: Serve, settings: str = "", **more: str) -> DaemonProcess:
    """A daemon on version 1 that was told to load its files, which came after its start."""
    daemon = make({}, settings, **more)
    save(daemon.project, 1, other=OTHER)
    daemon.wait_for_line("new: other, telling")
    return daemon


def ask(daemon: DaemonProcess) -> list[int]:
    """What the tasks of a run tell of the version that they were loaded from."""
    body = {"specversion": "1.0", "type": "ask", "source": "test", "id": os.urandom(8).hex()}
    headers = {"content-type": "application/cloudevents+json"}
    answer = daemon.post("/api/v1/events", json=body, headers=headers).json()
    (run,) = answer["events"][0]["runs"]
    ended = daemon.wait_until(
        lambda: (row := daemon.get(f"/api/v1/runs/{run}"))["state"] == "succeeded" and row
    )
    result: list[int] = ended["result"]
    return result


def test_a_saved_set_of_files_comes_into_service_by_itself(make_daemon: Serve) -> None:
    daemon = serve(make_daemon)
    assert ask(daemon) == [1, 1, 1]
    save(daemon.project, 2)
    daemon.wait_for_line("changed: telling")
    assert ask(daemon) == [2, 2, 2]
    (daemon.project / "lib" / "lazy.py").write_text("VALUE = 3\n")
    daemon.wait_for_line("changed: telling")
    assert ask(daemon) == [2, 2, 3]


def test_new_and_deleted_files_count_and_untouched_sources_do_not(make_daemon: Serve) -> None:
    daemon = serve(make_daemon)
    other = daemon.project / "flows" / "other.py"
    other.touch()
    (daemon.project / "flows" / "telling.py").write_bytes(
        (daemon.project / "flows" / "telling.py").read_bytes()
    )
    (daemon.project / "flows" / "third.py").write_text(OTHER.replace("other", "third"))
    assert "3 flows, 0 errors; new: third" in daemon.wait_for_line("reloaded")
    other.unlink()
    assert "2 flows, 0 errors; removed: other" in daemon.wait_for_line("reloaded")
    assert sum("reloaded" in line for line in daemon.printed) == 3


def test_a_broken_file_keeps_its_last_version_and_the_rest_goes_on(make_daemon: Serve) -> None:
    daemon = serve(make_daemon)
    save(daemon.project, 2, FLOW + "\nnonsense(\n", other=OTHER.replace("other", "second"))
    daemon.wait_for_line("new: second; removed: other")
    assert ask(daemon) == [1, 1, 1]
    assert "flows/telling.py" in daemon.get("/readyz")["parts"]["flows"]["reason"]
    save(daemon.project, 3)
    daemon.wait_for_line("changed: telling")
    assert ask(daemon) == [3, 3, 3]
    assert daemon.get("/readyz")["parts"]["flows"]["ok"]


def test_while_git_is_at_work_nothing_is_loaded(make_daemon: Serve, tmp_path: Path) -> None:
    lock = tmp_path / ".git" / "index.lock"
    daemon = serve(make_daemon)
    lock.touch()
    _save(daemon.project, 2, FLOW)
    daemon.wait_for_line("index.lock is there: flow files are loaded once it is gone")
    assert ask(daemon) == [1, 1, 1]
    lock.unlink()
    daemon.wait_for_line("changed: telling")
    assert ask(daemon) == [2, 2, 2]


def test_links_that_are_swapped_bring_the_new_files(make_daemon: Serve) -> None:
    """As Kubernetes mounts a ConfigMap."""
    daemon = make_daemon({})
    flows = daemon.project / "flows"
    for name, flow in (("..old", "first"), ("..new", "second")):
        (flows / name).mkdir()
        (flows / name / "mapped.py").write_text(OTHER.replace("other", flow))
    (flows / "..data").symlink_to("..old")
    (flows / "mapped.py").symlink_to("..data/mapped.py")
    daemon.wait_for_line("new: first")
    (flows / "..data_tmp").symlink_to("..new")
    (flows / "..data_tmp").rename(flows / "..data")
    daemon.wait_for_line("new: second; removed: first")


def test_with_signal_only_the_signal_loads(make_daemon: Serve) -> None:
    daemon = make_daemon({"other": OTHER}, '[flows]\nreload = "signal"\n')
    (daemon.project / "flows" / "third.py").write_text(OTHER.replace("other", "third"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("new: third")
    assert not any("watch" in line for line in daemon.printed)


def test_a_file_that_is_broken_at_the_start_serves_at_its_last_version(make_daemon: Serve) -> None:
    daemon = serve(make_daemon)
    assert ask(daemon) == [1, 1, 1]
    daemon.kill()
    save(daemon.project, 2, "import nowhere\n" + FLOW)
    daemon.start()
    assert ask(daemon) == [1, 1, 1]
    error = "flows/telling.py:1: ModuleNotFoundError: No module named 'nowhere'"
    shown = daemon.cli("flows")
    assert "telling  broken" in shown.stdout
    assert error in shown.stderr
    assert error in daemon.cli("show", "telling").stdout
    for page in ("/", "/flows/telling"):
        assert error in html.unescape(daemon.text(page))
    assert daemon.get("/api/v1/flows/telling")["error"] == error
    save(daemon.project, 3)
    daemon.wait_for_line("changed: telling")
    assert ask(daemon) == [3, 3, 3]
    assert "telling  live" in daemon.cli("flows").stdout


LISTENER = """
from triphammer import Event, events, flow, task

@task
def note(what: str, errors: list[dict]) -> list:
    return [what, [e["file"] for e in errors]]

@flow(on=events(type=["triphammer.flows.broken", "triphammer.flows.mended"]))
def listener(event: Event):
    return note(event.type, event.data["errors"])
"""


def test_flows_hear_of_broken_and_mended_files(make_daemon: Serve) -> None:
    daemon = make_daemon({"listener": LISTENER, "other": OTHER})
    other = daemon.project / "flows" / "other.py"
    other.write_text("(\n")
    (run,) = daemon.wait_for_runs("listener")
    assert run["result"] == ["triphammer.flows.broken", ["flows/other.py"]]
    other.write_text(OTHER)
    mended, _ = daemon.wait_for_runs("listener", 2)
    assert mended["result"] == ["triphammer.flows.mended", []]


def test_the_verb_tells_what_has_changed_and_what_is_wrong(make_daemon: Serve) -> None:
    daemon = make_daemon({"telling": OTHER}, '[flows]\nreload = "signal"\n')
    done = daemon.cli("reload")
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing has changed\n", "")
    save(daemon.project, 1)
    (daemon.project / "flows" / "bad.py").write_text("\n1 / 0\n")
    done = daemon.cli("reload")
    assert done.returncode == 1
    assert done.stderr == "flows/bad.py:2: ZeroDivisionError: division by zero\n"
    assert done.stdout == "new: telling\nremoved: other\n"
    answer = as_json(daemon.cli("reload", "--json").stdout)
    assert (answer["flows"], answer["added"]) == (1, [])
    assert answer["errors"][0]["line"] == 2


def test_with_reload_off_nothing_is_loaded_again(make_daemon: Serve) -> None:
    daemon = make_daemon({"other": OTHER}, '[flows]\nreload = "off"\n')
    (daemon.project / "flows" / "third.py").write_text(OTHER.replace("other", "third"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_line("restart to load the flows again")
    done = daemon.cli("reload")
    assert done.returncode == 1
    assert 'reload is "off"' in done.stderr
    assert "third" not in daemon.cli("flows").stdout


def test_the_code_of_any_run_can_be_shown_and_compared(make_daemon: Serve) -> None:
    daemon = serve(make_daemon)
    ask(daemon)
    (run,) = daemon.runs("telling")
    save(daemon.project, 2)
    daemon.wait_for_line("changed: telling")
    shown = daemon.cli("code", run["id"][:30]).stdout
    assert "# --- flows/telling.py" in shown
    assert "# --- lib/lazy.py\nVALUE = 1\n" in shown
    assert daemon.cli("code", "telling", "--file", "lib/helper.py").stdout == "VALUE = 2\n"
    listed = daemon.cli("code", "telling", "--list").stdout
    assert listed.count("flows/telling.py") == 2
    assert "live" in listed
    diff = daemon.cli("code", run["id"], "--diff", "live").stdout
    assert "--- a/lib/lazy.py\n+++ b/lib/lazy.py\n@@ -1 +1 @@\n-VALUE = 1\n+VALUE = 2\n" in diff
    assert daemon.cli("code", "telling", "--diff", run["version"][:8]).stdout == diff
    same = daemon.cli("code", run["id"], "--diff", run["version"])
    assert same.stdout == "no difference\n"
    assert "no version 'zz'" in daemon.cli("code", "telling", "--version", "zz").stderr
    assert "it has flows/telling.py" in daemon.cli("code", "telling", "--file", "x").stderr


def test_runs_of_a_removed_flow_go_on_and_it_is_shown_until_they_are_gone(
    make_daemon: Serve,
) -> None:
    daemon = serve(make_daemon)
    ask(daemon)
    assert daemon.cli("pause", "telling").returncode == 0
    daemon.cli("emit", "ask")
    (daemon.project / "flows" / "telling.py").unlink()
    daemon.wait_for_line("removed: telling")
    told = "flow telling is removed, and paused with 1 queued runs: `triphammer resume telling`"
    assert any(told in line for line in daemon.printed)
    assert told in daemon.cli("reload").stdout
    daemon.kill()
    daemon.start()
    shown = daemon.cli("flows").stdout
    assert "telling  removed, paused  nothing; 1 runs go on" in shown
    assert "removed, paused" in daemon.cli("show", "telling").stdout
    assert "removed" in daemon.text("/flows")
    assert daemon.cli("start", "telling").returncode == 1
    assert "Start a run" not in daemon.text("/flows/telling")
    browser = {"accept": "text/html"}
    form = httpx.post(f"{daemon.url}/flows/telling/runs", headers=browser, trust_env=False)
    assert (form.status_code, "no flow is named" in form.text) == (404, True)
    assert form.headers["content-type"].startswith("text/html")
    assert daemon.cli("resume", "telling").returncode == 0
    assert daemon.wait_for_runs("telling", 2)[0]["result"] == [1, 1, 1]


SLOW = """
import os
import time
from triphammer import flow, task
from lib.helper import VALUE as HELPER

time.sleep(0.3)
VALUE = 1

@task
def told() -> list[int]:
    return [VALUE, HELPER]

@flow
def slow():
    return told()
"""


MEETING = """
if os.path.exists({imported!r}):
    open({imported!r}, "w").close()
    open({saved!r}).close()
"""
"""Two pipes: the first import goes on once the test has saved more, however slow the test is."""


def test_what_is_saved_while_a_set_is_loaded_is_waited_for(make_daemon: Serve) -> None:
    """A module is saved just after quiet, while others are imported: the set is not whole yet."""
    daemon = make_daemon({})
    lib = daemon.project / "lib"
    lib.mkdir()
    file = daemon.project / "flows" / "slow.py"
    (lib / "helper.py").write_text("VALUE = 1\n")
    file.write_text(SLOW)
    daemon.wait_for_line("new: slow")
    for value in (2, 3):
        imported, saved = (daemon.project / f"{name}{value}" for name in ("imported", "saved"))
        os.mkfifo(imported)
        os.mkfifo(saved)
        text = SLOW.replace("VALUE = 1", f"VALUE = {value}")
        meeting = MEETING.format(imported=str(imported), saved=str(saved))
        file.write_text(text.replace("time.sleep", f"{meeting}time.sleep"))
        imported.open().close()
        imported.unlink()
        (lib / "helper.py").write_text(f"VALUE = {value}\n")
        saved.open("w").close()
        daemon.wait_for_line("changed: slow")
        run = as_json(daemon.cli("start", "slow", "--wait", "--json").stdout)
        assert run["result"] == [value, value]
    assert len(daemon.get("/api/v1/flows/slow/versions")["items"]) == 3  # none of mixed files


def test_a_flow_file_that_writes_modules_while_it_is_imported_is_loaded(make_daemon: Serve) -> None:
    daemon = make_daemon({})
    (daemon.project / "lib").mkdir()
    (daemon.project / "lib" / "helper.py").write_text("VALUE = 1\n")
    write = (
        "import time\nopen('lib/made.py', 'w').write(f'AT = {time.time()}')\nimport lib.helper\n"
    )
    (daemon.project / "flows" / "other.py").write_text(write + OTHER)
    daemon.wait_for_line("new: other")
