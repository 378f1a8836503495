"""Public pages cached by what they depend on.

A page's mark (ETag) is made of the versions of its topics, the local date, the language,
the address and the build. Whoever changes something public bumps its topics inside the
same transaction, so a change shows in the very next response and nothing ever expires.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, make_response, request
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from charity.config import ROOT, resource_dir
from charity.db import db
from charity.web.context import current_org, today
from charity.web.locale import language
from charity.web.models import TopicVersion

View = TypeVar("View", bound=Callable[..., Any])

#: Bytes of rendered pages one worker keeps.
STORE_BYTES = 32 * 1024 * 1024
#: Largest page worth keeping, in bytes.
PAGE_BYTES = 1024 * 1024
_CACHING = "public, no-cache"
_VARY = "Accept-Language, Cookie"


def bump(session: Session, org_id: int, *topics: str) -> None:
    """Raise the versions of topics, inside the transaction that changes them.

    Args:
        session: the writing transaction.
        org_id: the org whose pages change.
        topics: names as given to :func:`cached_by`; raised in sorted order, so that two
            transactions never wait for each other in a circle.
    """
    dialect: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    for topic in sorted(set(topics)):
        statement = dialect.insert(TopicVersion).values(org_id=org_id, topic=topic, version=1)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[TopicVersion.org_id, TopicVersion.topic],
                set_={"version": TopicVersion.version + 1},
            )
        )


def versions_of(session: Session, org_id: int, topics: tuple[str, ...]) -> dict[str, int]:
    """Return topic → version; a topic never bumped has version 0."""
    rows = session.execute(
        select(TopicVersion.topic, TopicVersion.version).where(
            TopicVersion.org_id == org_id, TopicVersion.topic.in_(topics)
        )
    ).tuples()
    return dict.fromkeys(topics, 0) | dict(rows.all())


class FormOnCachedPage(Exception):
    """A page with a form's token was about to be stored and shown to other readers."""


class PageStore:
    """Rendered pages by mark, the longest unused dropped first; safe between threads."""

    def __init__(self, limit_bytes: int = STORE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._pages: OrderedDict[str, tuple[bytes, str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, mark: str) -> tuple[bytes, str] | None:
        """Return body and content type of a stored page."""
        with self._lock:
            page = self._pages.get(mark)
            if page is not None:
                self._pages.move_to_end(mark)
            return page

    def put(self, mark: str, body: bytes, content_type: str) -> None:
        """Keep a page; one larger than :data:`PAGE_BYTES` is not kept."""
        if len(body) > PAGE_BYTES:
            return
        with self._lock:
            if mark not in self._pages:
                self._pages[mark] = (body, content_type)
                self._size_bytes += len(body)
            while self._size_bytes > self._limit_bytes:
                _mark, (oldest, _type) = self._pages.popitem(last=False)
                self._size_bytes -= len(oldest)


def build_mark() -> str:
    """Return a mark of the code, templates and catalogues in use; a new build changes it."""
    digest = hashlib.sha256()
    for folder in (ROOT, resource_dir("templates"), resource_dir("static")):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".html", ".mo", ".css", ".js", ".svg"):
                digest.update(_stamp(path))
    return digest.hexdigest()[:16]


def _stamp(path: Path) -> bytes:
    stat = path.stat()
    return f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}".encode()


def cached_by(*topics: str) -> Callable[[View], View]:
    """Cache a public GET view by the versions of its topics; answer 304 where it holds.

    The view's result must depend on nothing but the org, the topics, the business date,
    the language and the address. A page with a form cannot be cached.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def cached(*args: Any, **kwargs: Any) -> Response:
            mark = _mark(topics)
            if mark in request.if_none_match:
                return _headed(Response(status=304), mark)
            store = cast(PageStore, current_app.extensions["charity.page_store"])
            page = store.get(mark)
            if page is None:
                response = make_response(view(*args, **kwargs))
                if response.status_code != 200 or response.is_streamed:
                    return response
                _check_has_no_form()
                page = (response.get_data(), response.content_type or "text/html; charset=utf-8")
                store.put(mark, *page)
                if "Content-Disposition" in response.headers:
                    return _headed(response, mark)
            return _headed(Response(page[0], content_type=page[1]), mark)

        return cast(View, cached)

    return decorate


def _mark(topics: tuple[str, ...]) -> str:
    org_id = current_org().id
    versions = versions_of(db.session(), org_id, topics)
    parts = (
        current_app.extensions["charity.build_mark"],
        org_id,
        sorted(versions.items()),
        today(),
        language(),
        request.script_root,
        request.path,
        request.query_string,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _headed(response: Response, mark: str) -> Response:
    response.set_etag(mark)
    response.headers["Cache-Control"] = _CACHING
    response.headers["Vary"] = _VARY
    return response


def _check_has_no_form() -> None:
    if current_app.config["WTF_CSRF_FIELD_NAME"] in g:
        raise FormOnCachedPage(f"{request.endpoint} shows a form and must not be cached")


def install(app: Flask) -> None:
    """Give the app its store of pages and the mark of its build."""
    app.extensions["charity.page_store"] = PageStore()
    app.extensions["charity.build_mark"] = build_mark()
