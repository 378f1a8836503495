"""The log as lines of JSON: what happened, where in the code, in which request; nobody's data.

A line is put together from what the code says and never from what people typed: the text
of a message stands without its values unless they are numbers of ours, an exception
without its words, an address as the name of its endpoint. What is worth knowing beside
that, the caller hands over by name: ``logger.info("…", extra={"said": {"kind": kind}})``.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from flask import Flask, request

from charity.config import ROOT, Settings
from charity.errors import Refused

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Name of the request under way; empty outside one.
request_id: ContextVar[str] = ContextVar("request_id", default="")

_ENDPOINT = "charity.endpoint"
_HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[0-9a-f]{16,64}")
_FIELD = re.compile(r"%(?:\((\w+)\))?[-#0 +]*\d*(?:\.\d+)?[sdrixf]")
#: Numbers up to here are counts and statuses of ours; longer ones may be a phone's.
_COUNT = 1_000_000
_WITHHELD = "…"

logger = logging.getLogger("charity.requests")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON without anybody's data."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        values: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message_of(record),
            "where": f"{record.module}:{record.funcName}:{record.lineno}",
        }
        if name := request_id.get():
            values["request"] = name
        values.update(getattr(record, "said", {}))
        if record.exc_info and record.exc_info[1] is not None:
            values["error"] = error_of(record.exc_info[1])
        return json.dumps(values, ensure_ascii=False, default=str)


def message_of(record: logging.LogRecord) -> str:
    """Return the text of a record as it stands in the code, with counts filled in only.

    A text of another's library without values may have been put together before it came
    here; nothing is known of it, so it is withheld.
    """
    text = cast(object, record.msg)  # whatever its type says, a library may hand over anything
    if not isinstance(text, str):
        return _WITHHELD
    if not record.args:
        return text if record.name.startswith("charity") else _WITHHELD
    given = iter(record.args) if isinstance(record.args, tuple) else None
    named = record.args if isinstance(record.args, dict) else {}

    def value(match: re.Match[str]) -> str:
        found = named.get(match[1]) if match[1] else next(given, None) if given else None
        is_count = isinstance(found, int) and -_COUNT < found < _COUNT
        return str(found) if is_count else _WITHHELD

    return _FIELD.sub(value, text)


def error_of(error: BaseException) -> dict[str, Any]:
    """Return an exception as its kinds and places, the innermost first, without its words."""
    kinds: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        kinds.append(type(seen).__name__)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    frames = traceback.extract_tb(error.__traceback__)[-12:][::-1]
    found: dict[str, Any] = {
        "kinds": kinds,
        "frames": [f"{_short(frame.filename)}:{frame.name}:{frame.lineno}" for frame in frames],
    }
    if isinstance(error, Refused):
        found["codes"] = error.codes
    if state := getattr(getattr(error, "orig", None), "sqlstate", None):
        found["sqlstate"] = state
    return found


def _short(filename: str) -> str:
    """Return a file's name from the package on; nothing of the machine's folders."""
    parts = filename.replace("\\", "/").split("/")
    for top in (ROOT.name, "site-packages"):
        if top in parts:
            return "/".join(parts[parts.index(top) + (top == "site-packages") :])
    return parts[-1]


class RequestLog:
    """The outermost layer: names each request, and writes one line when it is answered."""

    def __init__(self, wsgi_app: WSGIApplication, settings: Settings) -> None:
        self._wsgi_app = wsgi_app
        self._is_behind_proxy = settings.trusted_proxies > 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        given = environ.get("HTTP_X_REQUEST_ID", "") if self._is_behind_proxy else ""
        name = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        token, began, status = request_id.set(name), time.perf_counter(), ["000"]

        def start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            status[0] = line[:3]
            return start_response(line, [*headers, (_HEADER, name)], exc_info)

        try:
            return self._wsgi_app(environ, start)
        finally:
            self._write(environ, status[0], round((time.perf_counter() - began) * 1000))
            request_id.reset(token)

    def _write(self, environ: WSGIEnvironment, status: str, took_ms: int) -> None:
        """Write the line of a request."""
        said = {
            "method": environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else _WITHHELD,
            "endpoint": environ.get(_ENDPOINT, "cached page"),
            "status": int(status),
            "took_ms": took_ms,
        }
        level = logging.ERROR if status.startswith("5") else logging.INFO
        logger.log(level, "answered a request", extra={"said": said})


#: Methods a request is logged with; any other word is the sender's own.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def note_endpoint() -> None:
    """Leave the name of the endpoint where the log finds it; an address may name a person."""
    request.environ[_ENDPOINT] = request.endpoint or "none"


def _log_exception(
    exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
) -> None:
    """Write a crash, in place of Flask's own line, which holds the whole address."""
    logging.getLogger("charity").error("a request failed", exc_info=exc_info)


def install(app: Flask, settings: Settings) -> None:
    """Write JSON lines to standard error, one for each request, when the settings ask for it."""
    if settings.log_form != "json":
        return
    configure(sys.stderr)
    app.before_request(note_endpoint)
    app.log_exception = _log_exception  # type: ignore[method-assign]
    app.wsgi_app = RequestLog(app.wsgi_app, settings)  # type: ignore[method-assign]


def configure(stream: Any) -> Callable[[], None]:
    """Send everything that is logged to a stream as JSON lines; return what undoes it."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root, ours = logging.getLogger(), logging.getLogger("charity")
    before = (root.handlers[:], root.level, ours.handlers[:], ours.level, ours.propagate)
    root.handlers, ours.handlers = [handler], []
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.INFO)
    ours.propagate = True

    def undo() -> None:
        root.handlers, level, ours.handlers, own_level, ours.propagate = before
        root.setLevel(level)
        ours.setLevel(own_level)

    return undo
