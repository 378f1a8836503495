"""A walk follows what is shown and notices what is broken."""

from __future__ import annotations

import pytest
from flask import Flask, abort, redirect

from tests.support.crawl import OF_A_SHAPE, walk

PAGE = "<!doctype html><html lang=en><head><title>t</title></head><body><h1>h</h1>{}</body></html>"


@pytest.fixture
def site() -> Flask:
    """A site of five pages, two of them broken."""
    app = Flask(__name__)
    links = "".join(f'<a href="/funds/{n}">{n}</a>' for n in range(10))

    @app.get("/")
    def home() -> str:
        return PAGE.format(links + '<a href="/gone">x</a> <a href="/old">y</a> <a href="mailto:a@b.c">z</a>')

    @app.get("/funds/<int:number>")
    def fund(number: int) -> str:
        return PAGE.format(f'<a href="/">home {number}</a><a href="https://elsewhere.example/">out</a>')

    @app.get("/gone")
    def gone() -> str:
        abort(500)

    @app.get("/old")
    def old() -> object:
        return redirect("/bare")

    @app.get("/bare")
    def bare() -> str:
        return "<html><body>no title</body></html>"

    return app


def test_a_broken_link_is_found_with_the_page_that_shows_it(site: Flask) -> None:
    assert "/gone: 500 (linked from /)" in walk(site, site.test_client(), "/").wrong


def test_a_redirect_is_followed_and_a_bad_page_named(site: Flask) -> None:
    found = walk(site, site.test_client(), "/")
    assert found.visited["bare"] == "/bare"
    assert "/bare: no title" in found.wrong


def test_a_few_addresses_of_a_shape_are_opened(site: Flask) -> None:
    assert walk(site, site.test_client(), "/").pages == 1 + OF_A_SHAPE + 1


def test_a_link_to_nowhere_is_found(site: Flask) -> None:
    assert "/nowhere: 404 (linked from the start)" in walk(site, site.test_client(), "/nowhere").wrong
