"""Tokens, the audit log and forms by the pages: who may use them, and what they tell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.acceptance.process import DaemonProcess, project
from tests.acceptance.test_access import ANYWHERE, FLOWS, token
from tests.acceptance.test_signing_in import PAGE, sign_in

MORE = {
    "more": """
from triphammer import approve, every, flow, task

@task
def failing() -> None:
    raise ValueError("no")

@flow(on=every("400d"))
def fails():
    failing()

@flow
def asks():
    approve("Go on?")
"""
}
FORM = re.compile(r'<form[^>]* method="post" action="([^"]+)"')
SHOWN = re.compile(r'value="(trip_[^"]+)"')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path / "project", FLOWS | MORE)


@pytest.fixture
def tokens(folder: Path) -> Mapping[str, str]:
    return {scope: token(folder, scope, scope) for scope in ("read", "operate", "admin")}


@pytest.fixture
def daemon(folder: Path, tokens: Mapping[str, str]) -> Iterator[DaemonProcess]:
    started = DaemonProcess(folder).start(*ANYWHERE)
    yield started
    started.kill()


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[httpx.Client]:
    headers = {**PAGE, "Origin": daemon.url}
    with httpx.Client(base_url=daemon.url, headers=headers, trust_env=False, timeout=30) as made:
        yield made


def test_a_token_is_made_shown_once_used_and_revoked(
    client: httpx.Client, daemon: DaemonProcess, tokens: Mapping[str, str]
) -> None:
    sign_in(client, tokens["admin"])
    form = {"name": "reporting", "scope": ["read", "emit"], "life": "30d"}
    made = client.post("/tokens", data=form)
    found = SHOWN.search(made.text)
    assert found is not None
    assert made.headers["cache-control"] == "no-store"
    text = found[1]
    bearer = {"Authorization": f"Bearer {text}"}
    assert httpx.get(f"{daemon.url}/api/v1/runs", headers=bearer).status_code == 200
    listed = client.get("/tokens").text
    assert "reporting" in listed
    assert text not in listed
    assert client.post("/tokens", data=form).status_code == 409
    again = client.post("/tokens", data={**form, "name": "no good", "scope": []})
    assert again.status_code == 422
    assert 'value="no good"' in again.text
    assert client.post("/tokens", data={**form, "life": "for ever"}).status_code == 422
    id = next(t["id"] for t in client.get("/api/v1/tokens").json()["items"] if t["expires_at"])
    assert client.post(f"/tokens/{id}/revoke").headers["location"] == "/tokens"
    assert httpx.get(f"{daemon.url}/api/v1/runs", headers=bearer).status_code == 401
    assert client.post(f"/tokens/{id}/revoke").status_code == 404
    log = client.get("/audit?who=admin&action=create_token").text
    assert log.count("reporting: read emit") == 3
    assert "revoke_token" in client.get("/audit").text
    assert text not in client.get("/audit").text


@pytest.mark.parametrize("scope", ["read", "operate"])
def test_pages_offer_what_their_reader_may_do(
    client: httpx.Client, tokens: Mapping[str, str], scope: str
) -> None:
    client.post("/hooks/in", json={})
    sign_in(client, tokens[scope])
    key = client.get("/api/v1/events").json()["items"][0]["key"]
    acts = scope == "operate"
    assert ("Emit it again" in client.get(f"/events/{key}").text) is acts
    assert ("/pause" in client.get("/sensors").text) is acts
    assert 'href="/tokens"' not in client.get("/health").text
    for path in ("/tokens", "/audit"):
        assert client.get(path).status_code == 403
    for path in (f"/events/{key}/again", "/sensors/webhook:in/pause", "/deadletters/skip"):
        answer = client.post(path, data={"id": "run_1"})
        assert (answer.status_code == 403) is not acts, path
    assert client.post("/tokens", data={"name": "x", "scope": "admin"}).status_code == 403


@pytest.mark.parametrize("scope", ["read", "operate"])
def test_pages_of_runs_and_flows_have_forms_for_those_who_may_send_them(
    client: httpx.Client, tokens: Mapping[str, str], daemon: DaemonProcess, scope: str
) -> None:
    sign_in(client, tokens["operate"])
    runs = {
        flow: client.post(f"/api/v1/flows/{flow}/runs").json()["id"] for flow in ("fails", "asks")
    }

    def states() -> list[str]:
        return [client.get(f"/api/v1/runs/{id}").json()["state"] for id in runs.values()]

    daemon.wait_until(lambda: states() == ["failed", "waiting"])
    client.post("/api/v1/flows/fails/pause")  # its backfill goes on as long as it is
    asked = client.post(
        "/api/v1/flows/fails/backfills", json={"from": "2020-01-01", "to": "2030-01-01"}
    )
    backfill = asked.json()["id"]
    sign_in(client, tokens[scope])
    plan = "from=2020-01-01&to=2030-01-01&order=oldest&max_parallel=1&only=&again=yes"
    for path, forms in {
        f"/runs/{runs['fails']}?task=failing": {"retry", "again", "note"},
        f"/runs/{runs['asks']}": {"cancel", "note", "answer"},
        "/flows/fails": {"runs", "resume"},
        f"/flows/fails/backfills?{plan}": {"backfills", "resume"},
        f"/backfills/{backfill}": {"cancel"},
        "/deadletters": {"redrive"},
    }.items():
        page = client.get(path)
        found = {action.rpartition("/")[2] for action in FORM.findall(page.text)} - {"signout"}
        assert (page.status_code, found) == (200, forms if scope == "operate" else set()), path


def test_what_is_asked_for_by_an_address_must_make_sense(
    client: httpx.Client, tokens: Mapping[str, str]
) -> None:
    sign_in(client, tokens["admin"])
    for path in ("/events", "/deadletters", "/audit", "/outbox"):
        answer = client.get(path, params={"cursor": "nonsense"})
        assert answer.status_code == 400, path
        assert "is not one of ours" in answer.text
    for path in ("/events", "/deadletters", "/audit", "/deadletters/all?verb=skip"):
        answer = client.get(path, params={"verb": "skip", "since": "soon", "until": "later"})
        assert answer.status_code == 400, path
        assert "is no RFC 3339 time" in answer.text
    assert client.get("/deadletters/rec_5").status_code == 404
    assert client.get("/outbox/msg_5").status_code == 404
    assert client.get("/sensors/files:nowhere").status_code == 404
    assert client.get("/deadletters/all?verb=eat").headers["location"] == "/deadletters"
