"""Pages of people and roles for administrators, and the self-check of the staff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import pgettext
from flask_login import current_user
from sqlalchemy.orm import Session

from charity.db import db, transact
from charity.errors import N_
from charity.oplog.queries import story
from charity.oplog.routes import LogLine, shown_lines
from charity.oplog.rules import register_words
from charity.places.queries import unit_choices, units_below
from charity.users import (
    credentials,
    factor_routes,
    policies,
    queries,
    reset_routes,
    rules,
    second_routes,
    service,
    sessions,
)
from charity.users.door_routes import blueprint, link_of, mail_link, private, tell_old_address
from charity.users.entry_routes import floor, stay_signed_in
from charity.users.factor_resets import ResetRow, waiting_reset
from charity.users.factors import Factors, factors_of
from charity.users.forms import GrantForm, NewPersonForm, PeopleFilter, PersonForm, ReasonForm
from charity.users.profile_routes import role_name, role_names
from charity.users.queries import GrantRow, Member
from charity.web import navigation
from charity.web.access import permission_required
from charity.web.acts import carried_out, done, status_of
from charity.web.context import current_actor, now, settings, today
from charity.web.filters import translated
from charity.web.render import FileColumn, Sentence, exports, render, sentence, table_rule

__all__ = ["blueprint", "factor_routes", "forget_sessions", "reset_routes", "second_routes"]

navigation.register(
    "office", "users.people", N_("People and roles"), "users.manage", order=10, group="settings"
)
navigation.register("office", "users.staff", N_("Staff self-check"), "oplog.read", order=20, group="settings")

register_words("role", {code: role.label for code, role in rules.ROLES.items()})


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person of a list: who it is, and the roles in words."""

    member: Member
    roles: str


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """The people of the organisation."""

    filter: PeopleFilter
    rows: tuple[PersonRow, ...]


