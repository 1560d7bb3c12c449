"""Markdown as HTML of a few harmless elements, for a frame that can do nothing else.

rich reads Markdown for terminals; what it has read is written here element by element, so that
nothing of the text comes out as markup of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Protocol

TAGS = frozenset(
    (
        *("h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "li", "blockquote", "hr", "br"),
        *("table", "thead", "tbody", "tr", "th", "td", "em", "strong", "s"),
    )
)
SCHEMES = ("http://", "https://", "mailto:")
DATA = ("data:image/png;", "data:image/jpeg;", "data:image/gif;", "data:image/webp;")


class Element(Protocol):
    """What rich has read: an element's begin or end, or a piece of text."""

    @property
    def type(self) -> str: ...
    @property
    def tag(self) -> str: ...
    @property
    def nesting(self) -> int: ...
    @property
    def content(self) -> str: ...
    @property
    def hidden(self) -> bool: ...
    @property
    def attrs(self) -> Mapping[str, str | int | float]: ...
    @property
    def children(self) -> Sequence[Element] | None: ...


def html_of(text: str) -> str:
    """The HTML of a Markdown text; HTML within it is shown as text."""
    # With it come Pygments and a parser: 4 MB that a daemon without Markdown does not need.
    from rich.markdown import Markdown

    return "".join(_written(Markdown(text).parsed))


def _written(elements: Sequence[Element]) -> Iterator[str]:
    for element in elements:
        if element.children is not None and element.type == "inline":
            yield from _written(element.children)
        elif not element.hidden:  # the paragraphs of tight lists
            yield _one(element)


def _one(element: Element) -> str:
    kind, content = element.type, escape(element.content)
    if kind in ("fence", "code_block"):
        return f"<pre><code>{content}</code></pre>\n"
    if kind == "code_inline":
        return f"<code>{content}</code>"
    if kind == "softbreak":
        return "\n"
    if kind in ("link_open", "link_close"):
        return _link(element)
    if kind == "image":
        return _image(element)
    if element.tag in TAGS:
        slash = "/" if element.nesting < 0 else ""
        return f"<{slash}{element.tag}>"
    return content  # text, and HTML as what it is: text


def _link(element: Element) -> str:
    if element.nesting < 0:
        return "</a>"
    to = str(element.attrs.get("href", ""))
    if not to.lower().startswith(SCHEMES):
        return "<a>"
    return f'<a href="{escape(to)}" rel="noopener noreferrer" target="_blank">'


def _image(element: Element) -> str:
    source = str(element.attrs.get("src", ""))
    if not source.lower().startswith(DATA):
        return f"[{escape(element.content)}]"
    return f'<img src="{escape(source)}" alt="{escape(element.content)}">'
