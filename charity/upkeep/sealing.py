"""The database's own guards of upkeep: a drill that was recorded stays as it was."""

from __future__ import annotations

from charity.triggers import append_only, register

register([append_only("upkeep_drill", ["org_id", "id"])])
