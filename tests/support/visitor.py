"""A visitor of the app: a test client that carries the form token, as a browser's page would."""

from __future__ import annotations

import secrets
from typing import Any

from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Visitor(FlaskClient):
    """A test client whose posts carry the token of its session.

    ``visitor.post(url, has_token=False)`` leaves it out: a post forged by another site.
    """

    def open(self, *args: Any, has_token: bool = True, **kwargs: Any) -> TestResponse:
        """Send a request; see Werkzeug's client for the arguments."""
        if has_token and str(kwargs.get("method", "GET")).upper() in _UNSAFE:
            headers = dict(kwargs.get("headers") or {})
            headers.setdefault("X-CSRFToken", self._token())
            kwargs["headers"] = headers
        return super().open(*args, **kwargs)

    def _token(self) -> str:
        """Return the token a page of this session would carry."""
        with self.session_transaction() as session:
            raw = session.setdefault("csrf_token", secrets.token_hex(20))
        signer = URLSafeTimedSerializer(self.application.secret_key, salt="wtf-csrf-token")
        return str(signer.dumps(raw))
