"""No secret is left in a text, whatever form it has there."""

from __future__ import annotations

import json
from threading import Thread
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from triphammer.config.masking import Masker, looks_secret, secrets_in, without_url_passwords


def masker(*values: str) -> Masker:
    made = Masker()
    made.hide(values)
    return made


def test_every_occurrence_is_masked_on_every_line() -> None:
    assert masker("hunter2").mask("a hunter2\nhunter2b\n") == "a ***\n***b\n"


def test_nothing_to_hide_leaves_the_text_itself() -> None:
    text = "nothing here"
    assert Masker().mask(text) is text
    assert masker("hunter2").mask(text) is text


def test_short_values_are_left() -> None:
    assert masker("abc", "").mask("abc abcd") == "abc abcd"


def test_the_longer_of_two_is_hidden_whole() -> None:
    assert masker("pass", "password1").mask("password1 pass") == "*** ***"


def test_a_key_of_several_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADAN\n  ab\n-----END KEY-----\n"
    made = masker(key)
    assert made.mask(f"x {key} y") == "x *** y"
    assert made.mask("  MIIEvQIBADAN") == "  ***"
    assert made.mask("ab") == "ab"


@given(st.text(min_size=4), st.text(max_size=5), st.text(max_size=5))
def test_every_form_is_masked(value: str, before: str, after: str) -> None:
    made = masker(value)
    plain = value.encode("utf-8", "replace").decode()
    for form in (value, repr(value)[1:-1], json.dumps(value)[1:-1]):
        assert form not in made.mask(f"{before}{form}{after}").replace("***", "\0")
    if plain == value:
        assert quote(value, safe="") not in made.mask(quote(value, safe=""))


def test_a_value_that_is_no_text_is_hidden_too() -> None:
    """As a variable with bytes that are no UTF-8 gives it."""
    assert masker("pass\udcff").mask("a pass\udcff b") == "a *** b"


def test_a_value_within_another_is_no_way_in() -> None:
    made = masker("inner", "the inner one")
    assert made.mask("the inner one, inner, inner one") == "***, ***, *** one"


def test_values_may_be_added_from_many_threads() -> None:
    made = Masker()
    values = [f"secret-{number:03d}" for number in range(64)]
    threads = [Thread(target=made.hide, args=([value],)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.mask(" ".join(values)) == " ".join(["***"] * 64)


def test_names_that_look_secret() -> None:
    assert all(map(looks_secret, ("password", "DB_PASSWORD", "apiKey", "auth_token", "dsn")))
    harmless = ("host", "user", "ssl_keyfile", "private_key_path", "access_key_id", "keyname")
    assert not any(map(looks_secret, harmless))


def test_secrets_of_an_open_table() -> None:
    table = {"url": "https://u:pw12@h", "port": 1, "more": {"token": 12345}, "list": ["x"]}
    assert list(secrets_in(table)) == ["pw12", "12345"]


def test_passwords_in_urls() -> None:
    assert without_url_passwords("a://u:p@h b://:q@h") == "a://u:***@h b://:***@h"
    assert without_url_passwords("a://h:80/x@y") == "a://h:80/x@y"
    assert without_url_passwords("plain") == "plain"
