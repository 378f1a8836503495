"""Public pages cached by what they depend on.

A page's mark (ETag) is made of the versions of its topics, the local date, the language,
the address and the build. Whoever changes something public bumps its topics inside the
same transaction, so a change shows in the very next response and nothing ever expires.

The view declares its topics with :func:`cached_by`; a WSGI layer in front of Flask keeps
the finished answer and, while its mark holds, serves it after one small query.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from flask import Flask, Response, current_app, g, make_response, request
from sqlalchemy import Engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from charity.config import ROOT, Settings, resource_dir
from charity.db import db
from charity.periods import business_date
from charity.web.context import current_org
from charity.web.locale import language_of_environ
from charity.web.models import TopicVersion

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

View = TypeVar("View", bound=Callable[..., Any])

#: Name, short name and address of an org stand on each of its pages.
ORG_TOPIC = "org"
#: Bytes of finished pages one worker keeps.
STORE_BYTES = 32 * 1024 * 1024
#: Largest page worth keeping, in bytes.
PAGE_BYTES = 1024 * 1024
_CACHING = "public, no-cache"
#: Seconds a proxy of this house (deploy/nginx) may show a page again before it asks.
_PROXY_S = "1"
_VARY = "Accept-Language, Cookie"
_DECLARED = "charity.cached_page"

PageKey = tuple[str, ...]
#: Versions of a page's topics in their order, and the business date.
State = tuple[tuple[int, ...], date]


def bump(session: Session, org_id: int, *topics: str) -> None:
    """Raise the versions of topics, inside the transaction that changes them.

    Args:
        session: the writing transaction.
        org_id: the org whose pages change.
        topics: names as given to :func:`cached_by`, or :data:`ORG_TOPIC`; raised in
            sorted order, so that two transactions never wait for each other in a circle.
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


class FormOnCachedPage(Exception):
    """A page with a form's token was about to be stored and shown to other readers."""


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A finished answer.

    Attributes:
        org_id: the org it belongs to.
        topics: what it depends on.
        state: versions and day it was made from; while they are the same, it holds.
        mark: its ETag.
        body: the bytes.
        headers: all headers as they were sent.
    """

    org_id: int
    topics: tuple[str, ...]
    state: State
    mark: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class VersionReader:
    """Reads topic versions on connections of its own, which it keeps open.

    To take a connection from the pool and give it back costs eight times the query, and
    this query is nearly all there is to a hit.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
        self._sql = f"SELECT topic, version FROM web_topic_version WHERE org_id = {mark}"
        self._idle: list[Any] = []
        event.listen(engine, "engine_disposed", self._close)

    def read(self, org_id: int) -> dict[str, int]:
        """Return topic → version; a topic never bumped is not in it."""
        try:
            return self._read_on(self._idle.pop(), org_id)
        except (IndexError, self._engine.dialect.loaded_dbapi.Error):
            # None is idle, or the server has closed it: a new one answers or fails.
            return self._read_on(self._connect(), org_id)

    def _read_on(self, connection: Any, org_id: int) -> dict[str, int]:
        try:
            cursor = connection.cursor()
            cursor.execute(self._sql, (org_id,))
            rows = cursor.fetchall()
            cursor.close()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return dict(rows)

    def _connect(self) -> Any:
        fairy = self._engine.raw_connection()
        fairy.detach()
        connection = fairy.dbapi_connection
        if self._engine.dialect.name == "postgresql":
            connection.autocommit = True  # type: ignore[union-attr]  # no transaction stays open
        return connection

    def _close(self, _engine: Engine) -> None:
        while self._idle:
            self._idle.pop().close()


class PageStore:
    """Finished pages by address and language, the longest unused dropped first."""

    def __init__(self, limit_bytes: int = STORE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._pages: OrderedDict[PageKey, StoredPage] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: PageKey) -> StoredPage | None:
        """Return the page stored under a key."""
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
            return page

    def put(self, key: PageKey, page: StoredPage) -> None:
        """Keep a page in place of an earlier one; one over :data:`PAGE_BYTES` is not kept."""
        if len(page.body) > PAGE_BYTES:
            return
        with self._lock:
            earlier = self._pages.pop(key, None)
            self._size_bytes += len(page.body) - (len(earlier.body) if earlier else 0)
            self._pages[key] = page
            while self._size_bytes > self._limit_bytes:
                _key, oldest = self._pages.popitem(last=False)
                self._size_bytes -= len(oldest.body)


