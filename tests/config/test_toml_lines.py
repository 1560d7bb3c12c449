"""The lines of keys in a TOML text."""

from __future__ import annotations

from triphammer.config.toml_lines import key_lines

TEXT = """\
top = 1
[ server ]  # comment
port = 1
"quoted key" = 2
deep.er = 3
text = '''
[limits]
port = 5
'''
[connections."my.db"]
password = "x"
[connections.other]
url = { host = "x" }
"""


def test_each_key_and_table_has_its_line() -> None:
    assert key_lines(TEXT) == {
        ("top",): 1,
        ("server",): 2,
        ("server", "port"): 3,
        ("server", "quoted key"): 4,
        ("server", "deep", "er"): 5,
        ("server", "text"): 6,
        ("connections", "my.db"): 10,
        ("connections", "my.db", "password"): 11,
        ("connections", "other"): 12,
        ("connections", "other", "url"): 13,
    }
