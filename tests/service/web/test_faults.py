"""Problems are pages for browsers and documents for programs."""

from __future__ import annotations

import httpx
import pytest
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send

from triphammer.service.health import Health
from triphammer.service.web.faults import FaultPages
from triphammer.service.web.pages import POLICY, Pages
from triphammer.service.web.problems import problem

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def inner(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the problem that the path names, or fine."""
    path: str = scope["path"]
    if path.rpartition("/")[2].isdigit():
        headers = {"Retry-After": "7", "Allow": "GET", "X-Other": "1"}
        await problem(int(path[-3:]), "no <such> run", headers=headers)(scope, receive, send)
    elif path == "/json":
        await JSONResponse({"detail": "fine"})(scope, receive, send)
    else:
        await PlainTextResponse("fine")(scope, receive, send)


@pytest.fixture
def client() -> httpx.AsyncClient:
    app = FaultPages(inner, Pages(Health(lambda: 0), guarded=False, mask=str))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize("status", [401, 403, 404, 405, 409, 422, 429, 500, 503])
async def test_a_browser_gets_a_page(client: httpx.AsyncClient, status: int) -> None:
    answer = await client.get(f"/runs/{status}", headers=BROWSER)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["allow"] == "GET"
    assert "x-other" not in answer.headers
    assert "no &lt;such&gt; run" in answer.text
    assert '<main id="main"' in answer.text


async def test_a_page_that_is_away_looks_again_but_sends_no_form_again(
    client: httpx.AsyncClient,
) -> None:
    again = 'http-equiv="refresh"'
    assert again in (await client.get("/runs/503", headers=BROWSER)).text
    assert again not in (await client.post("/runs/503", headers=BROWSER)).text
    assert again not in (await client.get("/runs/404", headers=BROWSER)).text


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/runs/404", {"Accept": "*/*"}),
        ("/runs/404", {"Accept": "application/json"}),
        ("/api/v1/runs/404", BROWSER),
        ("/hooks/404", BROWSER),
    ],
)
async def test_a_program_gets_the_document(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    answer = await client.get(path, headers=headers)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "no <such> run"
    assert answer.headers["x-other"] == "1"


async def test_what_is_no_problem_is_passed_on(client: httpx.AsyncClient) -> None:
    assert (await client.get("/", headers=BROWSER)).text == "fine"
    assert (await client.get("/json", headers=BROWSER)).json() == {"detail": "fine"}