@dataclass(frozen=True, slots=True)
class GrantLine:
    """A role as it was given, and perhaps taken back."""

    grant: GrantRow
    label: str


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One person.

    Attributes:
        member: who it is.
        held: code and name of the roles held.
        grants: every role ever given, the latest first.
        story: what was done to this login.
        is_self: whether the reader looks at the own login.
        factors: the second factors set up.
        reset: the reset that waits for a second administrator; None without.
        may_confirm: whether the reader may be that second administrator.
    """

    member: Member
    held: tuple[tuple[str, str], ...]
    grants: tuple[GrantLine, ...]
    story: tuple[LogLine, ...]
    is_self: bool
    factors: Factors
    reset: ResetRow | None
    may_confirm: bool


@dataclass(frozen=True, slots=True)
class PersonFormPage:
    """A form about a person.

    Attributes:
        form: what is asked.
        member: the person; None for a new one.
        role: code of the role the page is about; empty for none.
        role_label: its name.
        roles: (name, what it is for) of every role there is, for the form that gives one.
    """

    form: PersonForm | GrantForm | ReasonForm
    member: Member | None = None
    role: str = ""
    role_label: str = ""
    roles: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LinkPage:
    """A link to hand over, shown once; empty where it was mailed, or waits for a mail server."""

    member: Member
    link: str
    has_server: bool


@dataclass(frozen=True, slots=True)
class StaffRow:
    """One person of the self-check: roles in words, problems of their combination."""

    name: str
    roles: str
    problems: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class StaffPage:
    """The self-check.

    Attributes:
        problems: what keeps the staff from running a month.
        rows: everyone with the roles held.
        example: one lawful way to take a voucher through, in words; empty if there is none.
    """

    problems: tuple[Sentence, ...]
    rows: tuple[StaffRow, ...]
    example: tuple[tuple[str, str], ...]


def _member_or_404(username: str) -> Member:
    member = queries.find_member(db.session(), current_actor().org_id, username, today())
    if member is None:
        abort(404)
    return member


def _units() -> list[tuple[str, str]]:
    found = [unit for unit in units_below(db.session(), None, today()) if unit.kind != "village"]
    return unit_choices(found)


def _details(form: PersonForm) -> service.Details:
    return service.Details(
        display_name=form.display_name.data or "",
        email=form.email.data or "",
        phone=form.phone.data or "",
        unit_code=form.unit_code.data or "",
    )


@table_rule(blueprint, "/office/people")
@permission_required("users.manage")
def people(fmt: str) -> ResponseReturnValue:
    """Show an administrator who works here and in which roles."""
    wanted = PeopleFilter(formdata=request.args)
    members = queries.list_members(
        db.session(),
        current_actor().org_id,
        today(),
        text=wanted.text.data or "",
        with_former=bool(wanted.with_former.data),
    )
    rows = tuple(PersonRow(member, role_names(member.roles)) for member in members)
    if fmt != "html":
        columns = [
            FileColumn("name", pgettext("person", "Name")),
            FileColumn("username", _("Login name")),
            FileColumn("roles", _("Roles")),
            FileColumn("unit_name", pgettext("person", "Unit")),
            FileColumn("from_on", pgettext("person", "First day"), "date"),
            FileColumn("until_on", pgettext("person", "Last day"), "date"),
        ]
        return exports([_PersonFile.of(row) for row in rows], columns, "people", fmt)
    return render("users/people.html", PeoplePage(wanted, rows))


@dataclass(frozen=True, slots=True)
class _PersonFile:
    """One person as a row of a file."""

    name: str
    username: str
    roles: str
    unit_name: str
    from_on: object
    until_on: object

    @classmethod
    def of(cls, row: PersonRow) -> _PersonFile:
        member = row.member
        return cls(member.name, member.username, row.roles, member.unit_name, member.from_on, member.until_on)


@blueprint.route("/office/new-person", methods=["GET", "POST"])
@permission_required("users.manage")
def new_person() -> ResponseReturnValue:
    """Let an administrator take a person in."""
    actor, on, form = current_actor(), today(), NewPersonForm(_units())

    def work(own: Session) -> None:
        if form.has_login.data:
            unit = form.unit_code.data or ""
            user = service.add_member(own, actor=actor, username=form.username.data, unit_code=unit, on=on)
            policies.demand_at_once(own, user_id=user.id, floor=floor(), on=on)
            return
        details = _details(form)
        user = service.add_user(own, actor=actor, username=form.username.data, details=details, on=on)
        if user.email:
            login = queries.LoginUser(user.id, user.display_name, user.username, 1, "")
            mail_link(own, actor, login, user.email, credentials.INVITE_LIFE)

    if carried_out(form, work):
        username = credentials.fold_username(form.username.data)
        return done(_("The person was taken in. Now give roles."), url_for("users.person", username=username))
    return render("users/new_person.html", PersonFormPage(form), status_of(form))


@blueprint.get("/office/people/<username>")
@permission_required("users.manage")
def person(username: str) -> ResponseReturnValue:
    """Show an administrator one person: roles, their history, what was done."""
    actor, member = current_actor(), _member_or_404(username)
    grants = queries.grants_of(db.session(), actor.org_id, username)
    reset = waiting_reset(db.session(), org_id=actor.org_id, username=username, at=now())
    page = PersonPage(
        member=member,
        held=tuple((code, role_name(code)) for code in member.roles),
        grants=tuple(GrantLine(grant, role_name(grant.role)) for grant in grants),
        story=shown_lines(story(db.session(), actor.org_id, "user", username, limit=20)),
        is_self=current_user.username == username,
        factors=factors_of(db.session(), queries.user_id_of(db.session(), username) or 0),
        reset=reset,
        may_confirm=reset is not None and not reset.is_expired and reset.asked_by_id != actor.user_id,
    )
    return render("users/person.html", page)


@blueprint.route("/office/people/<username>/change", methods=["GET", "POST"])
@permission_required("users.manage")
def change_person(username: str) -> ResponseReturnValue:
    """Let an administrator correct a person's name, addresses and unit."""
    actor, member = current_actor(), _member_or_404(username)
    if not member.is_home:
        abort(403)
    contact = queries.contact(db.session(), username)
    form = PersonForm(
        _units(),
        display_name=member.name,
        email=contact.email,
        phone=contact.phone,
        unit_code=member.unit_code,
    )

    epochs = list[int]()

    def work(own: Session) -> None:
        user = service.change_user(own, actor=actor, username=username, details=_details(form), on=today())
        epochs[:] = [user.session_epoch] if (user.email or "") != contact.email else []
        if contact.email and user.email != contact.email:
            tell_old_address(own, actor, user.display_name, contact.email)

    if carried_out(form, work):
        if epochs and current_user.username == username:
            stay_signed_in(epochs[0])
        return done(_changed_words(bool(epochs)), url_for("users.person", username=username))
    return render("users/change_person.html", PersonFormPage(form, member), status_of(form))


