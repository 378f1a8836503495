"""The ledger agrees with plain integers, whatever is done in whatever order."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy.orm import Session

from charity.ledger.checks import SHARED, run_checks
from tests.simulation.ledger_machine import Machines

#: Examples of fifty acts each, per database; `dev.py bench simulation` does twenty thousand of a hundred.
EXAMPLES = {"sqlite": 200, "postgresql": 20}


@pytest.mark.slow
def test_the_ledger_agrees_with_plain_integers_whatever_is_done(session: Session, dialect: str) -> None:
    machines = Machines(session, itertools.count(1))
    run_state_machine_as_test(
        lambda: machines(),
        settings=settings(max_examples=EXAMPLES[dialect], stateful_step_count=50, phases=(Phase.generate,)),
    )
    assert run_checks(session, machines.last.ledger.org_id, SHARED) == []
