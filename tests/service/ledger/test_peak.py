"""The soak of ``benchmarks/peak.py`` in small: some clients, some rounds, a poster that is killed."""

from __future__ import annotations

import pytest

from benchmarks.peak import open_office, soak
from charity.config import Settings
from tests.support.databases import Database


@pytest.mark.slow
def test_a_peak_loses_and_doubles_nothing(database: Database, settings: Settings) -> None:
    """Three processes stage, sign, post at once and release, each act pressed twice where that can happen.

    Half-way the poster gets SIGKILL and another takes over. All that a client was told of is
    posted, once and in order, and no check of the ledger finds anything.
    """
    open_office(settings.database_url)
    found = soak(settings.database_url, clients=3, seconds=0, rounds=2, stagings=2)
    assert found.acknowledged == 240
    assert found.is_sound, found
