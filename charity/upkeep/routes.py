"""Health for monitors, metrics, and the page that shows how the house is kept."""

from __future__ import annotations

import hmac
import ipaddress
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, abort, current_app, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from charity import schema
from charity.config import Settings
from charity.db import Actor, db
from charity.errors import N_, Refused
from charity.jobs.worker import register_periodic
from charity.upkeep import backups, drills, health, queries
from charity.upkeep.metrics_rules import exposition
from charity.upkeep.models import Backup, Drill
from charity.upkeep.rules import is_due, is_late
from charity.web import desk, navigation
from charity.web.access import permission_required, public
from charity.web.context import current_actor, now, settings
from charity.web.filters import translated
from charity.web.render import render

blueprint = Blueprint("upkeep", __name__)

navigation.register(
    "office", "upkeep.state", N_("State of the system"), "upkeep.read", order=75, group="settings"
)

#: How long what was found is told again before the probes run anew: anybody may ask.
_KEPT_FOR = timedelta(seconds=5)
#: One reader at a time runs the probes, which compare every trigger: anybody may ask, and many at once.
_examining = threading.Lock()
#: How often every worker looks whether a backup is due, in seconds.
_LOOK_EVERY_S = 120.0

_STATES = {"ok": N_("in order"), "warn": N_("look into it"), "fail": N_("failing")}
_BACKUP_STATES = {"running": N_("under way"), "done": N_("done"), "failed": N_("failed")}


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One probe in the reader's language.

    Attributes:
        label: what was looked at.
        state: ok, warn, fail.
        word: the state in words.
        detail: figures in a sentence; may be empty.
    """

    label: str
    state: str
    word: str
    detail: str


@dataclass(frozen=True, slots=True)
class StatePage:
    """How the house is kept.

    Attributes:
        probes: what was found now.
        backups: the latest, newest first.
        backup_words: state of a backup → word.
        schedule: how often backups are made and kept, in a sentence.
        drills: restores that were tried out, newest first.
        restorations: restores of this org's books, and what was confirmed after them.
    """

    probes: tuple[ProbeRow, ...]
    backups: Sequence[Backup]
    backup_words: dict[str, str]
    schedule: str
    drills: Sequence[Drill]
    restorations: Sequence[Any]


def _examined() -> tuple[health.Probe, ...]:
    """Return the probes, run at most every few seconds by each process; who asks meanwhile waits for them."""
    with _examining:
        at, kept = now(), current_app.extensions.setdefault("charity.health", {})
        if "at" not in kept or not timedelta(0) <= at - kept["at"] < _KEPT_FOR:
            kept.update(at=at, probes=health.examine(db.engine, settings(), at))
        return kept["probes"]


@blueprint.get("/healthz")
@public
def state_for_monitors() -> ResponseReturnValue:
    """Tell a monitor how the app fares: 200 while it can serve, 503 when a probe fails."""
    probes = _examined()
    status = health.worst(probes)
    body = {"status": status, "probes": {probe.name: probe.state for probe in probes}}
    response = current_app.json.response(body)
    response.status_code = 503 if status == "fail" else 200
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/metrics")
@public
def metrics() -> ResponseReturnValue:
    """Tell Prometheus the figures behind the probes; see :func:`_may_read_metrics`."""
    if not _may_read_metrics(settings()):
        abort(404)
    body = exposition(_examined())
    return Response(
        body, headers={"Cache-Control": "no-store"}, content_type="text/plain; version=0.0.4; charset=utf-8"
    )


def _may_read_metrics(found: Settings) -> bool:
    """Say whether this reader holds the token or, where there is none, sits at this machine.

    What a proxy passes on comes from this machine too, so that its mark is a refusal.
    """
    if found.metrics_token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), found.metrics_token.encode())
    passed_on = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"))
    address = request.remote_addr
    return not passed_on and (not address or ipaddress.ip_address(address.partition("%")[0]).is_loopback)


def _span(seconds: int) -> str:
    """Return a span of time in the largest unit that fits."""
    if seconds < 3600:
        return ngettext("%(num)s minute", "%(num)s minutes", seconds // 60)
    if seconds < 2 * 86400:
        return ngettext("%(num)s hour", "%(num)s hours", seconds // 3600)
    return ngettext("%(num)s day", "%(num)s days", seconds // 86400)


def _detail(probe: health.Probe) -> str:
    """Return the figures of a probe in a sentence."""
    figures = probe.figures
    if probe.name == "disk":
        return _("%(count)s MB free", count=f"{figures['disk_free_bytes'] // 2**20:,}")
    if probe.name == "triggers" and figures["trigger_differences"]:
        return _("%(count)s of them differ; run flask check", count=figures["trigger_differences"])
    if probe.name == "jobs":
        return _(
            "%(queued)s waiting, %(running)s running, %(stuck)s stuck",
            queued=figures["jobs_queued"],
            running=figures["jobs_running"],
            stuck=figures["jobs_stuck"],
        )
    if probe.name == "proofs" and figures["proofs_unconfirmed"]:
        return _("nothing is signed since a restore; give the last published checkpoint")
    if probe.name == "proofs" and figures["proofs_waiting_seconds"] > 0:
        return _("the oldest line waits for %(span)s", span=_span(figures["proofs_waiting_seconds"]))
    if probe.name == "backup":
        age = figures.get("backup_age_seconds")
        return _("none so far") if age is None else _("the newest is %(span)s old", span=_span(max(0, age)))
    return ""


def _schedule(found: Settings) -> str:
    """Return how backups are made, in a sentence."""
    if found.backup_hours <= 0 or found.backup_dir is None:
        return _(
            "No backups are scheduled here. Set CHARITY_BACKUP_DIR and CHARITY_BACKUP_HOURS, or use a timer."
        )
    return _(
        "One is made every %(hours)s hours; the newest %(keep)s stay.",
        hours=found.backup_hours,
        keep=found.backup_keep or "∞",
    )


@blueprint.get("/office/upkeep")
@permission_required("upkeep.read")
def state() -> ResponseReturnValue:
    """Show administrators, supervisors and auditors health, backups and restore drills."""
    session = db.session()
    probes = tuple(
        ProbeRow(
            translated(health.LABELS[probe.name]),
            probe.state,
            translated(_STATES[probe.state]),
            _detail(probe),
        )
        for probe in _examined()
    )
    page = StatePage(
        probes=probes,
        backups=queries.latest_backups(session),
        backup_words={name: translated(word) for name, word in _BACKUP_STATES.items()},
        schedule=_schedule(settings()),
        drills=drills.drills(session),
        restorations=queries.restorations(session, current_actor().org_id),
    )
    return render("upkeep/state.html", page)


def _waiting(session: Session, actor: Actor) -> list[desk.Waiting]:
    """Tell whoever looks after the house that a backup is late, or that nothing is signed."""
    if not actor.may("upkeep.read"):
        return []
    found, url = [], url_for("upkeep.state")
    if is_late(backups.last_done_at(session), settings().backup_hours, actor.at):
        found.append(desk.Waiting(_("The backup is late"), url, state="bad"))
    last = queries.restorations(session, actor.org_id)
    if last and last[0].kind == "restored":
        detail = _("Give the last published checkpoint: flask proofs confirm FILE.")
        found.append(desk.Waiting(_("Nothing is signed since the restore"), url, detail=detail, state="bad"))
    return found


desk.register("upkeep", _waiting, order=95)


def make_due_backup(at: datetime) -> None:
    """Make a backup when the schedule asks for it; another worker's is waited for."""
    found = settings()
    if found.backup_dir is None or not is_due(queries.last_begun_at(db.session()), found.backup_hours, at):
        return
    db.session.remove()
    try:
        backups.make_backup(db.engine, found, at=at, is_scheduled=True)
    except Refused as refused:
        if "backup_running" not in refused.codes:
            raise


register_periodic("upkeep.backup", _LOOK_EVERY_S, make_due_backup)


@blueprint.record_once
def know_guards(_state: BlueprintSetupState) -> None:
    """Have every feature declare its triggers, so that health can compare them all."""
    schema.load_tables()
