"""Pages of long work: how far it is, cancel; and the worker beside the web server of the demo."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial

from flask import Blueprint, abort, current_app, jsonify, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from charity.db import db, transact
from charity.errors import N_
from charity.jobs import rules, service, worker
from charity.jobs.queries import JobStatus, job_status, list_jobs
from charity.web import navigation
from charity.web.access import may_follow, signed_in
from charity.web.acts import done
from charity.web.context import current_actor, now
from charity.web.filters import translated
from charity.web.render import Sentence, render, sentence

blueprint = Blueprint("jobs", __name__)

navigation.register("office", "jobs.jobs", N_("Long work"), None, order=70, group="settings")


@dataclass(frozen=True, slots=True)
class JobView:
    """One job in the reader's language.

    Attributes:
        status: how far it is.
        title: what it does.
        state: its state in words.
        sentence: beside the bar: time left, or what came of it.
        problems: why it failed.
        result_url: where to look at what came of it; empty for nowhere.
    """

    status: JobStatus
    title: str
    state: str
    sentence: str
    problems: tuple[Sentence, ...]
    result_url: str


@dataclass(frozen=True, slots=True)
class JobsPage:
    """The latest jobs the reader may see."""

    rows: tuple[JobView, ...]


def _span(seconds: int) -> str:
    if seconds < 60:
        return ngettext("about %(num)s second left", "about %(num)s seconds left", seconds)
    return ngettext("about %(num)s minute left", "about %(num)s minutes left", -(-seconds // 60))


def _sentence(status: JobStatus) -> str:
    """Return what stands beside the bar."""
    if status.is_stopping:
        return _("Stopping after the step under way …")
    if status.state == "done" and "text" in status.result:
        return translated(status.result["text"]) % status.result.get("params", {})
    if status.state == "running" and status.seconds_left is not None:
        return _span(status.seconds_left)
    return translated(rules.STATE_LABELS[status.state])


def _view(status: JobStatus) -> JobView:
    url = str(status.result.get("url", ""))
    return JobView(
        status=status,
        title=translated(status.title),
        state=translated(rules.STATE_LABELS[status.state]),
        sentence=_sentence(status),
        problems=tuple(sentence(problem) for problem in status.problems),
        # Only a page of this site which this reader may open: a handler may not send readers elsewhere.
        result_url=url if may_follow(url) else "",
    )


def _status_or_404(job_id: int) -> JobStatus:
    status = job_status(db.session(), current_actor(), job_id, now())
    if status is None:
        abort(404)
    return status


@blueprint.get("/office/jobs")
@signed_in
def jobs() -> ResponseReturnValue:
    """Show a member the own long work, and with the permission everybody's."""
    rows = list_jobs(db.session(), current_actor(), now())
    return render("jobs/jobs.html", JobsPage(tuple(_view(status) for status in rows)))


@blueprint.get("/office/jobs/<int:job_id>")
@signed_in
def job(job_id: int) -> ResponseReturnValue:
    """Show how far a job is; without JavaScript the page asks again by itself."""
    return render("jobs/job.html", _view(_status_or_404(job_id)))


@blueprint.get("/office/jobs/<int:job_id>.json")
@signed_in
def status(job_id: int) -> ResponseReturnValue:
    """Tell the bar how far a job is."""
    view = _view(_status_or_404(job_id))
    found = view.status
    answer = jsonify(
        state=found.state,
        done=found.done,
        total=found.total,
        percent=found.percent,
        seconds_left=found.seconds_left,
        sentence=view.sentence,
        problems=[{"code": problem.code, "message": problem.text} for problem in view.problems],
        result_url=view.result_url,
    )
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.post("/office/jobs/<int:job_id>/cancel")
@signed_in
def cancel(job_id: int) -> ResponseReturnValue:
    """Let whoever started a job, or may cancel jobs, stop it."""
    _status_or_404(job_id)
    transact(partial(service.cancel, actor=current_actor(), job_id=job_id))
    return done(
        _("The job stops after the step under way; what was done stands."), url_for("jobs.job", job_id=job_id)
    )


@blueprint.record_once
def install(state: BlueprintSetupState) -> None:
    """Start a worker with the first request where none runs by itself.

    With the first request and not with the app: commands make an app as well, and a
    server that forks would leave the thread behind.
    """
    environment = state.app.extensions["charity.settings"].environment
    if environment not in ("demo", "development"):
        return
    lock, started = threading.Lock(), threading.Event()

    def start() -> None:
        with lock:
            if not started.is_set():
                started.set()
                worker.start_thread(current_app._get_current_object())

    state.app.before_request(start)
