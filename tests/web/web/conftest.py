"""An app whose orgs, logins and pages are invented here: the shell without its features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from flask import Blueprint, Flask, abort, jsonify, request, url_for
from flask.testing import FlaskClient
from flask_login import UserMixin
from wtforms.validators import InputRequired, Optional

import charity
from charity.errors import refuse
from charity.web import errors
from charity.web.access import name_permissions, permission_required, public, signed_in
from charity.web.cache import cached_by
from charity.web.context import OrgRef, current_actor, current_org, today
from charity.web.forms import (
    BaseForm,
    DayField,
    IdempotencyField,
    LineField,
    MonthField,
    ParagraphField,
    YuanField,
)
from charity.web.limits import charge, client_address
from charity.web.render import FileColumn, exports, render, table_rule

CITY = OrgRef(1, "DZ", "dezhou", "德州市慈善总会", "市慈善总会", "Dezhou Charity Federation", True)
COUNTY = OrgRef(2, "XJ", "xiajin", "夏津县慈善总会", "夏津慈善", "Xiajin Charity Federation", False)


class Member(UserMixin):
    """A login that is what its id says: ``cashier``, ``reviewer``, ``stranger``."""

    def __init__(self, name: str) -> None:
        self.id = 7
        self.name = name

    def get_id(self) -> str:
        return self.name


class ProbeForm(BaseForm):
    amount = YuanField("Amount", [InputRequired()], least_fen=1)
    red = YuanField("Red", [Optional()], least_fen=None)
    day = DayField("Day", [Optional()])
    month = MonthField("Month", [Optional()])
    line = LineField("Line", [Optional()], limit=10)
    note = ParagraphField("Note", [Optional()], limit=20)
    key = IdempotencyField()


@dataclass(frozen=True)
class ProbePage:
    title: str
    status: int = 200
    what: str = ""
    next: str = ""
    sentences: tuple[object, ...] = ()
    sign_in_url: str = ""


@dataclass(frozen=True)
class GiftRow:
    number: str
    amount_fen: int


@dataclass
class Counter:
    """How often the cached views ran."""

    runs: int = 0
    seen: list[str] = field(default_factory=list)


def probe_pages(counter: Counter) -> Blueprint:
    """Return views that show one thing of the shell each."""
    pages = Blueprint("probe", __name__)
    add_doors(pages)
    add_failures(pages)
    add_forms(pages)
    add_cached(pages, counter)
    return pages


def add_doors(pages: Blueprint) -> None:
    """Add pages of each kind of access."""

    @pages.get("/where")
    @public
    def where():
        return jsonify(
            org=current_org().code, link=url_for("probe.where"), day=today().isoformat(), ip=client_address()
        )

    @pages.get("/probe/sign-in")
    @public
    def sign_in():
        return "sign in"

    @pages.get("/members")
    @signed_in
    def members():
        actor = current_actor()
        return jsonify(name=actor.name, org=actor.org_id, may=sorted(actor.permissions))

    @pages.route("/review", methods=["GET", "POST"])
    @permission_required("probe.review")
    def review():
        return "reviewed"


def add_failures(pages: Blueprint) -> None:
    """Add pages that fail in each way."""

    @pages.get("/fail/<int:status>")
    @public
    def fail(status):
        abort(status)

    @pages.get("/crash")
    @public
    def crash():
        raise RuntimeError("a secret detail")

    @pages.post("/refuse")
    @public
    def refused():
        raise refuse("amount_negative", where="amount")


def add_forms(pages: Blueprint) -> None:
    """Add a form that tells what it read, and one with a limit."""

    @pages.post("/form")
    @public
    def form():
        made = ProbeForm()
        valid = made.validate_on_submit()
        return jsonify(
            valid=valid,
            errors=made.errors,
            data={name: str(value) for name, value in made.data.items() if name != "csrf_token"},
            html={name: str(made[name]()) for name in ("amount", "day", "key")},
        )

    @pages.post("/limited")
    @public
    def limited():
        charge(name="probe", subject=request.form.get("who", ""), limit=2, window_s=60)
        return "let in"


def add_cached(pages: Blueprint, counter: Counter) -> None:
    """Add cached pages, one of them wrongly so, and a table with its files."""

    @pages.get("/cached")
    @public
    @cached_by("donations", "ledger")
    def cached():
        counter.runs += 1
        return render("errors/error.html", ProbePage(f"run {counter.runs}"))

    @pages.get("/cached-form")
    @public
    @cached_by("donations")
    def cached_form():
        return str(ProbeForm().hidden_tag())

    @table_rule(pages, "/gifts")
    @public
    @cached_by("donations")
    def gifts(fmt):
        rows = [GiftRow("D-1", 123_450), GiftRow("=D-2", -100)]
        columns = [FileColumn("number", "编号"), FileColumn("amount_fen", "金额（元）", "money")]
        if fmt != "html":
            return exports(rows, columns, "gifts", fmt)
        return render("errors/error.html", ProbePage("gifts"))


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture(autouse=True)
def no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every app of these tests without the features above the shell."""
    monkeypatch.setattr(charity, "FEATURES", ("charity.web.routes",))


@pytest.fixture
def shell(app: Flask, counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The app with two orgs, three logins and the pages above."""
    permissions = {"reviewer": {"probe.review"}, "cashier": {"probe.pay"}}
    orgs = {None: CITY, "xiajin": COUNTY}
    hosts = {"xiajin.example": COUNTY}
    app.extensions["charity.org_loader"] = lambda slug, host: hosts.get(host) or orgs.get(slug)
    app.extensions["charity.org_slugs"] = lambda: frozenset({"xiajin", "gone"})
    app.extensions["charity.user_loader"] = Member
    app.extensions["charity.permissions"] = lambda user, org_id: (
        frozenset(permissions.get(user.name, ()) if org_id == CITY.id else ()),
        None,
    )
    app.extensions["charity.role_label"] = lambda user, org_id: f"role of {user.name}"
    app.extensions["charity.open_month"] = lambda org_id: "2026-03"
    monkeypatch.setattr(errors, "SIGN_IN", "probe.sign_in")
    name_permissions({"probe.review": "Review probes"})
    app.register_blueprint(probe_pages(counter))
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app


@pytest.fixture
def visitor(shell: Flask) -> FlaskClient:
    return shell.test_client()


@pytest.fixture
def member(shell: Flask) -> Callable[[str], FlaskClient]:
    """Return a signed-in client: ``member("reviewer")``."""

    def sign_in(name: str) -> FlaskClient:
        client = shell.test_client()
        with client.session_transaction() as session:
            session.update(_user_id=name, _fresh=True)
        return client

    return sign_in
