from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from triphammer.config.address import listening_at, project_url


@pytest.mark.parametrize(
    ("settings", "variables", "url"),
    [
        ("", {}, "http://127.0.0.1:8420"),
        ("[server]\nport = 18501", {}, "http://127.0.0.1:18501"),
        ("[server]\nport = 18501", {"TRIPHAMMER_SERVER__PORT": "9"}, "http://127.0.0.1:9"),
        ('[server]\nhost = "0.0.0.0"\nport = 0', {}, "http://127.0.0.1:8420"),
        ('[server]\nhost = "::"', {}, "http://[::1]:8420"),
        ('[server]\ntls_cert = "c"\ntls_key = "k"', {}, "https://127.0.0.1:8420"),
        ("server = 3", {}, "http://127.0.0.1:8420"),
        ("no toml", {}, "http://127.0.0.1:8420"),
    ],
)
def test_where_the_projects_daemon_is(
    tmp_path: Path, settings: str, variables: Mapping[str, str], url: str
) -> None:
    (tmp_path / "triphammer.toml").write_text(settings)
    below = tmp_path / "flows"
    below.mkdir()
    assert project_url(below, variables) == url


def test_without_a_project(tmp_path: Path) -> None:
    assert project_url(tmp_path, {}) == "http://127.0.0.1:8420"


def test_a_daemon_that_runs_says_where_itself(tmp_path: Path) -> None:
    (tmp_path / "triphammer.toml").write_text('[store]\ndata = "kept"\n[server]\nport = 9')
    kept, below = tmp_path / "kept", tmp_path / "flows"
    for folder in (kept, below):
        folder.mkdir()
    with listening_at(kept, "0.0.0.0", 8467, secure=False):
        assert project_url(below, {}) == "http://127.0.0.1:8467"
        assert project_url(below, {"TRIPHAMMER_SERVER__PORT": "8"}) == "http://127.0.0.1:8467"
    assert project_url(below, {}) == "http://127.0.0.1:9"
    assert list(kept.iterdir()) == []
    other = tmp_path / "other"
    other.mkdir()
    with listening_at(other, "::", 1, secure=True):
        assert project_url(below, {"TRIPHAMMER_STORE__DATA": "other"}) == "https://[::1]:1"


@pytest.mark.parametrize("text", ["", "ftp://a", "http://a b", "\xff"])
def test_what_is_no_url_is_not_believed(tmp_path: Path, text: str) -> None:
    (tmp_path / ".triphammer").mkdir()
    (tmp_path / ".triphammer" / "address").write_bytes(text.encode("latin-1"))
    assert project_url(tmp_path, {}) == "http://127.0.0.1:8420"


def test_a_data_folder_that_takes_nothing_stops_no_daemon(tmp_path: Path) -> None:
    with listening_at(tmp_path / "absent", "127.0.0.1", 1, secure=False):
        assert project_url(tmp_path, {}) == "http://127.0.0.1:8420"
