"""Walking a state machine: each act is tried in a state, its answer noted, and everything taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from charity.db import begin_write
from charity.errors import Refused


def answer(session: Session, act: Callable[[], Any], state: Callable[[], str]) -> str:
    """Return the state after an act, or the codes with which it is refused; nothing of it stays.

    Args:
        session: on which the act is done, without committing.
        act: one verb, called once.
        state: tells the state as the database has it after the act.
    """
    session.rollback()
    begin_write(session)
    try:
        act()
        session.flush()
        session.expire_all()
        return state()
    except Refused as refused:
        return " ".join(refused.codes)
    finally:
        session.rollback()
