"""The second step of a sign-in, and the second factor asked again for acts on money.

``watch`` runs before every page of the office: it notes the request, keeps a person who
must set up a second factor to the pages where that is done, and holds back an act on
money until the second factor was shown lately. What was typed is carried along and sent
again together with the code, so that nothing is typed twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from flask import current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from sqlalchemy.orm import Session

from charity.db import db, transact
from charity.errors import Problem, Refused
from charity.oplog.service import record
from charity.users import door_rules, factors, policies, sessions
from charity.users.door_routes import blueprint
from charity.users.entry_routes import (
    HALF,
    WANTED,
    floor,
    let_in,
    private,
    question_for,
    show_factor,
    this_session,
)
from charity.users.forms import FactorForm
from charity.users.sessions import Found
from charity.web.access import Access, access_of, public
from charity.web.context import current_actor, now
from charity.web.render import Sentence, problems_of, render

#: A request is noted at most this often.
_NOTE_EVERY = timedelta(minutes=1)
#: Where a person who must set up a second factor may still go.
ENROL_PAGES = frozenset(
    {
        "users.second_factor",
        "users.begin_app",
        "users.app",
        "users.add_passkey",
        "users.keep_passkey",
    }
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class SecondPage:
    """The second step of a sign-in.

    Attributes:
        form: for the code, and for the answer of a passkey.
        kinds: what this login can show: app, passkey, recovery_code.
        question: what the browser asks a passkey, as JSON; empty for none.
        problems: why the last try was refused.
    """

    form: FactorForm
    kinds: tuple[str, ...]
    question: str
    problems: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class ProvePage:
    """An act on money that waits for the second factor.

    Attributes:
        form: for the code, and for the answer of a passkey.
        kinds: what this login can show; empty when it has no second factor.
        question: what the browser asks a passkey, as JSON; empty for none.
        carried: what was typed, sent again together with the code.
        address: of the act.
        files: names of files, which no page can carry along.
        problems: why the last try was refused.
        minutes: how long a proof counts.
    """

    form: FactorForm
    kinds: tuple[str, ...]
    question: str
    carried: tuple[tuple[str, str], ...]
    address: str
    files: tuple[str, ...]
    minutes: int
    problems: tuple[Sentence, ...] = ()


def _half() -> Found | None:
    token = session.get(HALF)
    found = sessions.find(db.session(), token, now()) if isinstance(token, str) else None
    return found if found is not None and found.stage == "half" else None


@blueprint.route("/sign-in/second", methods=["GET", "POST"])
@public
def second_step() -> ResponseReturnValue:
    """Ask whoever gave the right password for the second factor."""
    found = _half()
    if found is None:
        return redirect(url_for("users.sign_in"), 303)
    form, problems = FactorForm(), ()
    if form.validate_on_submit():
        try:
            kind = show_factor(
                found.user, found.id, form.factor_code.data or "", form.factor_credential.data or ""
            )
        except Refused as refused:
            problems = tuple(problems_of(refused))
            form.factor_credential.data = ""
        else:
            wanted, at = str(session.get(WANTED, "")), now()
            transact(partial(sessions.close, session_id=found.id, how="whole", at=at))
            return let_in(found.user, wanted, factor=kind)
    held = factors.factors_of(db.session(), found.user.id)
    question = question_for(found.user, found.id)
    status = _status(problems, form.is_submitted())
    page = SecondPage(form, tuple(factors.known_kinds(held)), question, problems)
    return private(render("users/second_step.html", page, status))


def _status(problems: tuple[Sentence, ...], is_sent: bool) -> int:
    if any(problem.code == "factor_locked" for problem in problems):
        return 429
    return 422 if problems or is_sent else 200


@blueprint.before_app_request
def watch() -> ResponseReturnValue | None:
    """Note a request of the office and hold back what needs a second factor first."""
    access = access_of(current_app, request.endpoint) if request.endpoint else None
    if access is None or access.kind == "public" or not current_user.is_authenticated:
        return None
    found, at = this_session(), now()
    if at - found.seen_at >= _NOTE_EVERY:
        transact(partial(sessions.note, session_id=found.id, at=at))
    if found.must_enrol and factors.factors_of(db.session(), found.user.id).is_any:
        return _sign_in_anew(found)
    if found.must_enrol and request.endpoint not in ENROL_PAGES:
        return redirect(url_for("users.second_factor"), 303)
    if request.method not in _SAFE and access.permission in door_rules.STEP_UP_PERMISSIONS:
        return _step_up(found, access)
    return None


def _sign_in_anew(found: Found) -> ResponseReturnValue:
    """End a session that waits for a factor which was set up in another: it is shown at the door."""
    transact(partial(sessions.close, session_id=found.id, how="self", at=now()))
    logout_user()
    session.clear()
    return redirect(url_for("users.sign_in"), 303)


def _step_up(found: Found, access: Access) -> ResponseReturnValue | None:
    """Let an act on money through when the second factor was shown lately; else ask for it."""
    actor = current_actor()
    policy = policies.policy_of(db.session(), actor.org_id, floor())
    if door_rules.proof_is_fresh(policy, found.proved_at, actor.at):
        return None
    code = request.form.get("factor_code", "")
    credential = request.form.get("factor_credential", "")
    problems: tuple[Sentence, ...] = ()
    if code or credential:
        try:
            kind = show_factor(found.user, found.id, code, credential)
        except Refused as refused:
            problems = tuple(problems_of(refused))
        else:

            def work(own: Session) -> None:
                sessions.prove(own, session_id=found.id, at=actor.at)
                record(own, actor=actor, act="users.prove", factor=kind, permission=access.permission)

            transact(work)
            return None
    return _ask_to_prove(found, policy.step_up_min, problems)


def _ask_to_prove(found: Found, minutes: int, problems: tuple[Sentence, ...]) -> ResponseReturnValue:
    """Return the page that asks for the second factor and carries along what was typed."""
    held = factors.factors_of(db.session(), found.user.id)
    if not held.is_any:
        problems = tuple(problems_of(Refused(Problem("factor_missing"))))
    own_fields = ("factor_code", "factor_credential", "csrf_token")
    page = ProvePage(
        form=FactorForm(formdata=None),
        kinds=tuple(factors.known_kinds(held)) if held.is_any else (),
        question=question_for(found.user, found.id),
        carried=tuple(
            (name, value) for name, value in request.form.items(multi=True) if name not in own_fields
        ),
        address=request.script_root + request.full_path.rstrip("?"),
        files=tuple(file.filename for _, file in request.files.items(multi=True) if file.filename),
        minutes=minutes,
        problems=problems,
    )
    status = 429 if _status(problems, False) == 429 else 403
    return private(render("users/prove.html", page, status))
