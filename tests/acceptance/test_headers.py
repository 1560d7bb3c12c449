"""What every answer tells browsers, and what the files of the console are: all of them, and nothing
beside them."""

from __future__ import annotations

import re
import socket
from http.client import HTTPConnection

import httpx
import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.process import DaemonProcess
from tests.acceptance.test_access import FLOWS
from tests.service.web.test_scopes import example, needed

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
ASSET = re.compile(r'(?:src|href)="(/static/[^"]+)"')
KEPT = re.compile(r"max-age=[1-9]|immutable")


@pytest.fixture
def daemon(make_daemon: Serve) -> DaemonProcess:
    started = make_daemon(FLOWS)
    started.post("/hooks/in", json={"a": 1})
    started.wait_for_runs("taking")
    return started


def addresses(daemon: DaemonProcess) -> list[str]:
    """Every page and every read of the API, about things that there are and that there are not."""
    run = daemon.runs("taking")[0]
    there = {"id": run["id"], "name": "taking", "key": run["event"], "task:path": "given"}
    gets = [path for (method, path), _ in needed().items() if method == "GET"]
    filled = [re.sub(r"\{([^}]+)\}", lambda m: str(there.get(m[1], m[1])), path) for path in gets]
    return sorted({*filled, *map(example, gets), "/nothing", "/hooks/in", "/static/console.css"})


def test_every_answer_forbids_what_browsers_should_not_do(daemon: DaemonProcess) -> None:
    asked = addresses(daemon)
    assert len(asked) > 40
    with httpx.Client(base_url=daemon.url, trust_env=False) as client:
        for path in asked:
            for method in ("GET", "POST", "HEAD"):
                with client.stream(method, path) as answer:
                    assert EVERYWHERE.items() <= dict(answer.headers).items(), (method, path)
                    policy = answer.headers["content-security-policy"]
                    assert "default-src 'none'" in policy, path
                    assert "frame-ancestors 'none'" in policy, path
                    assert not re.search(
                        r"unsafe|https?:|\*|data:(?! *;)(?<!img-src 'self' data:)", policy
                    )
                    kind = answer.headers.get("content-type", "")
                    assert not kind.startswith("text/html") or "script-src 'self'" in policy
                    assert not KEPT.search(answer.headers["cache-control"]), path


def test_what_is_no_http_is_answered_with_them_too(daemon: DaemonProcess) -> None:
    url = httpx.URL(daemon.url)
    with socket.create_connection((url.host, url.port or 0)) as line:
        line.sendall(b"GET / HTTP/9.9\r\nbad header\r\n\r\n")
        answer = line.makefile("rb").read().lower()
    assert answer.startswith(b"http/1.1 400")
    assert b"<" not in answer.partition(b"\r\n\r\n")[2]


def test_files_are_kept_for_good_only_under_the_name_of_their_content(
    daemon: DaemonProcess,
) -> None:
    found = set(ASSET.findall("".join(daemon.text(path) for path in ("/", "/docs", "/events"))))
    assert len(found) >= 2
    for address in found:
        plain, _, version = address.partition("?v=")
        kept = httpx.get(daemon.url + address, trust_env=False)
        assert kept.status_code == 200, address
        for other in (plain, f"{plain}?v=0", f"{plain}?v={version}0", f"{plain}?v="):
            answer = httpx.get(daemon.url + other, trust_env=False)
            assert (answer.status_code, answer.content) == (200, kept.content), other
            assert answer.headers["cache-control"] == "no-cache", other


OUTSIDE = (
    "../console/now.py",
    "../pages.py",
    "../templates/base.html",
    "vendor/../../pages.py",
    "/etc/passwd",
    "//etc/passwd",
    "../../../../../../../../etc/passwd",
    "..\\pages.py",
    "console.css/../../pages.py",
    "./../pages.py",
    "console.css\x00.py",
    ".",
    "",
    "vendor",
    "vendor/",
)


def spelled(path: str) -> set[str]:
    """A path as it is, and as those write it who hope that somebody looks before it is decoded."""
    encoded = path.replace("%", "%25").replace("\x00", "%00").replace("\\", "%5c")
    dotless = encoded.replace("..", "%2e%2e")
    packed = dotless.replace("/", "%2f")
    twice = packed.replace("%", "%25")
    overlong = encoded.replace("..", "%c0%ae%c0%ae").replace("/", "%c0%af")
    return {encoded, dotless, packed, twice, overlong}


@pytest.mark.parametrize("below", ["/static/", "/api/v1/artifacts/", "/api/v1/runs/{run}/stored/"])
def test_no_spelling_of_a_path_leads_out_of_a_folder(daemon: DaemonProcess, below: str) -> None:
    below = below.format(run=daemon.runs("taking")[0]["id"])
    data = (
        "../triphammer.db",
        "../../triphammer.db",
        "../../../triphammer.toml",
        "../flows/all.py",
    )
    url = httpx.URL(daemon.url)
    line = HTTPConnection(url.host, url.port)  # other clients put such paths in order first
    for path in sorted({text for outside in (*OUTSIDE, *data) for text in spelled(outside)}):
        line.request("GET", below + path)
        answer = line.getresponse()
        content = answer.read()
        if answer.status == 307:  # a slash too many
            inside = daemon.url + below.rstrip("/")
            assert (answer.headers["location"] or "").startswith(inside), path
        else:
            assert answer.status == 404, path
        for secret in (b"SQLite", b"import", b"root:", b"<!doctype", b"@flow"):
            assert secret not in content, path
    line.close()
