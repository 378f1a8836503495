"""How the installation fares: a handful of probes, each ok, a warning or a failure.

Says words and counts, no names, addresses or settings. A failure means that pages would
be wrong or acts would be lost; a warning waits for a person and takes nothing out of service.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Engine, func, or_, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from charity import triggers
from charity.config import Settings
from charity.errors import N_
from charity.jobs.models import Job
from charity.ledger.sealed_models import Voucher
from charity.places.models import Org
from charity.proofs.checkpoints import check_restored
from charity.proofs.service import oldest_waiting_at
from charity.upkeep.backups import last_done_at
from charity.upkeep.revisions import known_revisions, revision_of
from charity.upkeep.rules import is_late

State = Literal["ok", "warn", "fail"]

#: Bytes free below which nothing can be written safely, and below which somebody should look.
DISK_FAIL, DISK_WARN = 100 * 1024 * 1024, 1024 * 1024 * 1024
#: A job is stuck when nobody took it, or its worker is silent, for this long.
JOB_STUCK = timedelta(minutes=15)
#: The sequencer looks once a minute; a line that waits longer waits for a person.
PROOF_BEHIND = timedelta(minutes=10)

#: Probe → what it looks at, an English message id.
LABELS: Mapping[str, str] = {
    "database": N_("The database answers"),
    "schema": N_("The schema is this version's"),
    "triggers": N_("The guards of the database are in place"),
    "disk": N_("There is room on the disk"),
    "jobs": N_("Long work goes on"),
    "proofs": N_("The proof log keeps up with the books"),
    "backup": N_("Backups are made"),
}


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found at one place.

    Attributes:
        name: key of :data:`LABELS`.
        state: ok, warn, fail.
        figures: measured values by name; the unit stands last.
    """

    name: str
    state: State
    figures: Mapping[str, int] = field(default_factory=dict)


def worst(probes: tuple[Probe, ...]) -> State:
    """Return the worst state among probes."""
    states = {probe.state for probe in probes}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"


def examine(engine: Engine, settings: Settings, at: datetime) -> tuple[Probe, ...]:
    """Run every probe; what cannot be asked because the database is away is left out.

    Args:
        engine: the app's.
        settings: the data folder, the schedule of backups.
        at: the present instant.
    """
    try:
        with Session(engine) as session:
            session.execute(text("SELECT 1"))
            return (Probe("database", "ok"), *_of_database(session, settings, at), _disk(settings))
    except SQLAlchemyError:
        return (Probe("database", "fail"), _disk(settings))


def _of_database(session: Session, settings: Settings, at: datetime) -> Iterator[Probe]:
    """Yield the probes that ask the database."""
    connection = session.connection()
    if revision_of(connection) != known_revisions()[-1]:
        # On another schema the other questions would only fail as well.
        yield Probe("schema", "fail")
        return
    yield Probe("schema", "ok")
    differences = len(triggers.compare(connection))
    yield Probe("triggers", "fail" if differences else "ok", {"trigger_differences": differences})
    yield _jobs(session, at)
    yield _proofs(session, at)
    yield _backup(session, settings, at)


def _disk(settings: Settings) -> Probe:
    """Look at the disk of the data folder."""
    free = shutil.disk_usage(settings.data_dir).free
    state: State = "fail" if free < DISK_FAIL else "warn" if free < DISK_WARN else "ok"
    return Probe("disk", state, {"disk_free_bytes": free})


def _jobs(session: Session, at: datetime) -> Probe:
    """Count jobs that wait, run and are stuck."""
    counts = dict(
        session.execute(
            select(Job.state, func.count()).where(Job.state.in_(("queued", "running"))).group_by(Job.state),
            execution_options={"across_orgs": True},
        ).all()
    )
    before = at - JOB_STUCK
    stuck = session.scalar(
        select(func.count())
        .select_from(Job)
        .where(
            or_(
                (Job.state == "queued") & (Job.created_at < before),
                (Job.state == "running") & (Job.lease_until < before),
            )
        ),
        execution_options={"across_orgs": True},
    )
    figures = {
        "jobs_queued": int(counts.get("queued", 0)),
        "jobs_running": int(counts.get("running", 0)),
        "jobs_stuck": stuck or 0,
    }
    return Probe("jobs", "warn" if stuck else "ok", figures)


def _proofs(session: Session, at: datetime) -> Probe:
    """Measure how long the oldest posted line waits for its leaf, and find logs that may not sign."""
    waits_s, unconfirmed = 0, 0
    for org_id in session.scalars(select(Org.id)).all():
        oldest = oldest_waiting_at(session, org_id)
        if oldest is not None:
            waits_s = max(waits_s, int((at - oldest).total_seconds()))
        unconfirmed += bool(check_restored(session, org_id))
    is_behind = waits_s > PROOF_BEHIND.total_seconds() or unconfirmed > 0
    figures = {"proofs_waiting_seconds": waits_s, "proofs_unconfirmed": unconfirmed}
    return Probe("proofs", "warn" if is_behind else "ok", figures)


#: Hours between backups that a house in earnest is held to where no schedule is set.
UNSCHEDULED_HOURS = 24


def _backup(session: Session, settings: Settings, at: datetime) -> Probe:
    """Measure the age of the newest backup; a real house with vouchers has one of the last two days."""
    done_at = last_done_at(session)
    hours = settings.backup_hours
    if settings.environment == "production" and session.scalar(
        select(Voucher.id).limit(1).execution_options(across_orgs=True)
    ):
        hours = hours or UNSCHEDULED_HOURS
    figures = {} if done_at is None else {"backup_age_seconds": int((at - done_at).total_seconds())}
    return Probe("backup", "warn" if is_late(done_at, hours, at) else "ok", figures)
