"""A double-entry ledger with a fund on every line, and public pages that are queries over it.

``create_app`` is the one place that wires everything. Its imports stand inside it, so
that the pure modules of this package can be used and tested without Flask.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from charity.config import Settings

#: Modules with a ``blueprint``, in the order of the layers. What a feature gives the
#: shell (hooks, navigation, handlers) it registers itself when it is imported or, where
#: it needs the app, with ``@blueprint.record_once``.
FEATURES = (
    "charity.web.routes",
    "charity.jobs.routes",
    "charity.messages.routes",
    "charity.oplog.routes",
    "charity.places.routes",
    "charity.users.routes",
    "charity.imports.routes",
    "charity.ledger.routes",
    "charity.proofs.routes",
    "charity.donations.routes",
    "charity.receipts.routes",
    "charity.disclosure.routes",
    "charity.retention.routes",
    "charity.upkeep.routes",
    "charity.founding.routes",
    "charity.privacy.routes",
)


def create_app(settings: Settings | None = None, clock: Callable[[], datetime] | None = None) -> Flask:
    """Return the app, ready to serve.

    Args:
        settings: from the environment when None.
        clock: gives the present instant, UTC; the system clock when None.

    Raises:
        FallbackFontUnusable: the operator's font cannot be read.
        UndeclaredAccess: a page does not say who may open it.
        UnsafeSettings: a key is missing, or the database role could pass the guards.
    """
    from charity import sealed
    from charity.config import load_settings, system_clock
    from charity.documents import fonts
    from charity.web import logs, prefix, security

    settings = settings or load_settings()
    fonts.use_fallback(settings.fallback_font)
    sealed.configure(settings.field_key, settings.retired_field_keys)
    app = _bare_app(settings)
    app.config["CLOCK"] = clock or system_clock
    _add_database(app, settings)
    _add_shell(app)
    _add_features(app)
    _refuse_unsealed_books(app)
    app.wsgi_app = prefix.OrgPrefix(app.wsgi_app, app)  # type: ignore[method-assign]
    security.install(app, settings)
    logs.install(app, settings)
    return app


def _bare_app(settings: Settings) -> Flask:
    """Return Flask with its folders and settings, and templates in which nothing is undefined."""
    from flask import Flask
    from jinja2 import StrictUndefined

    from charity.config import resource_dir
    from charity.web import security

    app = Flask(
        __name__,
        template_folder=str(resource_dir("templates")),
        static_folder=str(resource_dir("static")),
        instance_path=str(settings.data_dir),
    )
    app.config.update(security.config(settings))
    app.extensions["charity.settings"] = settings
    app.jinja_options = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return app


def _add_database(app: Flask, settings: Settings) -> None:
    """Connect the app, as a role that cannot pass the guards."""
    from flask_migrate import Migrate

    from charity import grants
    from charity.config import resource_dir
    from charity.db import db, prepare_engine

    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    # A connection of PostgreSQL keeps its plans: a new one now and then plans for today's tables.
    # What an error says of a statement goes to the journal: never the values of persons.
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_recycle": 900, "hide_parameters": True}
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
        grants.refuse_unsafe_role(db.engine, settings)
    Migrate(app, db, directory=str(resource_dir("migrations")))


def _add_shell(app: Flask) -> None:
    """Add what every page shares; the order is that of a request."""
    from flask_wtf import CSRFProtect

    from charity.web import access, cache, context, errors, filters, locale

    context.install(app)
    locale.install(app)
    access.install(app)  # before CSRF: who is signed out is led to sign in, not told of a token
    CSRFProtect(app)
    filters.install(app)
    errors.install(app)
    cache.install(app)


def _add_features(app: Flask) -> None:
    """Add every feature's pages, and join siblings that do not know each other."""
    from charity import cli
    from charity.db import db, watch_orgs
    from charity.jobs import worker
    from charity.messages.routes import deliver
    from charity.users.routes import forget_sessions
    from charity.web import access

    for name in FEATURES:
        app.register_blueprint(import_module(name).blueprint)
    if app.extensions["charity.settings"].environment in ("development", "test"):
        with app.app_context():
            watch_orgs(db.engine)
    worker.register_periodic("messages.deliver", 15, deliver)
    worker.register_periodic("users.forget_sessions", 3600, forget_sessions)
    cli.register(app)
    access.check_declared(app)


def _refuse_unsealed_books(app: Flask) -> None:
    """Serve nothing from a database whose guards are not as declared (design: compared at start-up).

    The commands still run, so that an operator can check and upgrade. While something is
    wrong each request looks again; once all is well nothing looks any more.
    """
    from flask import abort, request

    from charity import schema
    from charity.db import db

    def look() -> bool:
        found = schema.faults(db.engine)
        for fault in found:
            app.logger.critical("Not in service: %s.", fault)
        return bool(found)

    with app.app_context():
        app.extensions["charity.is_closed"] = look()
        # A server that forks its workers after this must not hand them one connection.
        db.engine.dispose()

    def refuse() -> None:
        if app.extensions["charity.is_closed"] and request.endpoint not in ("static", "founding.setup"):
            app.extensions["charity.is_closed"] = look()
            if app.extensions["charity.is_closed"]:
                abort(503)

    # Before every other hook: those already ask the database.
    app.before_request_funcs.setdefault(None, []).insert(0, refuse)
