from __future__ import annotations

import pytest

from triphammer.config.zones import zone_named


def test_a_zone_is_found_by_its_name() -> None:
    zone = zone_named("Europe/Berlin")
    assert zone is not None
    assert zone.key == "Europe/Berlin"


@pytest.mark.parametrize(
    "name",
    ["", "Mars", "Europe", "../UTC", "/etc/passwd", "zone.tab", "a\0b", "\udcff", "../UTC" * 9999],
    ids=lambda name: repr(name)[:20],
)
def test_what_is_none_is_none(name: str) -> None:
    assert zone_named(name) is None
