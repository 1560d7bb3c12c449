"""Diffs taken apart, compared with the texts that they are of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.versions import differences
from triphammer.service.web.diff_lines import DiffLine, counted, diff_lines

texts = st.lists(st.sampled_from(["a", "b", "-x", "+y", "@@ -1 +1 @@", "", "--- a"]), max_size=30)


def lines_of(old: str | None, new: str | None) -> list[DiffLine]:
    before = {} if old is None else {"f.py": old}
    after = {} if new is None else {"f.py": new}
    return [line for file in differences(before, after) for line in diff_lines(file.diff)]


@given(texts, texts)
def test_each_line_stands_at_its_number(before: list[str], after: list[str]) -> None:
    lines = lines_of("\n".join(before), "\n".join(after))
    for line in lines:
        if line.old is not None:
            assert before[line.old - 1] == line.text
        if line.new is not None:
            assert after[line.new - 1] == line.text
    added, removed = counted(lines)
    assert added - removed == len("\n".join(after).splitlines()) - len(
        "\n".join(before).splitlines()
    )
    kept = [line for line in lines if line.change == "same"]
    assert all(line.old is not None and line.new is not None for line in kept)


def test_what_is_left_out_between_two_places_is_told() -> None:
    old = [str(n) for n in range(1, 41)]
    new = ["one", *old[1:29], "thirty", *old[30:]]
    lines = lines_of("\n".join(old), "\n".join(new))
    assert [line.new or line.old for line in lines if line.skips] == [27]
    assert [line.text for line in lines if line.change == "added"] == ["one", "thirty"]


def test_a_file_that_came_or_went_is_shown_whole() -> None:
    assert lines_of(None, "a\nb\n") == [
        DiffLine("added", None, 1, "a"),
        DiffLine("added", None, 2, "b"),
    ]
    assert lines_of("a\n", None) == [DiffLine("removed", 1, None, "a")]
    assert lines_of(None, "") == []