def _changed_words(is_readdressed: bool) -> str:
    if is_readdressed:
        return _(
            "The details were saved. With the mail address, links sent earlier have lapsed and the"
            " sessions of this login have ended; send a new link if one is still needed."
        )
    return _("The details were saved.")


@blueprint.route("/office/people/<username>/grant", methods=["GET", "POST"])
@permission_required("users.manage")
def grant_role(username: str) -> ResponseReturnValue:
    """Let an administrator give a role; what the law keeps apart is refused with its article."""
    actor, member = current_actor(), _member_or_404(username)
    form = GrantForm(member.roles)

    def work(own: Session) -> None:
        role, reason = form.role.data, form.reason.data
        grant = service.grant_role(own, actor=actor, username=username, role=role, reason=reason, on=today())
        policies.demand_at_once(own, user_id=grant.user_id, floor=floor(), on=today())

    if carried_out(form, work):
        message = _("%(role)s was given.", role=role_name(form.role.data))
        return done(message, url_for("users.person", username=username))
    known = tuple((translated(role.label), translated(role.description)) for role in rules.ROLES.values())
    return render("users/grant_role.html", PersonFormPage(form, member, roles=known), status_of(form))


@blueprint.route("/office/people/<username>/revoke/<role>", methods=["GET", "POST"])
@permission_required("users.manage")
def revoke_role(username: str, role: str) -> ResponseReturnValue:
    """Let an administrator take a role back, with a reason."""
    actor, member, form = current_actor(), _member_or_404(username), ReasonForm()
    work = partial(service.revoke_role, actor=actor, username=username, role=role, on=today())
    if carried_out(form, lambda own: work(own, reason=form.reason.data)):
        message = _("%(role)s was taken back.", role=role_name(role))
        return done(message, url_for("users.person", username=username))
    page = PersonFormPage(form, member, role, role_name(role))
    return render("users/revoke_role.html", page, status_of(form))


@blueprint.route("/office/people/<username>/end", methods=["GET", "POST"])
@permission_required("users.manage")
def end_membership(username: str) -> ResponseReturnValue:
    """Tell an administrator what ending a membership means, and do it."""
    actor, member, form = current_actor(), _member_or_404(username), ReasonForm()
    work = partial(service.end_membership, actor=actor, username=username, on=today())
    if carried_out(form, lambda own: work(own, reason=form.reason.data)):
        message = _("%(name)s does not work here any more.", name=member.name)
        return done(message, url_for("users.people"))
    return render("users/end_membership.html", PersonFormPage(form, member), status_of(form))


@blueprint.post("/office/people/<username>/link")
@permission_required("users.manage")
def make_link(username: str) -> ResponseReturnValue:
    """Let an administrator help a person to a password.

    To a mail address the link goes by mail and is never shown: nobody who gives roles
    should also be able to sign in as those who hold them.
    """
    actor, member = current_actor(), _member_or_404(username)
    address = queries.contact(db.session(), username).email
    found = queries.credentials(db.session(), username)
    if found is None or not member.is_current:
        abort(404)
    if not member.is_home:
        abort(403)

    def work(own: Session) -> None:
        service.record_link(own, actor=actor, username=username, is_mailed=bool(address), on=today())
        if address:
            mail_link(own, actor, found.user, address, credentials.INVITE_LIFE)

    transact(work)
    link = "" if address else link_of(found.user, credentials.INVITE_LIFE)
    return private(render("users/link.html", LinkPage(member, link, bool(settings().smtp_url))))


@blueprint.get("/office/staff")
@permission_required("oplog.read")
def staff() -> ResponseReturnValue:
    """Print for administrators and inspectors who holds which roles, and whether a month can be run."""
    everyone = queries.staff(db.session(), current_actor().org_id, today())
    found = rules.find_staffing(everyone)
    steps = (
        (
            (_("makes vouchers"), found.maker),
            (_("reviews them"), found.reviewer),
            (_("signs as cashier"), found.cashier),
            (_("posts them"), found.poster),
        )
        if found
        else ()
    )
    rows = tuple(
        StaffRow(name, role_names(roles), tuple(sentence(problem) for problem in rules.check_roles(roles)))
        for name, roles in everyone.items()
    )
    problems = tuple(sentence(problem) for problem in rules.check_staff(everyone))
    return render("users/staff.html", StaffPage(problems, rows, steps))


def forget_sessions(at: datetime) -> None:
    """Delete the memory of sessions and devices that has grown old; run by the worker."""
    transact(partial(sessions.forget, at=at))
