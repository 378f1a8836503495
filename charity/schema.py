"""The schema: every feature's tables, the migrations, triggers and grants on them.

Stands beside ``cli`` and ``create_app``, above every feature, because it gathers them
all. Runs as the owner. The invariant: after ``upgrade`` the database has the tables of
the models, the triggers of the declarations, and no role has a right too many.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

import charity
from charity import grants, triggers
from charity.config import Settings, resource_dir
from charity.db import Base, prepare_engine
from charity.ledger.chart import install_chart


def load_tables() -> None:
    """Import what every feature declares: tables (``models``, ``…_models``), guards (``sealing``).

    Features are found, not listed, so that none can be forgotten.
    """
    for module in pkgutil.iter_modules(charity.__path__):
        if not module.ispkg:
            continue
        package = importlib.import_module(f"charity.{module.name}")
        for inner in pkgutil.iter_modules(package.__path__):
            if inner.name == "sealing" or inner.name.split("_")[-1] == "models":
                importlib.import_module(f"charity.{module.name}.{inner.name}")


@contextmanager
def owner_engine(settings: Settings) -> Iterator[Engine]:
    """Give an engine of the owner's role without a pool; SQLite's authorizer is left out."""
    engine = create_engine(settings.owner_url, poolclass=NullPool, hide_parameters=True)
    prepare_engine(engine, is_owner=True)
    try:
        yield engine
    finally:
        engine.dispose()


def migration_config(settings: Settings) -> Config:
    """Return Alembic's configuration; the migrations may stand in a wheel."""
    config = Config()
    config.set_main_option("script_location", str(resource_dir("migrations")).replace("%", "%%"))
    config.attributes["settings"] = settings
    return config


def upgrade(settings: Settings) -> None:
    """Bring the database to the newest revision, then seal it.

    A PostgreSQL role that does not exist yet is told on standard output.
    """
    command.upgrade(migration_config(settings), "head")


def seal(connection: Connection, settings: Settings) -> list[str]:
    """Install the chart, every trigger and every grant, and make sure that they stand as declared.

    Returns:
        The PostgreSQL roles that do not exist yet.

    Raises:
        RuntimeError: the database shows other triggers than were just installed.
    """
    load_tables()
    with Session(connection) as session:
        install_chart(session)
        session.flush()
    triggers.install(connection)
    if differences := triggers.compare(connection):
        raise RuntimeError("; ".join(differences))
    missing = grants.install(connection, settings)
    if connection.dialect.name == "postgresql":
        # A plan cached on an empty table would stay: tell the planner what is there.
        connection.exec_driver_sql("ANALYZE")
    return missing


def faults(engine: Engine) -> list[str]:
    """Return why this database must not be worked on yet; empty when it may.

    Args:
        engine: the app's own; only the catalogue is read.

    Returns:
        One sentence for each fault: it does not answer, it stands at another revision
        than this program, or a guard is missing, changed or switched off.
    """
    if fault := unusable(engine):
        return [fault]
    try:
        with engine.connect() as connection:
            load_tables()
            return triggers.compare(connection)
    except SQLAlchemyError as error:
        return [f"the database does not answer ({type(error).__name__})"]


def unusable(engine: Engine) -> str:
    """Return why nothing can be read from a database, whatever its guards; empty when it can."""
    try:
        with engine.connect() as connection:
            present = MigrationContext.configure(connection).get_current_revision()
    except SQLAlchemyError as error:
        return f"the database does not answer ({type(error).__name__})"
    if present != head():
        return f"the database is at revision {present or 'none'}, this program needs {head()}"
    return ""


@cache
def head() -> str:
    """Return the newest revision of the migrations."""
    scripts = ScriptDirectory(str(resource_dir("migrations")))
    return scripts.get_current_head() or "none"


def create_tables(connection: Connection, settings: Settings) -> None:
    """Create everything from the models at once, without migrations; for comparison."""
    load_tables()
    Base.metadata.create_all(connection)
    seal(connection, settings)
