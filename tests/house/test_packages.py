"""The sdist and the wheel hold what they should, and the wheel works by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from tests.house.tracked import ROOMS, ROOT, tracked

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An sdist of the tracked files, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("packages")
    clean = folder / "tree"
    clean.mkdir()
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    subprocess.run(
        ["tar", "--null", "-cf", str(folder / "tree.tar"), "-T", "-"],
        cwd=ROOT,
        input=files,
        check=True,
    )
    subprocess.run(["tar", "-xf", str(folder / "tree.tar"), "-C", str(clean)], check=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(clean)],
        capture_output=True,
        check=True,
    )
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(packages: tuple[Path, Path]) -> None:
    wheel = packages[1]
    assert wheel.stat().st_size < 2_000_000
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    face = {f for f in tracked("triphammer") if not (ROOT / f).is_symlink()}
    rooms = {f"triphammer/{f}" for f in tracked(*ROOMS)}
    assert names == face | rooms


def test_the_sdist_holds_the_sources_once(packages: tuple[Path, Path]) -> None:
    with tarfile.open(packages[0]) as archive:
        names = {n.partition("/")[2] for n in archive.getnames()}
    assert set(tracked(*ROOMS)) <= names
    assert not any(n.startswith(tuple(f"triphammer/{room}/" for room in ROOMS)) for n in names)


def test_the_wheel_serves_beside_folders_of_the_same_names(
    packages: tuple[Path, Path], tmp_path: Path
) -> None:
    """In an environment with nothing but the wheel and its dependencies."""
    target = tmp_path / "env"
    venv.create(target, with_pip=False, symlinks=True)
    site = next((target / "lib").glob("python*")) / "site-packages"
    with zipfile.ZipFile(packages[1]) as archive:
        archive.extractall(site)
    # The dependencies are those of this environment; our own editable install is left out.
    ours = next(p for p in map(Path, sys.path) if (p / "msgspec").is_dir())
    for item in ours.iterdir():
        ours_too = item.name.startswith(("triphammer", "_triphammer", "_editable"))
        if not ours_too and not (site / item.name).exists():
            (site / item.name).symlink_to(item)
    python = str(target / "bin" / "python")
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def run(*arguments: str, cwd: Path) -> str:
        done = subprocess.run(
            [python, "-m", "triphammer", *arguments],
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("init", "demo", cwd=tmp_path)
    demo = tmp_path / "demo"
    for room in ("config", "service", "sensors"):
        (demo / room).mkdir()
        (demo / room / "__init__.py").write_text("raise RuntimeError('a user module')\n")
    assert "good flows: hello; errors: 0" in run("check", cwd=demo)
    (demo / "inbox" / "a.txt").write_text("two words")
    event = '{"data": {"path": "inbox/a.txt"}}'
    assert "hello succeeded" in run("run", "hello", "--event", event, cwd=demo)
