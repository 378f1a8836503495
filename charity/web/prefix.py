"""The org in the path: ``/xiajin/office/`` is the office of the org ``xiajin``.

A WSGI middleware moves the first segment to ``SCRIPT_NAME`` when it is an org's slug,
so that every ``url_for`` keeps it and no route has to know about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.routing import Map

from charity.web.context import ORG_SLUG

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Environ key of the script root before the slug was moved; addresses static files.
SCRIPT_ROOT = "charity.script_root"


def reserved_segments(routes: Map) -> frozenset[str]:
    """Return the first path segments the app's own routes use; no org may be named so."""
    return frozenset(rule.rule.split("/")[1] for rule in routes.iter_rules())


class OrgPrefix:
    """Move the slug of an org from the path to the script name."""

    def __init__(self, wsgi_app: WSGIApplication, app: Flask) -> None:
        self._wsgi_app = wsgi_app
        self._app = app
        self._reserved: frozenset[str] = frozenset()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[SCRIPT_ROOT] = environ.get("SCRIPT_NAME", "")
        path = environ.get("PATH_INFO", "")
        segment = path.split("/", 2)[1] if path.startswith("/") else ""
        if segment and not self._is_reserved(segment):
            with self._app.app_context():
                slugs = self._app.extensions["charity.org_slugs"]()
            if segment in slugs:
                environ[ORG_SLUG] = segment
                environ["SCRIPT_NAME"] = f"{environ[SCRIPT_ROOT]}/{segment}"
                environ["PATH_INFO"] = path[len(segment) + 1 :] or "/"
        return self._wsgi_app(environ, start_response)

    def _is_reserved(self, segment: str) -> bool:
        # Read at the first request, when every blueprint is there; the pages of the
        # default org then cost no look-up of slugs at all.
        if not self._reserved:
            self._reserved = reserved_segments(self._app.url_map)
        return segment in self._reserved
