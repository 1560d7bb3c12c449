"""Flows of installed packages: named by a module path, or by the package's own entry point."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import cli, saving

FLOW = """
from triphammer import flow, task
from acme.util import VALUE

@task(executor="process")
def told() -> list:
    import acme.lazy
    return [VALUE, acme.lazy.VALUE, __file__]

@flow
def orders():
    return told()
"""
SINGLE = """
from triphammer import flow, task

@task
def one() -> int:
    return 1

@flow
def bolted():
    return one()
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages: acme, and bolt, which has an entry point."""
    folder = tmp_path / "site"
    (tmp_path / ".git").mkdir()
    texts = {
        "acme/__init__.py": "",
        "acme/util.py": "VALUE = 1\n",
        "acme/lazy.py": "VALUE = 1\n",
        "acme/flows/__init__.py": "",
        "acme/flows/_private.py": "1 / 0\n",
        "acme/flows/orders.py": FLOW,
        "bolt_flows.py": SINGLE,
        "bolt-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: bolt\nVersion: 1.0\n",
        "bolt-1.0.dist-info/entry_points.txt": "[triphammer.flows]\nbolt = bolt_flows\n",
    }
    for name, text in texts.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_flows_of_a_named_module_and_of_an_entry_point_serve(
    make_daemon: Serve, site: Path
) -> None:
    env = {"PYTHONPATH": str(site)}
    daemon = make_daemon({}, '[flows]\nmodules = ["acme.flows"]\n', env=env)
    assert daemon.cli("check").stdout.endswith("good flows: bolted, orders; errors: 0\n")
    assert daemon.cli("start", "bolted", "--wait").returncode == 0
    assert daemon.cli("start", "orders", "--wait").returncode == 0
    (run,) = daemon.runs("orders")
    assert run["result"] == [1, 1, str(site / "acme/flows/orders.py")]
    with saving(site.parent):
        (site / "acme" / "util.py").write_text("VALUE = 2\n")
        (site / "acme" / "lazy.py").write_text("VALUE = 2\n")
    daemon.wait_for_line("changed: orders")
    assert daemon.cli("start", "orders", "--wait").returncode == 0
    assert daemon.runs("orders")[0]["result"][:2] == [2, 2]
    assert f"{site}//acme/lazy.py\nVALUE = 1" in daemon.cli("code", run["id"]).stdout


def test_a_package_that_is_installed_anew_goes_on_meanwhile(make_daemon: Serve, site: Path) -> None:
    env = {"PYTHONPATH": str(site)}
    daemon = make_daemon({}, '[flows]\nmodules = ["acme.flows"]\n', env=env)
    shutil.copytree(site / "acme", site.parent / "copy")
    with saving(site.parent):
        shutil.rmtree(site / "acme")
    daemon.wait_for_line("errors; nothing has changed")
    assert "there is no module 'acme.flows'" in daemon.cli("flows").stderr
    assert "orders  broken" in daemon.cli("flows").stdout
    assert daemon.cli("start", "orders", "--wait").returncode == 0
    (site.parent / "copy" / "util.py").write_text("VALUE = 3\n")
    with saving(site.parent):
        shutil.copytree(site.parent / "copy", site / "acme")
    daemon.wait_for_line("changed: orders")
    assert "orders  live" in daemon.cli("flows").stdout


def test_what_is_wrong_in_an_installed_module_is_told_with_its_place(
    tmp_path: Path, site: Path
) -> None:
    (tmp_path / "triphammer.toml").write_text('[flows]\nmodules = ["acme.flows", "acme.none"]\n')
    orders = site / "acme" / "flows" / "orders.py"
    orders.write_text(FLOW.replace("return told()", "return told() or 1"))
    done = cli(tmp_path, "check", env={"PYTHONPATH": str(site), "PATH": ""})
    assert done.returncode == 1
    line = len(FLOW.splitlines())
    assert f"site/acme/flows/orders.py:{line}: " in done.stderr
    assert "there is no module 'acme.none': it is named by [flows] modules" in done.stderr
    assert "good flows: bolted" in done.stdout


def test_serve_takes_a_module_for_the_folder(make_daemon: Serve, site: Path) -> None:
    env = {"PYTHONPATH": str(site)}
    flags = ("--port", "0", "--flows", "acme.flows")
    daemon = make_daemon({"single": SINGLE.replace("bolted", "unused")}, env=env, flags=flags)
    assert [flow["name"] for flow in daemon.get("/api/v1/flows")["items"]] == ["bolted", "orders"]
