"""The demo's data, made as ``dev.py demo`` makes it, and its people."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from charity import create_app
from charity.config import load_settings
from charity.db import db
from charity.places.models import Org
from charity.users.models import RoleGrant, User
from tests.builders import client_as, sign_in
from tests.support import source
from tests.support.databases import KEYS
from tests.support.visitor import Visitor


def make_demo(folder: Path) -> Flask:
    """Return the app on a fresh demo in a folder."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    # The keys of the tests: sealed fields open with the keys of the process, and other
    # apps of this worker set those.
    environ |= {"CHARITY_ENV": "demo", "CHARITY_DATA": str(folder), **KEYS}
    done = subprocess.run(
        [sys.executable, "-m", "charity.demo", "--data", str(folder)],
        cwd=source.ROOT,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    app = create_app(load_settings(environ))
    app.test_client_class = Visitor
    return app


def client_of(app: Flask, role: str) -> FlaskClient:
    """Return a client signed in as one of the demo's people with a role, or as a new one."""
    with app.app_context():
        username = db.session.scalar(
            select(User.username)
            .join(RoleGrant, RoleGrant.user_id == User.id)
            .join(Org, Org.id == RoleGrant.org_id)
            .where(RoleGrant.role == role, RoleGrant.revoked_at.is_(None), Org.is_default)
        )
        db.session.remove()
    return sign_in(app, username) if username else client_as(app, role)
