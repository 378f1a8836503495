"""Whatever call of the database fails, nothing is half-done, and the same act works afterwards.

For each act of four flows the database fails at its first call, then at its second, and so on to
the last; each time every row of every table is as it was. At last the commit is done and the
answer is lost: then all of the act stands, and asked for once more it is not done twice.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.orm import Session

from charity.config import Settings
from charity.errors import Refused
from tests.faults.breaking import Breaker, Broken, breaking, digest
from tests.faults.flows import FLOWS, Act, open_house

pytestmark = [pytest.mark.both_databases, pytest.mark.slow]

#: Every so many-th call fails, per database.
STRIDE = {"sqlite": 1, "postgresql": 3}
#: Fewer failures than these, and the flow has shrunk.
FEWEST = {"sqlite": 100, "postgresql": 30}


def _fails(act: Act) -> bool:
    """Do an act; say whether the database failed under it."""
    try:
        act.run()
    except Broken:
        return True
    return False


def _break_each_call(act: Act, breaker: Breaker, outside: Connection, stride: int) -> int:
    """Let every so many-th call fail, and the answer to each commit be lost; return how many were."""
    failed, at, before = 0, 1, digest(outside, act.logs)
    while True:
        breaker.arm(at)
        if not _ends(act):
            assert not breaker.has_failed, f"{act.name} hides the failure of call {at}"
            return failed
        failed += 1
        after = digest(outside, act.logs)
        # An act of several transactions keeps those that ended, and goes on behind them.
        assert breaker.committed or after == before, f"{act.name} is half-done when call {at} fails"
        before = after
        if breaker.failed_commit:
            breaker.arm(at, is_late=True)
            if not _fails(act):
                # A file that was written before the commit failed spares it calls.
                assert not breaker.has_failed, f"{act.name} hides a lost answer"
                return failed
            failed += 1
            after = digest(outside, act.logs)
            # Whoever gets no answer begins anew; what was done is not done again.
            at = at + stride if after == before else 1
            before = after
        else:
            at += stride


def _ends(act: Act) -> bool:
    """Say whether the database failed under an act; one refused as done before has ended."""
    try:
        return _fails(act)
    except Refused as refused:
        assert refused.codes[0] == act.again
        return False


def _code(act: Act) -> str:
    """Do an act; return the code it is refused with."""
    try:
        act.run()
    except Refused as refused:
        return refused.codes[0]
    return ""


@pytest.mark.parametrize("flow", FLOWS)
def test_a_failure_at_any_call_leaves_nothing_half_done(
    flow: str, session: Session, settings: Settings, owner_connection: Connection, dialect: str
) -> None:
    engine: Any = session.get_bind()
    assert isinstance(engine, Engine)
    plain, house = (open_house(session, settings, code) for code in ("PLAIN", "BROKEN"))
    for act in FLOWS[flow](plain):
        assert _code(act) == ""
    failed = 0
    with breaking(engine) as breaker:
        for act in FLOWS[flow](house):
            failed += _break_each_call(act, breaker, owner_connection, STRIDE[dialect])
            breaker.arm(0)
            before = digest(owner_connection, act.logs)
            assert (_code(act), act.name) == (act.again, act.name)
            changed = {
                name for name, rows in digest(owner_connection, act.logs).items() if rows != before[name]
            }
            assert (act.name, changed) == (act.name, set())
            assert house.findings() == []
    logs = frozenset().union(*(act.logs for act in FLOWS[flow](house)))
    assert house.story(logs) == plain.story(logs)
    assert failed > FEWEST[dialect]


@pytest.mark.parametrize("flow", FLOWS)
def test_a_database_that_is_busy_at_any_call_is_asked_again(
    flow: str, session: Session, settings: Settings
) -> None:
    engine: Any = session.get_bind()
    plain, house = (open_house(session, settings, code) for code in ("PLAIN", "BUSY"))
    with breaking(engine) as breaker:
        for act, same in zip(FLOWS[flow](house), FLOWS[flow](plain), strict=True):
            breaker.arm(0)
            same.run()
            breaker.arm_busy(breaker.calls)
            act.run()
            assert breaker.busy == []
    assert house.story(frozenset()) == plain.story(frozenset())
    assert house.findings() == []
