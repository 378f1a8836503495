from __future__ import annotations

from tests.support.offices import office, postgresql_office, sqlite_office

__all__ = ["office", "postgresql_office", "sqlite_office"]
