"""Every template parses, stands in a layout, and asks nothing of another host."""

from __future__ import annotations

import re

from flask import Flask
from jinja2 import nodes

from tests.support import source

_FOLDER = source.ROOT / "templates"
_NO_PAGES = ("layouts/", "macros/", "mail/")


def names() -> list[str]:
    """Return every HTML template's name, as it is rendered by."""
    return [path.relative_to(_FOLDER).as_posix() for path in source.templates() if path.suffix == ".html"]


def pages() -> list[str]:
    """Return the templates that are pages: no layout, no macros, no part of another."""
    return [n for n in names() if not n.startswith(_NO_PAGES) and not n.rpartition("/")[2].startswith("_")]


def test_every_template_parses(app: Flask) -> None:
    assert len(names()) > 10
    for name in names():
        assert app.jinja_env.get_template(name)


def test_every_page_stands_in_a_layout(app: Flask) -> None:
    assert len(pages()) > 3
    alone = []
    for name in pages():
        tree = app.jinja_env.parse(source.text(_FOLDER / name))
        parents = [node.template for node in tree.find_all(nodes.Extends)]
        if not any(
            isinstance(parent, nodes.Const) and parent.value.startswith("layouts/") for parent in parents
        ):
            alone.append(name)
    assert alone == []


def test_every_page_has_its_title(app: Flask) -> None:
    without = [
        name
        for name in pages()
        if "title"
        not in {b.name for b in app.jinja_env.parse(source.text(_FOLDER / name)).find_all(nodes.Block)}
    ]
    assert without == []


def test_every_form_that_posts_carries_its_token() -> None:
    bare, count = [], 0
    for name in names():
        markup = re.sub(r"\{#.*?#\}", "", source.text(_FOLDER / name), flags=re.S)
        for posting in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", markup, re.S | re.I):
            count += 1
            # Either by hand, or by the macro that writes every hidden field.
            if "csrf_token" not in posting and ".hidden(" not in posting:
                bare.append(name)
    assert count
    assert bare == []


def test_links_between_pages_are_built_by_endpoint() -> None:
    written_out = []
    for name in names():
        for address in re.findall(r"(?:href|action)=\"(/[^\"]*)\"", source.text(_FOLDER / name)):
            written_out.append(f"{name}: {address}")
    assert written_out == []


def test_every_page_linked_to_by_endpoint_is_there(app: Flask) -> None:
    named = [
        (source.relative(path), endpoint)
        for path in [*source.templates(), *source.package_files()]
        for endpoint in re.findall(r"\burl_for\(\s*[\"']([\w.]+)[\"']", source.text(path))
        if "." in endpoint
    ]
    assert len(named) > 10
    assert [f"{file}: {endpoint}" for file, endpoint in named if endpoint not in app.view_functions] == []
