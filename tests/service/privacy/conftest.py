from __future__ import annotations

from tests.support.offices import database, office, postgresql_office, sqlite_office

__all__ = ["database", "office", "postgresql_office", "sqlite_office"]
