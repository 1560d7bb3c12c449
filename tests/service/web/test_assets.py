"""Files of the console are named by their content and may be kept; others are asked about."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from triphammer.service.web.assets import KEPT, STATIC, AssetFiles, Assets
from triphammer.service.web.headers import Sealed

pytestmark = pytest.mark.anyio


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.css").write_text("a {}")
    return tmp_path


def client(folder: Path) -> httpx.AsyncClient:
    app = Sealed(Starlette(routes=[Mount("/static", AssetFiles(folder))]))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://here")


def test_an_address_changes_with_the_content(folder: Path) -> None:
    before = Assets(folder).url("a.css")
    (folder / "a.css").write_text("b {}")
    after = Assets(folder).url("a.css")
    assert before != after
    assert before.startswith("/static/a.css?v=")


def test_a_file_that_there_is_not_has_no_address(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Assets(folder).url("b.css")


async def test_only_the_content_that_an_address_names_is_kept_for_good(folder: Path) -> None:
    async with client(folder) as asking:
        named = await asking.get(Assets(folder).url("a.css"))
        assert named.headers["cache-control"] == KEPT
        again = {"If-None-Match": named.headers["etag"]}
        assert (await asking.get(Assets(folder).url("a.css"), headers=again)).status_code == 304
        for other in ("/static/a.css", "/static/a.css?v=0123456789abcdef", "/static/a.css?v="):
            assert (await asking.get(other)).headers["cache-control"] == "no-cache"
        missing = await asking.get("/static/b.css?v=0123456789abcdef")
        assert missing.status_code == 404
        assert missing.headers["cache-control"] == "no-cache"


def test_every_file_that_pages_name_is_there() -> None:
    assets = Assets()
    for name in ("console.css", "parts.css", "theme.js", "vendor/htmx/htmx.min.js"):
        assert (STATIC / name).is_file()
        assert len(assets.version(name)) == 16
