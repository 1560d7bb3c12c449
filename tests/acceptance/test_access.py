"""The daemon on an address that others reach: who gets in, and to what."""

from __future__ import annotations

import json
import sqlite3
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess, NotUp, cli, project
from tests.service.web.test_scopes import example, needed
from triphammer.service.access.routes import RULES
from triphammer.service.access.scopes import SCOPES, granted

FLOWS = {
    "all": """
from triphammer import Event, flow, task, webhook

@task
async def given(value: object) -> object:
    return value

@flow(on=webhook("in"))
def taking(event: Event) -> object:
    return given(event.data)
"""
}
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ANYWHERE = ("--host", "0.0.0.0", "--port", "0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path / "project", FLOWS)


def token(folder: Path, name: str, *scopes: str) -> str:
    """A new token, made in the folder of no daemon."""
    flags = [text for scope in scopes for text in ("--scope", scope)]
    done = cli(folder, "token", "create", name, *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def tokens(folder: Path) -> Mapping[str, str]:
    return {scope: token(folder, scope, scope) for scope in SCOPES}


@pytest.fixture
def daemon(folder: Path, tokens: Mapping[str, str]) -> Iterator[DaemonProcess]:
    started = DaemonProcess(folder).start(*ANYWHERE)
    yield started
    started.kill()


def ask(
    daemon: DaemonProcess, method: str, path: str, token: str | None = None, **options: Any
) -> httpx.Response:
    """The head of an answer: one does not end."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    # There is no TLS here, and to read all authorities takes longer than to ask.
    asking = httpx.Client(
        base_url=daemon.url, trust_env=False, timeout=30, headers=headers, verify=NO_TLS
    )
    with asking as client, client.stream(method, path, **options) as answer:
        if not path.startswith("/api/v1/stream") or answer.is_error:
            answer.read()
        return answer


def test_without_tokens_it_does_not_start_where_others_reach_it(folder: Path) -> None:
    daemon = DaemonProcess(folder)
    with pytest.raises(NotUp) as refused:
        daemon.start(*ANYWHERE)
    (line,) = str(refused.value).splitlines()
    assert line.startswith("error: 0.0.0.0 can be reached from other machines")
    assert "triphammer token create" in line
    assert "--open" in line
    assert daemon.wait() == 1
    assert daemon.start(*ANYWHERE, "--open").get("/api/v1/flows")["items"]
    daemon.kill()


def test_the_scope_matrix_over_every_route(
    daemon: DaemonProcess, tokens: Mapping[str, str]
) -> None:
    document = ask(daemon, "GET", "/openapi.json", tokens["read"]).json()
    described = {
        (method.upper(), example(path)): told["security"]
        for path, methods in document["paths"].items()
        for method, told in methods.items()
    }
    assert len(described) > 40
    routes = {(method, example(path)): need for (method, path), need in needed().items()}
    for (method, path), told in described.items():
        need = routes.setdefault((method, path), RULES.need(method, path))
        assert told == ([] if need == "public" else [{"token": [need]}])
    for (method, path), need in routes.items():
        assert is_refused(ask(daemon, method, path)) is (need != "public"), (method, path)
        for scope, text in tokens.items():
            refused = is_refused(answer := ask(daemon, method, path, text, json={}))
            assert refused is not (need == "public" or need in granted([scope])), (path, scope)
            assert answer.status_code == 403 or not refused, (path, scope)
            assert answer.status_code < 500, (path, scope)


def is_refused(answer: httpx.Response) -> bool:
    """Whether the guard let nobody through: a route may say 401 as well, of what it was sent."""
    return "www-authenticate" in answer.headers


def test_what_is_not_in_the_document_is_shut_as_well(
    daemon: DaemonProcess, tokens: Mapping[str, str]
) -> None:
    for path in ("/", "/runs", "/events", "/flows/all", "/docs", "/openapi.json", "/metrics", "/x"):
        assert ask(daemon, "GET", path).status_code == 401, path
        assert ask(daemon, "GET", path, tokens["emit"]).status_code == 403, path
        assert ask(daemon, "GET", path, tokens["read"]).status_code in (200, 404), path
    assert ask(daemon, "DELETE", "/api/v1/runs/x", tokens["operate"]).status_code == 403
    assert ask(daemon, "GET", "/static/console.css").status_code == 200
    assert ask(daemon, "POST", "/hooks/in", json={}).status_code == 202
    health = ask(daemon, "GET", "/readyz")
    assert (health.status_code, health.json()["parts"]) == (200, {})
    assert "store" in ask(daemon, "GET", "/readyz", tokens["read"]).json()["parts"]


def test_the_command_line_shows_a_token_and_says_when_it_lacks_one(
    daemon: DaemonProcess, tokens: Mapping[str, str]
) -> None:
    asked = daemon.cli("flows", "--json")
    assert (asked.returncode, "TRIPHAMMER_TOKEN" in asked.stderr) == (1, True)
    assert daemon.cli("flows", "--token", tokens["read"]).returncode == 0
    denied = daemon.cli("pause", "taking", "--token", tokens["read"])
    assert (denied.returncode, "lacks the scope `operate`" in denied.stderr) == (1, True)
    daemon.env["TRIPHAMMER_TOKEN"] = tokens["admin"]
    made = json.loads(daemon.cli("token", "create", "ci", "--scope", "emit", "--json").stdout)
    listed = json.loads(daemon.cli("token", "list", "--json").stdout)["items"]
    assert [item["name"] for item in listed] == [*SCOPES, "ci"]
    assert made["token"] not in json.dumps(listed)
    assert ask(daemon, "POST", "/api/v1/events", made["token"], json={}).status_code == 415
    assert daemon.cli("token", "revoke", "ci").returncode == 0
    assert ask(daemon, "POST", "/api/v1/events", made["token"], json={}).status_code == 401


def test_a_token_is_nowhere_but_at_its_owner(
    daemon: DaemonProcess, folder: Path, tokens: Mapping[str, str]
) -> None:
    ask(daemon, "GET", "/api/v1/runs", tokens["admin"] + "x")
    for text in tokens.values():
        ask(daemon, "POST", "/hooks/in", json={"told": "x"}, headers={"Authorization": text})
        ask(daemon, "POST", "/api/v1/runs/x/cancel", text)
    assert daemon.stop() == 0
    kept = b"".join(file.read_bytes() for file in (folder / ".triphammer").rglob("*.db*"))
    with closing(sqlite3.connect(folder / ".triphammer" / "triphammer.db")) as raw:
        assert raw.execute("SELECT count(*) FROM tokens").fetchone() == (len(SCOPES),)
    for text in tokens.values():
        assert text not in "\n".join(daemon.printed)
        assert text.encode() not in kept


def test_an_open_daemon_is_not_for_pages_of_other_sites(make_daemon: Serve) -> None:
    daemon = make_daemon(FLOWS)
    url = "/api/v1/flows/taking/pause"
    assert daemon.post(url, headers={"Origin": "http://evil.example"}).status_code == 403
    assert daemon.post(url, headers={"Origin": daemon.url}).status_code == 200
    evil = httpx.get(daemon.url, headers={"Host": "evil.example"}, trust_env=False)
    assert (evil.status_code, "[server] hosts" in evil.text) == (403, True)
    passed = httpx.get(daemon.url, headers={"X-Forwarded-For": "1.1.1.1"}, trust_env=False)
    assert (passed.status_code, "trusted_proxies" in passed.text) == (403, True)
    simple = httpx.post(
        f"{daemon.url}/api/v1/flows/taking/runs",
        content=b'{"params": {}}',
        headers={"Content-Type": "text/plain"},
        trust_env=False,
    )
    assert simple.status_code in (415, 422)


def test_the_audit_log_tells_who_did_what(daemon: DaemonProcess, tokens: Mapping[str, str]) -> None:
    run = ask(daemon, "POST", "/api/v1/flows/taking/runs", tokens["operate"], json={}).json()
    assert run["state"] in ("queued", "running", "succeeded")
    event = ask(daemon, "GET", f"/api/v1/events/{run['event']}", tokens["read"]).json()
    assert event["data"]["by"] == "operate"
    ask(daemon, "POST", "/api/v1/flows/taking/pause", tokens["operate"])
    ask(daemon, "POST", "/api/v1/flows/taking/resume", tokens["read"])
    ask(daemon, "POST", "/api/v1/flows/nothing/pause", tokens["operate"])
    ask(daemon, "POST", "/api/v1/tokens", tokens["admin"], json={"name": "new", "scopes": ["emit"]})
    ask(daemon, "POST", "/signin", data={"token": "wrong"})
    ask(daemon, "POST", "/signin", data={"token": tokens["read"]})
    told = ask(daemon, "GET", "/api/v1/audit", tokens["admin"]).json()
    assert [
        (item["who"], item["action"], item["target"], item["status"]) for item in told["items"]
    ] == [
        ("read", "sign_in", "", 303),
        ("nobody", "sign_in", "", 401),
        ("admin", "create_token", "new: emit", 201),
        ("read", "POST /api/v1/flows/taking/resume", "", 403),
        ("operate", "pause_flow", "taking", 200),
        ("operate", "start_run", "taking", 202),
    ]
    assert {item["address"] for item in told["items"]} == {"127.0.0.1"}
    first = ask(daemon, "GET", "/api/v1/audit?limit=1", tokens["admin"]).json()
    rest = ask(daemon, "GET", f"/api/v1/audit?cursor={first['next']}", tokens["admin"]).json()
    assert first["items"] + rest["items"] == told["items"]
    daemon.env["TRIPHAMMER_TOKEN"] = tokens["admin"]
    shown = json.loads(daemon.cli("audit", "--who", "operate", "--json").stdout)["items"]
    assert [item["action"] for item in shown] == ["pause_flow", "start_run"]
    assert "pause_flow" in daemon.cli("audit").stdout
    assert "Nothing was done yet." in daemon.cli("audit", "--action", "x").stdout


def test_a_live_stream_ends_with_its_token(
    daemon: DaemonProcess, tokens: Mapping[str, str]
) -> None:
    headers = {"Authorization": f"Bearer {tokens['read']}"}
    daemon.env["TRIPHAMMER_TOKEN"] = tokens["admin"]
    with (
        httpx.Client(base_url=daemon.url, trust_env=False, timeout=None, headers=headers) as client,
        client.stream("GET", "/api/v1/stream") as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        ask(daemon, "POST", "/api/v1/flows/taking/pause", tokens["operate"])
        while "paused" not in next(lines):
            pass
        assert daemon.cli("token", "revoke", "read").returncode == 0
        ask(daemon, "POST", "/api/v1/flows/taking/resume", tokens["operate"])
        assert "live" not in "".join(lines)
