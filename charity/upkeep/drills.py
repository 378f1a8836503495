"""Restore drills: a restore that was tried out is recorded, passed or not, and stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.db import Actor
from charity.errors import N_, refuse, register
from charity.ids import new_id
from charity.oplog.rules import register_acts, register_labels, register_subjects
from charity.oplog.service import record
from charity.upkeep.models import Drill
from charity.upkeep.restoring import KEPT_FINDINGS, Restored

#: Form of the report of a drill on another machine.
FORM = "charity-drill/v1"

PROBLEMS = register(
    {
        "drill_unverified": N_("A drill counts only when everything was derived again: add --verify."),
        "drill_unreadable": N_("This file is not the report of a restore drill."),
        "drill_recorded": N_("The drill with %(name)s is recorded already; one restore counts once."),
        "drill_in_future": N_("The report is dated %(at)s, which is still to come. Set the clock right."),
    }
)
register_acts({"upkeep.drill": N_("Recorded a restore drill")})
register_subjects({"backup": N_("Backup")})
register_labels({"has_passed": N_("Everything was there"), "vouchers": N_("Vouchers")})


@dataclass(frozen=True, slots=True)
class DrillReport:
    """What a drill found, as it travels from the machine it was done on.

    Attributes:
        drilled_at: the instant the restore began.
        backup_name: file name of the backup.
        backup_made_at: when it was made.
        backup_sha256: of the archive.
        vouchers: posted vouchers in it.
        took_ms: how long restoring and verifying took.
        findings: what was not as it must be; empty when it passed.
    """

    drilled_at: datetime
    backup_name: str
    backup_made_at: datetime
    backup_sha256: str
    vouchers: int
    took_ms: int
    findings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "form": FORM,
            "drilled_at": self.drilled_at.isoformat(),
            "backup_name": self.backup_name,
            "backup_made_at": self.backup_made_at.isoformat(),
            "backup_sha256": self.backup_sha256,
            "vouchers": self.vouchers,
            "took_ms": self.took_ms,
            "findings": list(self.findings),
        }


def report_of(restored: Restored, *, at: datetime, took_ms: int) -> DrillReport:
    """Return the report of a restore.

    Args:
        restored: verified.
        at: when it began.
        took_ms: how long it took.

    Raises:
        Refused: ``drill_unverified``.
    """
    if not restored.is_verified:
        raise refuse("drill_unverified")
    return DrillReport(
        drilled_at=at,
        backup_name=restored.archive,
        backup_made_at=restored.manifest.made_at,
        backup_sha256=restored.sha256,
        vouchers=restored.vouchers,
        took_ms=took_ms,
        findings=restored.findings[:KEPT_FINDINGS],
    )


def read_report(values: Mapping[str, Any]) -> DrillReport:
    """Return a report from its JSON values.

    Raises:
        Refused: ``drill_unreadable``.
    """
    try:
        if values["form"] != FORM:
            raise refuse("drill_unreadable")
        report = DrillReport(
            drilled_at=datetime.fromisoformat(values["drilled_at"]),
            backup_name=str(values["backup_name"])[:80],
            backup_made_at=datetime.fromisoformat(values["backup_made_at"]),
            backup_sha256=str(values["backup_sha256"])[:64],
            vouchers=int(values["vouchers"]),
            took_ms=int(values["took_ms"]),
            findings=tuple(str(line)[:500] for line in values["findings"][:KEPT_FINDINGS]),
        )
    except (KeyError, TypeError, ValueError):
        raise refuse("drill_unreadable") from None
    if report.drilled_at.tzinfo is None or report.backup_made_at.tzinfo is None:
        raise refuse("drill_unreadable")
    return report


def record_drill(session: Session, *, actor: Actor, report: DrillReport) -> Drill:
    """Record a restore drill, passed or failed.

    Args:
        session: a writing session.
        actor: who did it.
        report: what was found.

    Raises:
        Refused: ``drill_in_future``, ``drill_recorded``.
    """
    if report.drilled_at > actor.at:
        raise refuse("drill_in_future", at=f"{report.drilled_at:%Y-%m-%d %H:%M}")
    known = select(Drill.id).where(
        Drill.org_id == actor.org_id,
        Drill.drilled_at == report.drilled_at,
        Drill.backup_name == report.backup_name,
    )
    if session.scalar(known.limit(1)) is not None:
        raise refuse("drill_recorded", name=report.backup_name)
    drill = Drill(
        org_id=actor.org_id,
        id=new_id(),
        drilled_at=report.drilled_at,
        drilled_by=actor.user_id,
        drilled_by_name=actor.name,
        backup_name=report.backup_name,
        backup_made_at=report.backup_made_at,
        backup_sha256=report.backup_sha256,
        vouchers=report.vouchers,
        took_ms=report.took_ms,
        has_passed=not report.findings,
        findings=list(report.findings),
        recorded_at=actor.at,
    )
    session.add(drill)
    session.flush()
    record(
        session,
        actor=actor,
        act="upkeep.drill",
        subject_kind="backup",
        subject_no=report.backup_name,
        has_passed=drill.has_passed,
        vouchers=report.vouchers,
    )
    return drill


def drills(session: Session, limit: int = 50) -> Sequence[Drill]:
    """Return the drills of the whole installation, newest first."""
    query = select(Drill).order_by(Drill.drilled_at.desc(), Drill.id.desc()).limit(limit)
    return session.scalars(query, execution_options={"across_orgs": True}).all()
