from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.sensors.files.globs import Globs, glob_regex


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("*.csv", ["a.csv"], ["b/a.csv", ".a.csv", "a.csv.tmp", "a.csv\n", "xa_csv"]),
        ("**/*.csv", ["a.csv", "b/a.csv", "b/c/a.csv"], [".b/a.csv", "b/.a.csv"]),
        ("**", ["a", "a/b"], [".a", "a/.b"]),
        ("in/*/x?.txt", ["in/1/xy.txt"], ["in/x1.txt", "in/1/2/xy.txt", "in/.1/xy.txt"]),
        (".*", [".a"], ["a"]),
        ("**/.git/*", [".git/a", "b/.git/a"], ["git/a"]),
        ("[a-c][!0-9]", ["ax"], ["dx", "a1", "a/"]),
        ("[]]", ["]"], ["["]),
        ("[", ["["], ["a"]),
        ("[!]", ["[!]"], ["a"]),
        ("[]", ["[]"], ["]"]),
        ("a+(b).csv", ["a+(b).csv"], ["aab.csv"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["b", "x/a/b"]),
    ],
)
def test_what_a_glob_matches(glob: str, yes: list[str], no: list[str]) -> None:
    globs = Globs([glob])
    assert [path for path in yes if not globs.matches(path)] == []
    assert [path for path in no if globs.matches(path)] == []


@given(st.text("*?[!ab].&~|^", min_size=1), st.text("ab!.?*[&", min_size=1))
def test_within_one_name_it_is_what_a_shell_does(glob: str, name: str) -> None:
    glob = re.sub(r"\*+", "*", glob)
    matched = re.search(glob_regex(glob), name) is not None
    hidden = name.startswith(".") and not glob.startswith(".")
    assert matched == (fnmatchcase(name, glob) and not hidden)


PARTS = st.sampled_from(["a", "b", "*", "?", "**", "a*", ".a"])
NAMES = st.sampled_from(["a", "b", "ab", ".a"])


@given(st.lists(PARTS, min_size=1, max_size=4), st.lists(NAMES, min_size=1, max_size=4))
def test_every_folder_on_the_way_to_a_match_is_entered(parts: list[str], names: list[str]) -> None:
    globs = Globs(["/".join(parts)])
    if globs.matches("/".join(names)):
        ways = ["/".join(names[:count]) for count in range(1, len(names))]
        assert all(globs.enters(way) for way in ways)


def test_folders_that_cannot_hold_a_match_are_not_entered() -> None:
    globs = Globs(["*.csv", "in/*/x.txt"])
    assert not globs.enters("other")
    assert not globs.enters("in/a/b")
    assert globs.enters("in/a")
    assert not Globs(["**/*.csv"]).enters(".git")
