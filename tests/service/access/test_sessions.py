from __future__ import annotations

from triphammer.sensors.headers import Headers
from triphammer.service.access.sessions import MOST, Cookie, Sessions


def test_a_session_lasts_its_time_whatever_happens_meanwhile() -> None:
    sessions = Sessions(60)
    id = sessions.begin("tok_1", 100.0)
    for now in (100.0, 159.9):
        found = sessions.find(id, now)
        assert found is not None
        assert found.token == "tok_1"
    assert sessions.find(id, 160.0) is None
    assert sessions.find(id[:-1], 100.0) is None
    sessions.end(id)
    sessions.end(id)
    assert sessions.find(id, 100.0) is None


def test_ids_are_new_and_memory_is_bounded() -> None:
    sessions = Sessions(60)
    ids = [sessions.begin("tok_1", 0.0) for _ in range(MOST + 2)]
    assert len(set(ids)) == len(ids)
    assert len(sessions) == MOST
    assert [sessions.find(id, 0.0) is None for id in (ids[1], ids[2], ids[-1])] == [
        True,
        False,
        False,
    ]


def test_the_cookie_is_for_this_port_and_no_script() -> None:
    plain, secure = Cookie(8420, secure=False), Cookie(8420, secure=True)
    assert plain.made("x", 60.5) == (
        "triphammer-8420=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"
    )
    assert secure.made("x", 60).startswith("__Host-triphammer-8420=x; Path=/; HttpOnly;")
    assert secure.made("x", 60).endswith("; Secure")
    assert "Domain" not in secure.made("x", 60)
    assert "Max-Age=0" in plain.gone()
    both = Headers({"cookie": "a=b; triphammer-8420=plain;__Host-triphammer-8420=safe; x"})
    assert (plain.read(both), secure.read(both)) == ("plain", "safe")
    assert Cookie(1, secure=False).read(both) is None
    assert plain.read(Headers()) is None
