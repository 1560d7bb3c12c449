"""Loading 200 flow files that share helper modules: `triphammer check`, the first load and one
after a save, against compiling and executing the same files bare."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

from benchmarks.figures import Figure
from triphammer.flows.loader import FlowSet, load_flows

FILES = 200
TASKS = 8
HELPERS = 10
HELPER = "from lib.base import base\n\ndef helped(x: int) -> int:\n    return base(x) + {n}\n"
BASE = "def base(x: int) -> int:\n    return x\n" + "".join(
    f"\n\ndef more_{n}(x: int) -> int:\n    return x * {n}\n" for n in range(50)
)
TASK = '''
@task(retries=2)
async def task_{n}(x: int) -> int:
    """Task {n} of a flow."""
    return helped(x) + {n}

'''
HEAD = """from triphammer import Event, events, flow, task
from lib.helper_{helper} import helped
"""
FLOW = """
@flow(on=events(type="type.{n}").where({{"data": {{"n": [{n}]}}}}))
def flow_{n}(event: Event, x: int = 1):
"""
AT = "bare compile and exec"


def loading(folder: Path) -> list[Figure]:
    """Seconds; the limit is the bare time, of check with the start of Python added."""
    write(folder)
    bare = _bare(folder)
    first, seconds = _load(folder)
    assert len(first.flows) == FILES, first.errors
    (folder / "flows" / "flow_0.py").open("a").write("\nCHANGED = True\n")
    _, again = _load(folder)
    return [
        Figure("200 flow files: loaded, s", seconds, bare, "s", AT),
        Figure("200 flow files: loaded again after a save, s", again, bare, "s", AT),
        Figure("200 flow files: triphammer check, s", _check(folder), bare + _python(), "s", AT),
    ]


def write(folder: Path) -> None:
    """A project of many flow files."""
    (folder / "flows").mkdir(parents=True)
    (folder / "lib").mkdir()
    (folder / "triphammer.toml").write_text("")
    (folder / "lib" / "base.py").write_text(BASE)
    for n in range(HELPERS):
        (folder / "lib" / f"helper_{n}.py").write_text(HELPER.format(n=n))
    for n in range(FILES):
        text = HEAD.format(helper=n % HELPERS)
        text += "".join(TASK.format(n=t) for t in range(TASKS)) + FLOW.format(n=n)
        calls = ["    r0 = task_0(x)"] + [f"    r{t} = task_{t}(r{t - 1})" for t in range(1, TASKS)]
        text += "\n".join([*calls, f"    return r{TASKS - 1}"]) + "\n"
        (folder / "flows" / f"flow_{n}.py").write_text(text)


def _load(folder: Path) -> tuple[FlowSet, float]:
    began = time.perf_counter()
    found = load_flows(folder, folder / "flows")
    return found, time.perf_counter() - began


def _bare(folder: Path) -> float:
    """Each flow file, and the modules that it imports, compiled and executed: as triphammer
    keeps versions apart, each file has modules of its own."""
    began = time.perf_counter()
    kept = dict(sys.modules)
    for n in range(FILES):
        for name in ("lib", "lib.base", f"lib.helper_{n % HELPERS}"):
            module = sys.modules[name] = ModuleType(name)
            module.__path__ = []
            _execute(folder / f"{name.replace('.', '/')}.py", module)
        _execute(folder / "flows" / f"flow_{n}.py", ModuleType(f"flow_{n}"))
    for name in sys.modules.keys() - kept.keys():
        del sys.modules[name]
    return time.perf_counter() - began


def _execute(file: Path, module: ModuleType) -> None:
    if file.is_file():
        exec(compile(file.read_text(), str(file), "exec"), module.__dict__)


def _check(folder: Path) -> float:
    return _command(folder, "-m", "triphammer", "check")


def _python() -> float:
    return _command(Path.cwd(), "-c", "import triphammer, triphammer.flows.flow")


def _command(folder: Path, *arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began
