from __future__ import annotations

import pytest

from triphammer.sensors.headers import Headers
from triphammer.service.access.origin import is_foreign, is_ours

HERE = "here:8420"


@pytest.mark.parametrize(
    ("headers", "foreign", "ours"),
    [
        ({}, False, False),
        ({"sec-fetch-site": "same-origin"}, False, True),
        ({"sec-fetch-site": "none"}, False, True),
        ({"sec-fetch-site": "cross-site"}, True, False),
        ({"sec-fetch-site": "same-site"}, True, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://here:8420"}, True, False),
        ({"origin": "http://here:8420"}, False, True),
        ({"origin": "https://HERE:8420"}, False, True),
        ({"origin": "http://here"}, True, False),
        ({"origin": "http://elsewhere"}, True, False),
        ({"origin": "http://["}, True, False),
        ({"origin": "null"}, True, False),
    ],
)
def test_pages_of_other_sites_are_told_from_ours(
    headers: dict[str, str], foreign: bool, ours: bool
) -> None:
    assert is_foreign(Headers(headers), HERE) is foreign
    assert is_ours(Headers(headers), HERE) is ours
