"""Kafka's official jars, fetched once by Maven into a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).with_name("pom.xml")
NAME = f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


class Unavailable(RuntimeError):
    """Kafka cannot be run here; the text says what is missing."""


def kafka_jars() -> Path:
    """The folder with the jars. Raises `Unavailable`."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed: Apache Kafka needs Java 17 and Maven")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    # Named for what was asked for: another pom is another folder.
    folder = caches / "triphammer" / NAME
    if not folder.is_dir():
        _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Fetched aside and renamed: a fetch that was cut off leaves no half of a cache.
    fresh = Path(tempfile.mkdtemp(dir=folder.parent))
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
    done = subprocess.run(
        [*command, f"-DoutputDirectory={fresh}"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(fresh)
        raise Unavailable(f"Maven could not fetch Kafka: {done.stdout[-500:]}{done.stderr[-500:]}")
    if folder.is_dir():
        shutil.rmtree(fresh)
    else:
        fresh.rename(folder)


if __name__ == "__main__":
    try:
        print(f"Apache Kafka is in {kafka_jars()}")
    except Unavailable as error:
        raise SystemExit(str(error)) from None
