"""Administrators at the door: taking off a lost second factor, ending sessions, what is asked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from flask import abort, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from charity.db import Actor, db, transact
from charity.errors import N_
from charity.users import door_rules, factor_resets, policies, queries
from charity.users.door_routes import blueprint
from charity.users.door_rules import Policy
from charity.users.entry_routes import floor, tell
from charity.users.forms import PolicyForm, ReasonForm
from charity.users.policies import PolicyRow
from charity.users.queries import Member
from charity.web import desk, navigation
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.context import current_actor, today
from charity.web.filters import translated
from charity.web.render import render

navigation.register(
    "office", "users.policy", N_("Rules of sign-in"), "users.manage", order=15, group="settings"
)


def _waiting(session: Session, actor: Actor) -> list[desk.Waiting]:
    """Tell the overview whose second factor a colleague asked to take off; it lapses within a day."""
    if not actor.may("users.manage"):
        return []
    return [
        desk.Waiting(
            _("Second factor to be taken off: %(name)s", name=name),
            url_for("users.person", username=username),
            state="warn",
        )
        for username, name in factor_resets.to_confirm(session, actor)
    ]


desk.register("users", _waiting, order=5)


@dataclass(frozen=True, slots=True)
class ResetPage:
    """Asking for a reset: the reason, and whose second factor."""

    form: ReasonForm
    member: Member


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """What is asked at the door.

    Attributes:
        form: to set it.
        policy: what holds now, settings of the installation included.
        words: what holds now, in words.
        floor: what the installation asks at least, in words.
        floor_min: minutes the installation's setting lets a proof count; 0: no such setting.
        rows: every setting there was, in words, the latest first.
    """

    form: PolicyForm
    policy: Policy
    words: str
    floor: str
    floor_min: int
    rows: tuple[tuple[PolicyRow, str], ...]


def _member_or_404(username: str) -> Member:
    member = queries.find_member(db.session(), current_actor().org_id, username, today())
    if member is None:
        abort(404)
    return member


@blueprint.route("/office/people/<username>/second-factor", methods=["GET", "POST"])
@permission_required("users.manage")
def ask_reset(username: str) -> ResponseReturnValue:
    """Let an administrator ask that a lost second factor be taken off."""
    actor, member, form = current_actor(), _member_or_404(username), ReasonForm()

    def work(own: Session) -> None:
        user = factor_resets.ask_reset(
            own, actor=actor, username=username, reason=form.reason.data, on=today()
        )
        tell(
            own,
            user.id,
            N_("Your second factor is about to be taken off"),
            N_("an administrator has asked to take off the second factor of your login."),
        )

    if carried_out(form, work):
        message = _("Asked for. Another administrator confirms it within a day.")
        return done(message, url_for("users.person", username=username))
    return render("users/ask_reset.html", ResetPage(form, member), status_of(form))


@blueprint.post("/office/people/<username>/second-factor/<any(confirm, decline):act>")
@permission_required("users.manage")
def decide_reset(username: str, act: str) -> ResponseReturnValue:
    """Let a second administrator confirm or decline a reset."""
    _member_or_404(username)

    def work(own: Session) -> None:
        user = factor_resets.decide_reset(own, actor=current_actor(), username=username, act=act, on=today())
        if act == "confirm":
            tell(
                own,
                user.id,
                N_("Your second factor was taken off"),
                N_("two administrators have taken off the second factor of your login."),
            )

    transact(work)
    message = _("The second factor was taken off.") if act == "confirm" else _("The reset was declined.")
    return done(message, url_for("users.person", username=username))


@blueprint.post("/office/people/<username>/end-sessions")
@permission_required("users.manage")
def end_sessions(username: str) -> ResponseReturnValue:
    """Let an administrator end every session of a login at once."""
    _member_or_404(username)
    transact(partial(factor_resets.end_sessions, actor=current_actor(), username=username, on=today()))
    return done(_("Every session of this login has ended."), url_for("users.person", username=username))


@blueprint.route("/office/sign-in-rules", methods=["GET", "POST"])
@permission_required("users.manage")
def policy() -> ResponseReturnValue:
    """Let an administrator say of whom a second factor is asked, and when it is asked again."""
    actor = current_actor()
    own = policies.own_policy(db.session(), actor.org_id)
    form = PolicyForm(second_factor=own.second_factor, step_up_min=own.step_up_min)

    def work(session: Session) -> None:
        wanted = Policy(form.second_factor.data, form.step_up_min.data)
        policies.set_policy(session, actor=actor, policy=wanted, reason=form.reason.data or "")

    if carried_out(form, work):
        return done(_("It holds from each person's next sign-in."), url_for("users.policy"))
    now_holding = policies.policy_of(db.session(), actor.org_id, floor())
    rows = policies.history(db.session(), actor.org_id)
    page = PolicyPage(
        form=form,
        policy=now_holding,
        words=_words(now_holding),
        floor=_words(floor()),
        floor_min=floor().step_up_min,
        rows=tuple((row, _words(row.policy)) for row in rows),
    )
    return render("users/policy.html", page, status_of(form))


def _words(policy: Policy) -> str:
    return translated(door_rules.DEMANDS[policy.second_factor])
