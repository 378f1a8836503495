"""Commands for scripts and the server: ``flask --app wsgi …``.

Amounts go in as yuan with two decimals and come out as fen in JSON; red is negative.
Exit code 0: done; 1: refused or findings; 2: wrong use. Every command with its example
stands in docs/cli.md.
"""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any, NoReturn

import click
from flask import Flask, current_app
from flask.cli import AppGroup, FlaskGroup
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from charity import schema
from charity.config import SETTINGS_FILE, Settings
from charity.db import Actor, db, transact
from charity.errors import SENTENCES, Problem, Refused
from charity.ledger import queries
from charity.ledger.voucher_files import import_vouchers
from charity.periods import Month, business_date
from charity.places.models import Org
from charity.upkeep.checking import find_all
from charity.users.models import User
from charity.users.queries import actor_of

ORG = click.option(
    "--org", default="", metavar="CODE", help="Code of the org; the default org when left out."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, amounts in fen.")


def _fail(message: str, code: int = 1) -> NoReturn:
    """Say what is wrong on standard error and leave."""
    click.echo(message, err=True)
    raise SystemExit(code)


def needs_database(command: Callable[..., None]) -> Callable[..., None]:
    """Leave with a sentence where the database is not there or of another release."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        if fault := schema.unusable(db.engine):
            _fail(
                f"Nothing was done: {fault}. Set CHARITY_DATA or DATABASE_URL to this installation's"
                " own, or bring the database up to date: flask db upgrade.",
                2,
            )
        command(*args, **kwargs)

    return run


def _print(value: Any) -> None:
    """Print JSON as people can read it."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _problems(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    """Return problems as JSON values."""
    return [{"code": p.code, "where": p.where, "message": p.sentence()} for p in problems]


def _refused(refused: Refused, as_json: bool) -> NoReturn:
    """Answer with a refusal."""
    if as_json:
        _print({"problems": _problems(refused.problems)})
        raise SystemExit(1)
    _fail("\n".join(_line_of(problem) for problem in refused.problems))


def _line_of(problem: Problem) -> str:
    """Return a problem as one line, its place in front unless the sentence names it."""
    sentence = problem.sentence()
    is_named = problem.where.lower() in sentence.lower()
    return sentence if is_named else f"{problem.where}: {sentence}"


def _org(session: Session, code: str) -> Org:
    """Return the org of a code, or the default one."""
    query = select(Org).where(Org.code == code) if code else select(Org).where(Org.is_default)
    org = session.scalar(query)
    if org is None:
        _fail(f"There is no org {code or 'marked as default'}; flask orgs lists them.", 2)
    return org


def _actor(session: Session, org: Org, username: str) -> Actor:
    """Return a login as it acts in an org now."""
    at = current_app.config["CLOCK"]()
    user_id = session.scalar(select(User.id).where(User.username == username))
    actor = actor_of(session, org.id, user_id, at) if user_id is not None else None
    if actor is None:
        _fail(f"There is no login {username} in {org.code}.", 2)
    return actor


@click.command("check")
@ORG
@JSON
@needs_database
def check_command(org: str, as_json: bool) -> None:
    """Derive everything again from the posted lines and name the first wrong row."""
    session = db.session()
    settings = current_app.extensions["charity.settings"]
    orgs = [_org(session, org)] if org else list(session.scalars(select(Org).order_by(Org.code)))
    pairs = [(row.id, row.code) for row in orgs]
    found = find_all(session, pairs, settings.data_dir, current_app.config["CLOCK"]())
    if as_json:
        _print({"ok": not found, "findings": [{"org": code, **asdict(finding)} for code, finding in found]})
    else:
        for code, finding in found:
            click.echo(f"{code}  {finding.check}  {finding.where}: {finding.message}")
        click.echo("All checks passed." if not found else f"{len(found)} findings.")
    if found:
        raise SystemExit(1)


@click.command("orgs")
@JSON
@needs_database
def orgs_command(as_json: bool) -> None:
    """List the orgs of this installation."""
    rows = [
        {"code": org.code, "name": org.name, "is_default": org.is_default}
        for org in db.session().scalars(select(Org).order_by(Org.code))
    ]
    if as_json:
        _print({"orgs": rows})
    else:
        for row in rows:
            click.echo(f"{row['code']}  {row['name']}{'  (default)' if row['is_default'] else ''}")


@click.command("trial-balance")
@click.option("--month", required=True, metavar="YYYY-MM", help="The month; month 13 is YYYY-13.")
@click.option("--fund", default="", metavar="F", help="One fund only.")
@ORG
@JSON
@needs_database
def trial_balance_command(month: str, fund: str, org: str, as_json: bool) -> None:
    """Print the trial balance of a month."""
    session = db.session()
    try:
        wanted = Month.parse(month)
    except Refused as refused:
        _fail(refused.problems[0].sentence(), 2)
    balance = queries.trial_balance(session, _org(session, org).id, wanted, fund)
    rows = [{**asdict(row), "closing_fen": row.closing_fen} for row in balance.rows]
    if as_json:
        _print(
            {
                "month": str(wanted),
                "fund": fund or None,
                "rows": rows,
                "debit_fen": balance.debit_fen,
                "credit_fen": balance.credit_fen,
                "is_balanced": balance.is_balanced,
            }
        )
        return
    for row in rows:
        amounts = "".join(
            f"{row[k] / 100:>18,.2f}" for k in ("opening_fen", "debit_fen", "credit_fen", "closing_fen")
        )
        click.echo(f"{row['account']:<8}{amounts}  {row['name_zh']}")


@click.command("guard")
@ORG
@JSON
@needs_database
def guard_command(org: str, as_json: bool) -> None:
    """Print what every fund and earmark can spend and has set aside."""
    session = db.session()
    rows = [asdict(row) for row in queries.guards(session, _org(session, org).id)]
    if as_json:
        _print({"guards": rows})
        return
    for row in rows:
        amounts = f"{row['available_fen'] / 100:>18,.2f}{row['held_fen'] / 100:>18,.2f}"
        click.echo(f"{row['fund']:<8}{row['earmark']:<16}{amounts}{'  frozen' if row['is_frozen'] else ''}")


vouchers_group = AppGroup("vouchers", help="Vouchers by file.")


@vouchers_group.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "maker", required=True, metavar="USER", help="Makes the vouchers.")
@click.option("--reviewed-by", "reviewer", default="", metavar="USER", help="Reviews and posts them.")
@click.option("--signed-by", "cashier", default="", metavar="USER", help="Signs those that move money.")
@ORG
@JSON
@needs_database
def import_vouchers_command(
    path: Path, maker: str, reviewer: str, cashier: str, org: str, as_json: bool
) -> None:
    """Take a CSV file of vouchers, whole or not at all."""
    settings = current_app.extensions["charity.settings"]
    data = path.read_bytes()

    def work(session: Session) -> list[Any]:
        own = _org(session, org)
        return import_vouchers(
            session,
            maker=_actor(session, own, maker),
            reviewer=_actor(session, own, reviewer) if reviewer else None,
            cashier=_actor(session, own, cashier) if cashier else None,
            data=data,
            name=path.name,
            on=business_date(current_app.config["CLOCK"](), settings.zone),
            data_dir=settings.data_dir,
        )

    try:
        rows = transact(work)
    except Refused as refused:
        _refused(refused, as_json)
    answer = [{**asdict(row), "month": str(row.month)} for row in rows]
    if as_json:
        _print({"file": path.name, "vouchers": answer})
        return
    for row in answer:
        number = f"{row['month']} {row['word']}-{row['number']:04d}" if row["number"] else row["state"]
        click.echo(f"{row['ref']:<24}{number}{'  (before)' if row['was_there_before'] else ''}")


@click.command("import")
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Judge only; change nothing.")
@click.option("--as", "username", required=True, metavar="USER", help="Reads the file in and books it.")
@ORG
@JSON
@needs_database
def import_command(path: Path, dry_run: bool, username: str, org: str, as_json: bool) -> None:
    """Read in a bank, platform or donor file, judge its rows and book the gifts."""
    from charity.donations.files import import_file

    settings = current_app.extensions["charity.settings"]
    session = db.session()
    own = _org(session, org)
    try:
        answer = import_file(
            actor=_actor(session, own, username),
            data=path.read_bytes(),
            name=path.name,
            on=business_date(current_app.config["CLOCK"](), settings.zone),
            data_dir=settings.data_dir,
            is_dry_run=dry_run,
        )
    except Refused as refused:
        _refused(refused, as_json)
    if as_json:
        _print(answer)
        return
    for row in answer["rows"]:
        click.echo(
            f"{row['row_no']:>6}  {row['verdict']:<12}{row['amount_fen'] / 100:>16,.2f}  {row['reason']}"
        )
    click.echo(f"{answer['form']}: {len(answer['rows'])} rows, {answer['booked']} booked")


@click.command("worker")
@needs_database
def worker_command() -> None:
    """Carry out jobs until stopped; the one under way ends its step and goes back to the queue."""
    from charity.jobs.worker import run_worker

    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run_worker(app, stop)


@click.command("reseal")
@needs_database
def reseal_command() -> None:
    """Seal every sensitive field and file under the newest key, after CHARITY_FIELD_KEY was changed."""
    from charity.db import Base
    from charity.imports.models import ImportFile
    from charity.ledger.attachments import seal_stored, sealed_hashes
    from charity.ledger.opening_models import Opening
    from charity.sealed import reseal

    done = 0
    for table in Base.metadata.sorted_tables:
        while count := transact(partial(reseal, table=table)):
            done += count
    folder = current_app.extensions["charity.settings"].data_dir
    every = {"across_orgs": True}
    named = {
        sha256
        for column in (ImportFile.sha256, Opening.sha256)
        for sha256 in db.session.scalars(select(column), execution_options=every)
    }
    files = sum(seal_stored(folder, sha256) for sha256 in sorted(named | set(sealed_hashes(folder))))
    click.echo(f"{done} rows and {files} files sealed anew.")


@click.command("setup")
@click.option(
    "--from",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML or JSON, as docs/setup.md shows; questions are asked without it.",
)
@click.option("--code", "wants_code", is_flag=True, help="Print the code that opens the set-up page.")
@click.option("--links", "wants_links", is_flag=True, help="Print links of administrators again.")
@click.option("--check", "only_check", is_flag=True, help="Judge only; change nothing.")
@click.option("--test-mail", default="", metavar="ADDRESS", help="Send a test mail first.")
@click.option("--test-sms", default="", metavar="NUMBER", help="Send a test message first.")
def setup_command(
    path: Path | None,
    wants_code: bool,
    wants_links: bool,
    only_check: bool,
    test_mail: str,
    test_sms: str,
) -> None:
    """Set up the federation: once, from a file, by questions, or on the page /setup."""
    from charity.founding import steps
    from charity.founding.asking import ask, read_file
    from charity.founding.code import setup_code
    from charity.founding.service import is_founded
    from charity.web.prefix import reserved_segments

    settings, at = current_app.extensions["charity.settings"], current_app.config["CLOCK"]()
    if not inspect(db.session().connection()).has_table("places_org"):
        db.session().rollback()
        schema.upgrade(settings)
    if is_founded(db.session()):
        _links_again(settings, at) if wants_links else _fail(SENTENCES["setup_done"])
        return
    if wants_code:
        click.echo(f"{settings.public_url}/setup\n{setup_code(settings.data_dir)[0]}")
        return
    reserved = reserved_segments(current_app.url_map)
    try:
        data, units = read_file(path) if path else ask(business_date(at, settings.zone))
        plan = steps.judge(settings, data, reserved)
        if test_mail:
            steps.try_mail_of(plan, test_mail, at)
        if test_sms:
            steps.try_sms_of(plan, test_sms)
        if only_check:
            steps.try_out(plan, units, at, reserved)
            click.echo("The plan is sound; nothing was changed.")
            return
        founded = steps.found(settings, plan, units, at, reserved)
    except Refused as refused:
        _refused(refused, False)
    click.echo(f"{founded.name} is set up. Its settings stand in {settings.data_dir / SETTINGS_FILE};")
    click.echo("restart the server. Each administrator chooses a password here, within three days:")
    for name, link in steps.links(settings, founded, at, plan.site["public_url"]):
        click.echo(f"  {name}: {link}")


def _links_again(settings: Settings, at: datetime) -> None:
    """Print the links of administrators who have not chosen a password yet."""
    from charity.founding import steps

    try:
        founded = steps.founded_before(db.session())
    except Refused as refused:
        _refused(refused, False)
    for name, link in steps.links(settings, founded, at, settings.public_url):
        click.echo(f"{name}: {link}")


@click.command("reset-second-factor")
@click.argument("username")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stays in the operation log.")
@ORG
def reset_second_factor_command(username: str, reason: str, org: str) -> None:
    """Take off every second factor of a login, when no two administrators are left to do it."""
    from charity.users.factor_resets import force_reset

    row = _org(db.session(), org)
    actor = Actor(0, row.id, "flask", frozenset(), current_app.config["CLOCK"]())
    try:
        transact(partial(force_reset, actor=actor, username=username, reason=reason))
    except Refused as refused:
        _refused(refused, False)
    click.echo(f"{username} signs in with the password alone and sets up a new second factor.")


def register(app: Flask) -> None:
    """Give the app its commands."""
    from charity.upkeep.commands import COMMANDS  # which uses what stands here

    for command in (
        check_command,
        orgs_command,
        trial_balance_command,
        guard_command,
        vouchers_group,
        import_command,
        worker_command,
        reseal_command,
        *COMMANDS,
        setup_command,
        reset_second_factor_command,
    ):
        app.cli.add_command(command)


def main() -> None:
    """Run the commands of an installed wheel: ``charity check``."""
    from charity import create_app

    FlaskGroup(create_app=create_app)()
