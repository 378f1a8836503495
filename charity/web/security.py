"""Headers, cookies and limits that hold for every answer.

The content policy allows nothing inline and no other host: styles, scripts and pictures
are files of this app. Cookie security follows ``PUBLIC_URL``, so that an office network
without TLS can run, with a warning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from charity.config import Settings
from charity.web.access import access_of
from charity.web.filters import static_version
from charity.web.locale import FROM_PROXY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "object-src 'none'",
        "frame-src 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    # Passkeys are for pages of ours alone; the rest no page needs.
    "Permissions-Policy": ", ".join(
        (
            "accelerometer=()",
            "browsing-topics=()",
            "camera=()",
            "display-capture=()",
            "fullscreen=()",
            "geolocation=()",
            "gyroscope=()",
            "magnetometer=()",
            "microphone=()",
            "midi=()",
            "payment=()",
            "publickey-credentials-create=(self)",
            "publickey-credentials-get=(self)",
            "serial=()",
            "usb=()",
        )
    ),
    "Origin-Agent-Cluster": "?1",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: Largest request, in bytes: a year's bank file with room to spare.
MAX_REQUEST_BYTES = 32 * 1024 * 1024
_STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
_STATIC_FOR_EVER = "public, max-age=31536000, immutable"


def config(settings: Settings) -> dict[str, Any]:
    """Return the Flask settings that follow from ours."""
    # The prefix makes a browser refuse the cookie unless it is secure and of this host.
    prefix = "__Host-" if settings.is_secure else ""
    return {
        "SECRET_KEY": settings.secret_key,
        "SESSION_COOKIE_NAME": f"{prefix}session",
        "SESSION_COOKIE_SECURE": settings.is_secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_PATH": "/",
        "REMEMBER_COOKIE_SECURE": settings.is_secure,
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "MAX_CONTENT_LENGTH": MAX_REQUEST_BYTES,
        "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
        "MAX_FORM_PARTS": 10_000,
        # The token lives as long as the session: a form left open over lunch still works.
        "WTF_CSRF_TIME_LIMIT": None,
        "PREFERRED_URL_SCHEME": "https" if settings.is_secure else "http",
    }


def add_headers(response: Response) -> Response:
    """Set the headers of every answer; what a view has set itself stands."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers.setdefault("Strict-Transport-Security", _STRICT_TRANSPORT)
    if request.endpoint == "static" and response.status_code < 400:
        _age_of_file(response)
    access = access_of(current_app, request.endpoint) if request.endpoint else None
    if access is not None and access.kind == "public" and response.status_code < 400:
        response.headers.setdefault("Cache-Control", "private, no-cache")
    else:
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("X-Robots-Tag", "noindex")
    return response


def _age_of_file(response: Response) -> None:
    """Let a static file be kept for good under the hash of what it holds now, and under nothing else.

    Under the hash of another release, past or to come, it would stand in for that one's file.
    """
    try:
        is_its_hash = request.args.get("v") == static_version((request.view_args or {})["filename"])
    except OSError:
        is_its_hash = False
    response.headers["Cache-Control"] = _STATIC_FOR_EVER if is_its_hash else "no-cache"
    if not is_its_hash:
        response.headers["X-Accel-Expires"] = "0"


class ProxyLanguage:
    """Takes over the language that the trusted proxy has read from the cookie."""

    def __init__(self, wsgi_app: WSGIApplication) -> None:
        self._wsgi_app = wsgi_app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if (read := environ.get("HTTP_X_CHARITY_LANGUAGE")) is not None:
            environ[FROM_PROXY] = read
        return self._wsgi_app(environ, start_response)


def install(app: Flask, settings: Settings) -> None:
    """Add the headers, trust the configured number of proxies, warn without TLS."""
    app.after_request(add_headers)
    if count := settings.trusted_proxies:
        # Neither host nor prefix: a proxy that does not set them would let a client do so.
        app.wsgi_app = ProxyLanguage(app.wsgi_app)  # type: ignore[method-assign]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count)  # type: ignore[method-assign]
    if settings.environment == "production" and not settings.is_secure:
        app.logger.warning("PUBLIC_URL is not https: sign-ins and data cross the network in clear.")
