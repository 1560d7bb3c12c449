from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from triphammer.service.cli.address import project_url


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
