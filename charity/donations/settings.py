"""Dated decisions about gifts: limits, plans, the fund of interest; each with its source.

Nothing of this stands in an ``if``: the newest decision that has begun is in force, and
before the first one the default written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.donations.models import Setting
from charity.errors import N_, refuse, register
from charity.ids import new_id
from charity.oplog.rules import register_acts
from charity.oplog.service import record

PROBLEMS = register(
    {
        "setting_unknown": N_("There is no setting %(name)s."),
        "setting_value": N_("This is not a value the setting %(name)s can have."),
        "setting_source": N_("Name the resolution, plan or rule this comes from."),
        "setting_taken": N_("%(name)s is set for %(on)s already; a decision is replaced by a later one."),
    }
)
register_acts({"donations.setting": N_("Set a rule about gifts")})


@dataclass(frozen=True, slots=True)
class SettingKind:
    """A decision that can be made.

    Attributes:
        label: English message id.
        default: in force before the first decision.
        source: where the default comes from.
    """

    label: str
    default: Any
    source: str


SETTINGS: Mapping[str, SettingKind] = {
    "own_voucher_limit_fen": SettingKind(
        N_("Gifts from this amount have a voucher of their own (fen)"),
        5_000_000,
        N_("this system's default, to be confirmed by the office"),
    ),
    "fee_plans": SettingKind(
        N_("Funds whose filed plan budgets platform fees: fund → filing number"),
        {},
        N_("Charity Law 2023, art. 61; without a plan fees fall on general money"),
    ),
    "interest_fund": SettingKind(
        N_("Fund that bank interest belongs to"),
        "GEN",
        N_("this system's default, to be confirmed by the office"),
    ),
}


def setting_of(session: Session, org_id: int, name: str, on: date) -> Any:
    """Return the value of a setting in force on a day.

    Args:
        name: a key of :data:`SETTINGS`.
        on: the day of the event it is for.
    """
    value = session.scalar(
        select(Setting.value)
        .where(Setting.org_id == org_id, Setting.name == name, Setting.from_on <= on)
        .order_by(Setting.from_on.desc())
        .limit(1)
    )
    return SETTINGS[name].default if value is None else value


def decide_setting(
    session: Session, *, actor: Actor, name: str, value: Any, from_on: date, source: str
) -> Setting:
    """Write a decision down; it holds from its day on, earlier ones stay for their days.

    Args:
        actor: needs ``ledger.setup``.
        name: a key of :data:`SETTINGS`.
        value: of the same type as the default.
        from_on: first day.
        source: resolution, plan or law.

    Raises:
        Refused: ``permission_missing``, ``setting_unknown``, ``setting_value``,
            ``setting_source``, ``setting_taken``.
    """
    if not actor.may("ledger.setup"):
        raise refuse("permission_missing", permission="ledger.setup")
    if name not in SETTINGS:
        raise refuse("setting_unknown", "name", name=name)
    if type(value) is not type(SETTINGS[name].default) or (isinstance(value, int) and value <= 0):
        raise refuse("setting_value", "value", name=name)
    if not source.strip():
        raise refuse("setting_source", "source")
    taken = session.scalar(
        select(Setting.id).where(
            Setting.org_id == actor.org_id, Setting.name == name, Setting.from_on == from_on
        )
    )
    if taken is not None:
        raise refuse("setting_taken", "from_on", name=name, on=from_on)
    row = Setting(
        org_id=actor.org_id,
        id=new_id(),
        name=name,
        from_on=from_on,
        value=value,
        source=source.strip()[:200],
        made_by=actor.user_id,
        made_at=actor.at,
    )
    session.add(row)
    session.flush()
    record(session, actor=actor, act="donations.setting", summary=f"{name} = {value}", from_on=from_on)
    return row
