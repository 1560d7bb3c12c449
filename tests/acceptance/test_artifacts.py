"""Artifacts over HTTP: kept by tasks wherever they run, served as files and never as pages."""

from __future__ import annotations

import hashlib
import sqlite3

import httpx
import pytest

from tests.acceptance.conftest import Serve

FLOWS = {
    "reports": """
from triphammer import Artifact, artifact, context, flow, task

ROWS = 300_000


@task
def write() -> Artifact:
    path = context().workdir / "rows.csv"
    with path.open("w") as file:
        for n in range(ROWS):
            file.write(f"{n}\\n")
    context().artifact("page.html", "<script>alert(1)</script>", "text/html")
    return artifact(path)


@task
def count(rows: Artifact) -> int:
    with rows.open() as lines:
        return sum(1 for _ in lines)


@task
def too_large() -> Artifact:
    return artifact(b"x" * 3_000_000, name="big")


@flow
def in_threads():
    return count(write())


@flow
def in_processes():
    return count.options(executor="process")(write.options(executor="process")())


@flow
def large():
    return too_large.options(retries=3)()
""",
}
ROWS = "".join(f"{n}\n" for n in range(300_000)).encode()


@pytest.mark.parametrize("flow", ["in_threads", "in_processes"])
def test_kept_streamed_and_listed(make_daemon: Serve, flow: str) -> None:
    daemon = make_daemon(FLOWS)
    done = daemon.cli("start", flow, "--wait")
    assert done.returncode == 0, done.stderr
    run = daemon.runs(flow)[0]
    assert run["result"] == 300_000
    page, rows = daemon.get(f"/api/v1/runs/{run['id']}/artifacts")["items"]
    digest = hashlib.sha256(ROWS).hexdigest()
    assert rows["digest"] == digest
    assert (rows["name"], rows["task"], rows["media_type"], rows["size"]) == (
        "rows.csv",
        "write",
        "text/csv",
        len(ROWS),
    )
    (written, _) = daemon.get(f"/api/v1/runs/{run['id']}")["tasks"]
    assert written["result"]["artifact"] == digest
    assert "rows.csv" in daemon.cli("show", run["id"]).stdout
    assert f"/api/v1/artifacts/{digest}" in daemon.text(f"/runs/{run['id']}?tab=results")
    with httpx.Client(base_url=daemon.url, trust_env=False) as client:
        whole = client.get(rows["url"])
        assert whole.content == ROWS
        assert whole.headers["content-type"] == "text/csv"
        assert whole.headers["etag"] == f'"{digest}"'
        part = client.get(rows["url"], headers={"Range": "bytes=100000-100999"})
        assert (part.status_code, part.content) == (206, ROWS[100_000:101_000])
        assert part.headers["content-range"] == f"bytes 100000-100999/{len(ROWS)}"
        beyond = client.get(rows["url"], headers={"Range": f"bytes={len(ROWS)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (
            416,
            f"bytes */{len(ROWS)}",
        )
        again = client.get(rows["url"], headers={"If-None-Match": f'"{digest}"'})
        assert (again.status_code, again.content) == (304, b"")
        head = client.head(rows["url"])
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(ROWS)))
        shown = client.get(page["url"])
        stored = client.get(f"/api/v1/runs/{run['id']}/stored/{page['digest']}")
        piece = client.get(
            f"/api/v1/runs/{run['id']}/stored/{digest}", headers={"Range": "bytes=-5"}
        )
    assert shown.text == "<script>alert(1)</script>"
    assert shown.headers["content-disposition"].startswith("attachment;")
    assert shown.headers["content-security-policy"].startswith("sandbox;")
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert (stored.text, stored.headers["content-type"]) == (shown.text, "application/octet-stream")
    assert stored.headers["content-disposition"].startswith("attachment;")
    assert stored.headers["content-security-policy"].startswith("sandbox;")
    assert (piece.status_code, piece.content) == (206, ROWS[-5:])


@pytest.mark.parametrize("below", ["artifacts", "runs/{run}/stored"])
def test_what_is_none_and_what_lies_beside_is_not_served(make_daemon: Serve, below: str) -> None:
    daemon = make_daemon(FLOWS)
    assert daemon.cli("start", "in_threads", "--wait").returncode == 0
    digest = hashlib.sha256(ROWS).hexdigest()
    below = below.format(run=daemon.runs("in_threads")[0]["id"])
    data = daemon.project / ".triphammer"
    beside = data / "artifacts" / "ab" / ("c" * 62)
    beside.parent.mkdir(parents=True, exist_ok=True)
    beside.write_bytes(b"a pickle, say")
    for path in (
        "..%2f..%2ftriphammer.db",
        "../../triphammer.db",
        "%2e%2e/%2e%2e/triphammer.db",
        f"{digest[:2]}/{digest[2:]}",
        f"{digest}/../{digest}",
        digest.upper(),
        digest[:-1],
        f"{digest}%00",
        "ab" + "c" * 62,
        "0" * 64,
    ):
        url = f"{daemon.url}/api/v1/{below}/{path}"
        answer = httpx.get(url, trust_env=False)
        wanted = 200 if answer.url.path.endswith(f"/{digest}") and "/../" in path else 404
        assert answer.status_code == wanted, path
        assert b"SQLite" not in answer.content
    (data / "artifacts" / digest[:2] / digest[2:]).unlink()
    gone = httpx.get(f"{daemon.url}/api/v1/{below}/{digest}", trust_env=False)
    assert (gone.status_code, "missing" in gone.json()["detail"]) == (404, True)


def test_one_that_is_too_large_fails_its_task_by_name(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS, '[limits]\nartifact = "2MB"\n')
    assert daemon.cli("start", "large", "--wait").returncode == 1
    (run,) = daemon.runs("large")
    (task,) = daemon.get(f"/api/v1/runs/{run['id']}")["tasks"]
    assert task["error"]["message"] == (
        "the artifact big of too_large has at least 3MB; [limits] artifact allows 2MB"
    )
    assert task["attempt"] == 1
    assert daemon.get(f"/api/v1/runs/{run['id']}/artifacts")["items"] == []


def test_retention_takes_those_that_no_row_names(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    assert daemon.cli("start", "in_threads", "--wait").returncode == 0
    assert daemon.stop() == 0
    files = daemon.project / ".triphammer" / "artifacts"
    digest = hashlib.sha256(ROWS).hexdigest()
    kept = files / digest[:2] / digest[2:]
    loose = files / "ab" / ("c" * 62)
    loose.parent.mkdir(exist_ok=True)
    loose.write_bytes(b"named by nobody")
    daemon.start()  # what was put before is not fresh to it any more
    assert daemon.post("/api/v1/prune").json()["artifacts"] == 1
    assert (kept.exists(), loose.exists()) == (True, False)
    assert daemon.cli("db", "check").returncode == 0
    assert daemon.stop() == 0
    with sqlite3.connect(daemon.project / ".triphammer" / "triphammer.db") as raw:
        raw.execute("DELETE FROM artifacts")
        raw.execute("UPDATE tasks SET result = NULL")
    daemon.start()
    assert daemon.post("/api/v1/prune").json()["artifacts"] == 2
    assert not kept.exists()
