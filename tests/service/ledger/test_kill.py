"""Power loss: a poster is killed at any line; what it was told is posted, is posted."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from charity.config import Settings
from charity.ledger.checks import run_checks
from charity.ledger.sealed_models import Voucher
from tests.books import Ledger

ROOT = Path(__file__).parents[3]

#: How often it is killed, per database.
ROUNDS = {"sqlite": 15, "postgresql": 5}


def _post_until_killed(url: str, org_id: int, lines: int, seed: int) -> list[tuple[int, str, int]]:
    """Start a poster, read some acknowledgements, kill it in the middle of the next."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.poster", url, str(org_id)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(lines)]
    # A moment inside the next vouchers, different each time.
    spins = random.Random(seed).randrange(200_000)
    for _ in range(spins):
        pass
    process.send_signal(signal.SIGKILL)
    told += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    result = []
    for line in told:
        if line.endswith("\n") and len(line.split()) == 4:
            month, word, number, _ = line.split()
            result.append((int(month), word, int(number)))
    return result


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_when_the_poster_is_killed(
    ledger: Ledger, settings: Settings, dialect: str
) -> None:
    told: list[tuple[int, str, int]] = []
    for seed in range(ROUNDS[dialect]):
        ledger.session.rollback()
        told += _post_until_killed(settings.database_url, ledger.org_id, 1 + seed % 3, seed)
    ledger.session.rollback()
    posted = [
        tuple(row)
        for row in ledger.session.execute(
            select(Voucher.month, Voucher.word, Voucher.number).order_by(Voucher.number)
        )
    ]
    assert len(told) >= ROUNDS[dialect] and set(told) <= set(posted)
    assert [number for _, _, number in posted] == list(range(1, len(posted) + 1))
    assert ledger.guard()["F1"][0] == f"{len(posted)}.00"
    assert run_checks(ledger.session, ledger.org_id) == []
