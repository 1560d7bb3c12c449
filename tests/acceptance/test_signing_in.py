"""Signing in at the console of a daemon that others reach, and what a session is good for."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.process import DaemonProcess, project
from tests.acceptance.test_access import ANYWHERE, FLOWS, token
from tests.service.web.test_scopes import example, needed
from triphammer.service.access.routes import SAFE
from triphammer.service.access.throttle import MOST

PEM = Path(__file__).parents[1] / "support" / "loopback.pem"
PAGE = {"Accept": "text/html,*/*"}
PAUSE, RESUME = "/api/v1/flows/taking/pause", "/api/v1/flows/taking/resume"
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path / "project", FLOWS)


@pytest.fixture
def tokens(folder: Path) -> Mapping[str, str]:
    return {scope: token(folder, scope, scope) for scope in ("read", "emit", "admin")}


@pytest.fixture
def daemon(folder: Path, tokens: Mapping[str, str]) -> Iterator[DaemonProcess]:
    started = DaemonProcess(folder).start(*ANYWHERE)
    yield started
    started.kill()


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=daemon.url, headers=PAGE, trust_env=False, timeout=30) as made:
        yield made


def sign_in(client: httpx.Client, token: str, next: str = "/", **headers: str) -> httpx.Response:
    return client.post("/signin", data={"token": token, "next": next}, headers=headers)


def test_a_page_asks_to_sign_in_and_leads_back(
    client: httpx.Client, tokens: Mapping[str, str]
) -> None:
    asked = client.get("/runs?flow=taking&state=failed")
    assert asked.status_code == 303
    form = client.get(asked.headers["location"])
    assert form.status_code == 200
    next = re.search(r'name="next" value="([^"]*)"', form.text)
    assert next is not None
    assert next[1] == "/runs?flow=taking&amp;state=failed"
    done = sign_in(client, tokens["read"], "/runs?flow=taking&state=failed")
    assert (done.status_code, done.headers["location"]) == (303, "/runs?flow=taking&state=failed")
    (cookie,) = done.headers.get_list("set-cookie")
    assert "HttpOnly; SameSite=Lax" in cookie
    assert tokens["read"] not in cookie
    assert client.get("/runs").status_code == 200
    assert client.get("/api/v1/runs").status_code == 200
    assert client.get("/api/v1/tokens").status_code == 403
    assert "store" in client.get("/readyz").json()["parts"]


@pytest.mark.parametrize(
    "next", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "", "/\t/evil"]
)
def test_signing_in_leads_nowhere_else(
    client: httpx.Client, tokens: Mapping[str, str], next: str
) -> None:
    assert sign_in(client, tokens["read"], next).headers["location"] == "/"


def test_a_session_gets_an_id_of_its_own_and_ends_the_one_before(
    client: httpx.Client, daemon: DaemonProcess, tokens: Mapping[str, str]
) -> None:
    name = f"triphammer-{httpx.URL(daemon.url).port}"
    planted = sign_in(client, tokens["read"], Cookie=f"{name}=planted")
    assert "planted" not in planted.headers["set-cookie"]
    first = client.cookies[name]
    sign_in(client, tokens["admin"])
    second = client.cookies[name]
    assert second != first
    for id, status in (("planted", 401), (first, 401), (second, 200)):
        answer = httpx.get(f"{daemon.url}/api/v1/runs", headers={"Cookie": f"{name}={id}"})
        assert answer.status_code == status


def test_what_changes_something_comes_from_a_page_of_ours(
    client: httpx.Client, daemon: DaemonProcess, tokens: Mapping[str, str]
) -> None:
    sign_in(client, tokens["admin"])
    for headers in (
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": daemon.url},
        {"Sec-Fetch-Site": "same-site"},
    ):
        for path in (PAUSE, "/flows/taking/runs", "/api/v1/tokens", "/api/v1/events"):
            assert client.post(path, headers=headers).status_code == 403, (path, headers)
    assert client.post(PAUSE, headers={"Origin": daemon.url}).status_code == 200
    assert client.post(RESUME, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    foreign = sign_in(client, tokens["read"], Origin="http://evil.example")
    assert (foreign.status_code, "set-cookie" in foreign.headers) == (403, False)
    assert client.post("/signout", headers={"Origin": "null"}).status_code == 403
    assert client.get("/runs").status_code == 200


FOREIGN: Sequence[Mapping[str, str]] = (
    {},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)
"""What a browser says of the page that makes it send something, where that is not one of ours."""
SIGNING = ("/signin", "/signout")


def test_no_form_and_no_call_is_sent_by_pages_of_others(
    client: httpx.Client, daemon: DaemonProcess, tokens: Mapping[str, str]
) -> None:
    """Every route that changes something, with the session of an admin."""
    sign_in(client, tokens["admin"])
    changing = [(m, example(p)) for m, p in needed() if m not in SAFE and p not in SIGNING]
    assert {("POST", "/flows/name/runs"), ("DELETE", "/api/v1/flows/name/state")} <= set(changing)
    for method, path in changing:
        for headers in FOREIGN:
            answer = client.request(method, path, headers=headers)
            assert answer.status_code == 403, (method, path, headers)
        ours = client.request(method, path, headers={"Origin": daemon.url})
        assert ours.status_code not in (401, 403), (method, path)


def test_signing_out_and_revoking_end_a_session(
    client: httpx.Client, daemon: DaemonProcess, tokens: Mapping[str, str]
) -> None:
    sign_in(client, tokens["admin"])
    kept = dict(client.cookies)
    out = client.post("/signout", headers={"Origin": daemon.url})
    assert (out.status_code, out.headers["location"]) == (303, "/signin")
    assert "Max-Age=0" in out.headers["set-cookie"]
    client.cookies.update(kept)
    assert client.get("/api/v1/runs").status_code == 401
    client.cookies.clear()
    sign_in(client, tokens["read"])
    assert client.get("/api/v1/runs").status_code == 200
    daemon.env["TRIPHAMMER_TOKEN"] = tokens["admin"]
    assert '"who": "admin"' in daemon.cli("audit", "--action", "sign_out", "--json").stdout
    assert daemon.cli("token", "revoke", "read").returncode == 0
    assert client.get("/api/v1/runs").status_code == 401


def test_wrong_tokens_are_told_and_slowed(client: httpx.Client, tokens: Mapping[str, str]) -> None:
    assert "lacks the scope read" in sign_in(client, tokens["emit"]).text
    answers = [sign_in(client, f"wrong {n}") for n in range(MOST + 1)]
    assert [answer.status_code for answer in answers] == [401] * MOST + [429]
    assert "unknown, expired or revoked" in answers[0].text
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert f"try again in {answers[-1].headers['retry-after']} s." in answers[-1].text
    assert all("set-cookie" not in answer.headers for answer in answers)
    assert sign_in(client, tokens["read"]).status_code == 303


def test_every_answer_says_what_browsers_must_not_do(
    client: httpx.Client, tokens: Mapping[str, str]
) -> None:
    sign_in(client, tokens["admin"])
    answers = [client.get(path) for path in ("/", "/docs", "/signin", "/flows/x", "/livez")]
    answers += [client.get(path) for path in ("/api/v1/runs", "/api/v1/runs/x", "/nothing")]
    answers += [client.get("/static/console.css"), client.get("/metrics"), client.get("/runs")]
    answers += [
        client.post("/hooks/in", json={}),
        client.post("/hooks/nowhere"),
        client.get("/" + "x" * 40_000),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, answer.url
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "://" not in policy
        assert EVERYWHERE.items() <= dict(answer.headers).items(), answer.url
        cached = answer.headers["cache-control"]
        assert cached == ("no-cache" if "/static/" in str(answer.url) else "no-store")


def test_under_tls_the_cookie_is_for_tls_only(folder: Path, tokens: Mapping[str, str]) -> None:
    (folder / "triphammer.toml").write_text(f'[server]\ntls_cert = "{PEM}"\ntls_key = "{PEM}"\n')
    daemon = DaemonProcess(folder).start(*ANYWHERE)
    trusting = ssl.create_default_context(cafile=PEM)
    with httpx.Client(base_url=daemon.url, verify=trusting, trust_env=False) as client:
        done = sign_in(client, tokens["read"])
        assert done.headers["set-cookie"].startswith("__Host-triphammer-")
        assert done.headers["set-cookie"].endswith("; Secure")
        assert client.get("/api/v1/runs").status_code == 200
    daemon.kill()


def test_behind_a_proxy_that_speaks_tls(folder: Path, tokens: Mapping[str, str]) -> None:
    (folder / "triphammer.toml").write_text('[server]\ntrusted_proxies = ["127.0.0.1"]\n')
    daemon = DaemonProcess(folder).start("--port", "0")
    told = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "flows.example",
        "Origin": "https://flows.example",
    }
    with httpx.Client(base_url=daemon.url, trust_env=False, headers=told) as client:
        assert client.get("/api/v1/runs").status_code == 401
        done = sign_in(client, tokens["admin"])
        pair, _, flags = done.headers["set-cookie"].partition(";")
        assert pair.startswith("__Host-triphammer-")
        assert flags.endswith("Secure")
        assert client.post(PAUSE, headers={"Cookie": pair}).status_code == 200
        elsewhere = {"Cookie": pair, "Origin": daemon.url}
        assert client.post(PAUSE, headers=elsewhere).status_code == 403
    daemon.kill()


def own_address() -> str:
    """An address of this machine that is no loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no other address than loopback")
        return str(probe.getsockname()[0])


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("where", ["loopback", "elsewhere"])
def test_a_reader_signs_in_acts_and_signs_out(
    daemon: DaemonProcess, tokens: Mapping[str, str], browser: Browser, where: str
) -> None:
    """From elsewhere, without TLS, browsers send no `Sec-Fetch-Site`: `Origin` must do."""
    url = daemon.url
    if where == "elsewhere":
        url = url.replace("127.0.0.1", own_address())
    page = browser.new_page()
    page.goto(f"{url}/flows/taking")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("unknown, expired or revoked")
    page.get_by_label("Token").fill(tokens["admin"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="taking")).to_be_visible()
    expect(page.get_by_text("live", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/runs/run_*")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(f"{url}/runs")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