def cached_by(*topics: str) -> Callable[[View], View]:
    """Cache a public GET view by the versions of its topics; answer 304 where it holds.

    The view's result must depend on nothing but the org, the topics, the business date,
    the language and the address. A page with a form cannot be cached.

    Raises:
        FormOnCachedPage: the view has shown a form with its token.
    """

    names = tuple(sorted({*topics, ORG_TOPIC}))

    def decorate(view: View) -> View:
        @wraps(view)
        def cached(*args: Any, **kwargs: Any) -> Response:
            front = cast(PageFront, current_app.extensions["charity.page_front"])
            org_id = current_org().id
            # The state is read before the view reads: a change in between leaves a fresh
            # page under an old state, which is made again, never a stale one under a new.
            state = front.state(org_id, names)
            mark = front.mark(page_key(request.environ), org_id, state)
            if mark in request.if_none_match:
                return _headed(Response(status=304), mark)
            response = make_response(view(*args, **kwargs))
            if response.status_code != 200 or response.is_streamed:
                return response
            if current_app.config["WTF_CSRF_FIELD_NAME"] in g:
                raise FormOnCachedPage(f"{request.endpoint} shows a form and must not be cached")
            request.environ[_DECLARED] = StoredPage(org_id, names, state, mark)
            return _headed(response, mark)

        return cast(View, cached)

    return decorate


def _headed(response: Response, mark: str) -> Response:
    response.set_etag(mark)
    response.headers["Cache-Control"] = _CACHING
    response.headers["Vary"] = _VARY
    response.headers["X-Accel-Expires"] = _PROXY_S
    return response


def page_key(environ: WSGIEnvironment) -> PageKey:
    """Return what tells one public page from another: host, address, language."""
    return (
        environ.get("HTTP_HOST", ""),
        environ.get("SCRIPT_NAME", ""),
        environ.get("PATH_INFO", ""),
        environ.get("QUERY_STRING", ""),
        language_of_environ(environ),
    )


class PageFront:
    """The layer in front of Flask that answers with stored pages while they hold."""

    def __init__(self, wsgi_app: WSGIApplication, app: Flask) -> None:
        self._wsgi_app = wsgi_app
        self._app = app
        self._build = build_mark()
        self.store = PageStore()
        with app.app_context():
            self._versions = VersionReader(db.engine)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self._wsgi_app(environ, start_response)
        key = page_key(environ)
        page = self.store.get(key)
        if page is not None and self.state(page.org_id, page.topics) == page.state:
            return _answer(page, environ, start_response)
        return self._fetch(key, environ, start_response)

    def state(self, org_id: int, topics: Sequence[str]) -> State:
        """Return what a page of these topics would be made from now."""
        settings = cast(Settings, self._app.extensions["charity.settings"])
        known = self._versions.read(org_id)
        versions = tuple(known.get(topic, 0) for topic in topics)
        return versions, business_date(self._app.config["CLOCK"](), settings.zone)

    def mark(self, key: PageKey, org_id: int, state: State) -> str:
        """Return the ETag of a page made from a state."""
        return hashlib.sha256(repr((self._build, key, org_id, state)).encode()).hexdigest()[:32]

    def _fetch(
        self, key: PageKey, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Let Flask answer, and keep the answer if its view is cached."""
        sent: list[tuple[str, list[tuple[str, str]]]] = []

        def note(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            sent.append((status, headers))
            return start_response(status, headers, exc_info)

        chunks = self._wsgi_app(environ, note)
        page = environ.get(_DECLARED)
        if page is None or environ["REQUEST_METHOD"] == "HEAD":
            return chunks
        body = b"".join(chunks)
        if close := getattr(chunks, "close", None):
            close()
        status, headers = sent[-1]
        has_cookie = any(name.lower() == "set-cookie" for name, _value in headers)
        if status.startswith("200 ") and not has_cookie:
            self.store.put(key, replace(page, body=body, headers=tuple(headers)))
        return [body]


def _answer(page: StoredPage, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer with a stored page, or with 304 to a browser that has it already."""
    if page.mark in environ.get("HTTP_IF_NONE_MATCH", ""):
        kept = [pair for pair in page.headers if not pair[0].lower().startswith("content-")]
        start_response("304 NOT MODIFIED", kept)
        return []
    start_response("200 OK", list(page.headers))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [page.body]


def build_mark() -> str:
    """Return a mark of the code, templates and catalogues in use; a new build changes it."""
    digest = hashlib.sha256()
    for folder in (ROOT, resource_dir("templates"), resource_dir("static")):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".html", ".mo", ".css", ".js", ".svg"):
                stat = path.stat()
                digest.update(f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def install(app: Flask) -> None:
    """Put the layer in front of the app."""
    front = PageFront(app.wsgi_app, app)
    app.extensions["charity.page_front"] = front
    app.wsgi_app = front  # type: ignore[method-assign]
