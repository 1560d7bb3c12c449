from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triphammer.service.web.markdown import TAGS, html_of


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Title", "<h1>Title</h1>"),
        ("a *b* **c** ~~d~~", "<p>a <em>b</em> <strong>c</strong> <s>d</s></p>"),
        ("`x<y`", "<p><code>x&lt;y</code></p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](/local)", "<p><a>x</a></p>"),
        (
            "[x](http://e.o/?a&b)",
            '<p><a href="http://e.o/?a&amp;b" rel="noopener noreferrer" target="_blank">x</a></p>',
        ),
        ("![i](https://e.org/i.png)", "<p>[i]</p>"),
        ("![i](data:image/png;base64,AA)", '<p><img src="data:image/png;base64,AA" alt="i"></p>'),
        ("![i](data:image/svg+xml;base64,AA)", "<p>![i](data:image/svg+xml;base64,AA)</p>"),
        (
            "| a |\n|---|\n| 1 |",
            "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
        ),
    ],
)
def test_markdown_is_written_as_harmless_elements(text: str, html: str) -> None:
    assert html_of(text).strip() == html


class Found(HTMLParser):
    """The elements and attributes of a text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update((name, value or "") for name, value in attrs)


PIECES = st.sampled_from(
    [
        "<script>",
        "</script>",
        "<img src=x onerror=y>",
        "[a](",
        "javascript:",
        "data:",
        ")",
        "![",
        "]",
        "`",
        "```\n",
        "\n",
        "\n\n",
        "# ",
        "- ",
        "> ",
        "|",
        "---",
        "&lt;",
        "<!--",
        "'",
        '"',
        " ",
        "x",
        "<",
        ">",
        "\\",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join) | st.text())
def test_nothing_but_harmless_elements_comes_out(text: str) -> None:
    found = Found()
    found.feed(html_of(text))
    found.close()
    assert found.tags <= TAGS | {"a", "img", "pre", "code"}
    for name, value in found.attributes:
        assert name in ("href", "rel", "target", "src", "alt")
        assert name != "href" or value.lower().startswith(("http://", "https://", "mailto:"))
        assert name != "src" or value.lower().startswith("data:image/")
