"""A page as a test reads it: title, headings, links, fields with labels, tables by caption.

``page(response).table("业务活动表")`` gives the rows a person sees; nothing but the
standard library's parser, so that what does not parse is seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from werkzeug.test import TestResponse

_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
#: Fields a person fills in; the others need no label.
_FILLED = frozenset({"input", "select", "textarea"})
_UNLABELLED = frozenset({"hidden", "submit", "button", "reset", "image"})


@dataclass
class Page(HTMLParser):
    """What a page holds.

    Attributes:
        language: the ``lang`` of the page.
        title: its title.
        headings: the texts of its ``h1``.
        links: addresses of links, in order.
        assets: addresses of scripts, styles and images.
        unlabelled: fields without a label, by name or id.
        repeated_ids: ids that stand more than once.
        tables: caption → rows of texts, the head first.
        text: everything a person reads, blanks folded.
        inline: scripts, styles and handlers written into the page, which the content policy refuses.
        unclosed: elements left open, or closed without being open.
        clashing: names of buttons that a hidden field of the same form carries too: a browser
            sends the hidden field first, and it wins.
    """

    language: str = ""
    title: str = ""
    headings: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    repeated_ids: list[str] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    text: str = ""
    inline: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)
    clashing: list[str] = field(default_factory=list)
    _hidden: set[str] = field(default_factory=set)
    _open: list[str] = field(default_factory=list)
    _ids: set[str] = field(default_factory=set)
    _labels: set[str] = field(default_factory=set)
    _fields: list[tuple[str, str, bool]] = field(default_factory=list)
    _rows: list[list[str]] = field(default_factory=list)
    _caption: str = ""

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    @classmethod
    def of(cls, markup: str) -> Page:
        """Return the page of a text."""
        page = cls()
        page.feed(markup)
        page.close()
        page.unclosed += page._open
        page.text = re.sub(r"\s+", " ", page.text).strip()
        page.unlabelled = [
            name or key for key, name, has_label in page._fields if not has_label and key not in page._labels
        ]
        return page

    def table(self, caption: str) -> list[list[str]]:
        """Return the rows of the table with a caption; fails naming the captions there are."""
        assert caption in self.tables, f"no table {caption!r}; there are {sorted(self.tables)}"
        return self.tables[caption]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if key := values.get("id"):
            if key in self._ids:
                self.repeated_ids.append(key)
            self._ids.add(key)
        self._notice(tag, values)
        if tag not in _VOID:
            self._open.append(tag)

    def _notice_form(self, tag: str, values: dict[str, str]) -> None:
        """Remember the hidden fields of a form, and buttons whose name one of them has."""
        name = values.get("name", "")
        if tag == "form":
            self._hidden = set()
        elif tag == "input" and values.get("type") == "hidden":
            self._hidden.add(name)
        elif tag == "button" and name in self._hidden:
            self.clashing.append(name)

    def _notice(self, tag: str, values: dict[str, str]) -> None:
        """Remember what an element says by its attributes."""
        self._notice_form(tag, values)
        if tag == "html":
            self.language = values.get("lang", "")
        elif tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "label" and "for" in values:
            self._labels.add(values["for"])
        elif tag == "h1":
            self.headings.append("")
        elif tag == "table":
            self._rows, self._caption = [], ""
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th") and self._rows:
            self._rows[-1].append("")
        elif tag in _FILLED and values.get("type") not in _UNLABELLED:
            named = "label" in self._open or "aria-label" in values or "aria-labelledby" in values
            self._fields.append((values.get("id", ""), values.get("name", ""), named))
        if (tag == "script" and "src" not in values) or tag == "style":
            self.inline.append(f"<{tag}>")
        self.inline += [f"<{tag} {name}>" for name in values if name == "style" or name.startswith("on")]
        for name in ("src", "href") if tag in ("script", "img", "link") else ():
            if name in values:
                self.assets.append(values[name])

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.tables[self._caption.strip()] = [
                [" ".join(cell.split()) for cell in row] for row in self._rows
            ]
        if tag in self._open:
            while self._open and (closed := self._open.pop()) != tag:
                if closed not in ("p", "li", "td", "th", "tr", "dt", "dd", "option"):
                    self.unclosed.append(closed)
        elif tag not in _VOID:
            self.unclosed.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if {"script", "style"} & set(self._open):
            return
        self.text += " " + data
        if "title" in self._open and "svg" not in self._open:
            self.title += data
        if "h1" in self._open:
            self.headings[-1] += data
        if "caption" in self._open:
            self._caption += data
        if {"td", "th"} & set(self._open) and self._rows and self._rows[-1]:
            self._rows[-1][-1] += data


def page(response: TestResponse) -> Page:
    """Return the page of a response."""
    return Page.of(response.get_data(as_text=True))


def faults(found: Page) -> list[str]:
    """Return what is wrong with any page of ours, in words."""
    wrong = []
    if not found.language:
        wrong.append("no lang")
    if not found.title.strip():
        wrong.append("no title")
    if len(found.headings) != 1 or not found.headings[0].strip():
        wrong.append(f"{len(found.headings)} h1")
    wrong += [f"the field {name} has no label" for name in found.unlabelled]
    wrong += [f"the id {name} stands twice" for name in found.repeated_ids]
    wrong += [f"a hidden field {name} wins over the buttons of that name" for name in found.clashing]
    wrong += [f"<{tag}> is not balanced" for tag in found.unclosed]
    wrong += [f"{what} is written into the page" for what in found.inline]
    wrong += [f"{url} is not ours" for url in found.assets if re.match(r"(?:[a-z]+:)?//", url)]
    return wrong
