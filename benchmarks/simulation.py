"""Twenty thousand offices of a hundred acts each: the ledger beside a model of plain integers.

The state machine of tests/simulation, as long as somebody lets it run:
``dev.py bench simulation --examples 20000 --steps 100``. It ends at the first act on which the
ledger and the model disagree, and prints the acts that led there.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy.orm import Session

from benchmarks import Measure
from benchmarks.posting import open_database
from charity import sealed
from charity.ledger.checks import SHARED, run_checks
from tests.simulation.ledger_machine import LedgerMachine, Machines
from tests.support.databases import KEYS

EXAMPLES, STEPS = 20_000, 100
#: Offices in one database; the next ones get a fresh file, so that none grows too long to be real.
_EACH = 500


def run(examples: int = EXAMPLES, steps: int = STEPS) -> list[Measure]:
    """Return how many acts were done in all, and how many a second.

    Args:
        examples: offices, each with books of its own.
        steps: acts in each, beside those that open it.

    Raises:
        AssertionError: the ledger and the model disagree, or a check finds something.
    """
    sealed.configure(bytes.fromhex(KEYS["CHARITY_FIELD_KEY"]))
    began, acts = time.perf_counter(), 0
    for start in range(0, examples, _EACH):
        with tempfile.TemporaryDirectory() as folder:
            session = open_database(Path(folder))[1]
            acts += _office_after_office(session, min(_EACH, examples - start), steps)
            session.close()
        print(f"{min(start + _EACH, examples):,} of {examples:,}", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - began
    remark = f"{examples:,} examples of {steps} steps, {acts:,} acts in all, no difference"
    return [Measure("acts in the books that agree with a model", acts / seconds, "/s", remark=remark)]


def _office_after_office(session: Session, examples: int, steps: int) -> int:
    """Run examples on one database; return how many acts were done or refused."""
    machines = Machines(session, itertools.count(1))
    run_state_machine_as_test(
        lambda: machines(),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=(Phase.generate,),
            deadline=None,
            database=None,
            derandomize=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert run_checks(session, machines.last.ledger.org_id, SHARED) == []
    return LedgerMachine.acts_done
