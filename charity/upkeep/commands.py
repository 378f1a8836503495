"""Commands of upkeep: backup, restore, drills, upgrade, health, and the proof log after a restore.

Part of the shell, as ``charity.cli`` is, with the same exit codes: 0 done, 1 refused or
something found, 2 wrong use.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from charity import sealed
from charity.cli import JSON, ORG, _actor, _fail, _org, _print, _refused
from charity.config import Settings
from charity.db import db, transact
from charity.errors import Refused
from charity.proofs.publishing import rebuild_files
from charity.proofs.restoration import confirm_head
from charity.upkeep import backups, drills, health, keyfile, restoring, upgrading
from charity.upkeep.restoring import Restored

#: Where the passphrase of a file of keys is taken from when nobody can be asked.
PASSPHRASE = "CHARITY_KEYS_PASSPHRASE"

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
AS = click.option("--as", "username", required=True, metavar="USER", help="Who does it.")


def _settings() -> Settings:
    """Return the settings of this installation."""
    found: Settings = current_app.extensions["charity.settings"]
    return found


def _now() -> datetime:
    """Return the present instant."""
    found: datetime = current_app.config["CLOCK"]()
    return found


def _passphrase(*, is_new: bool) -> str:
    """Return the passphrase of a file of keys: from the environment, or asked for."""
    if given := os.environ.get(PASSPHRASE):
        return given
    asked: str = click.prompt("Passphrase of the keys", hide_input=True, confirmation_prompt=is_new)
    return asked


@click.command("backup")
@click.option("--out", type=_FOLDER, help="Where to; CHARITY_BACKUP_DIR when left out.")
@click.option("--keep", type=click.IntRange(min=0), help="How many of the newest stay; 0 keeps all.")
@click.option("--keys-to", type=_NEW_FILE, help="Write the keys as well: a new file, sealed by a passphrase.")
@click.option("--scheduled", is_flag=True, help="A timer asked for it.")
@JSON
def backup_command(
    out: Path | None, keep: int | None, keys_to: Path | None, scheduled: bool, as_json: bool
) -> None:
    """Make a backup of database, files and proof log while everything goes on."""
    settings = _settings()
    try:
        made = backups.make_backup(
            db.engine, settings, at=_now(), folder=out, keep=keep, is_scheduled=scheduled
        )
        if keys_to is not None:
            keyfile.write_keys(keys_to, keyfile.keys_of(settings), _passphrase(is_new=True))
    except Refused as refused:
        _refused(refused, as_json)
    except FileExistsError:
        _fail(f"{keys_to} is there already; keys are written to a new file.", 2)
    vouchers = sum(org.vouchers for org in made.manifest.orgs)
    if as_json:
        _print(
            {
                "file": str(made.path),
                "sha256": made.sha256,
                "size": made.size,
                "revision": made.manifest.revision,
                "files": len(made.manifest.files),
                "vouchers": vouchers,
                "removed": list(made.removed),
                "keys": str(keys_to) if keys_to else None,
            }
        )
        return
    click.echo(f"{made.path}  {made.size:,} bytes, {vouchers} vouchers, {len(made.manifest.files)} files")
    if keys_to is None:
        click.echo("The keys are not in it. Keep them apart: flask backup --keys-to FILE.")


@click.command("restore")
@click.argument("archive", type=_FILE)
@click.option("--to", "target", type=_FOLDER, required=True, help="The data folder to make; empty or new.")
@click.option(
    "--database", default="", metavar="URL", help="PostgreSQL: the owner's address, empty database."
)
@click.option("--verify", "is_verified", is_flag=True, help="Derive everything again afterwards.")
@click.option("--keys", "keys_from", type=_FILE, help="The file of keys; they are put into the data folder.")
@click.option("--drill", "driller", default="", metavar="USER", help="Record it here as a drill of USER's.")
@click.option("--report", type=_NEW_FILE, help="Write what was found, for flask drills record elsewhere.")
@ORG
@JSON
def restore_command(
    archive: Path,
    target: Path,
    database: str,
    is_verified: bool,
    keys_from: Path | None,
    driller: str,
    report: Path | None,
    org: str,
    as_json: bool,
) -> None:
    """Restore a backup to another data folder, and look whether all of it is there."""
    began, at = time.perf_counter(), _now()
    if driller:  # a name that nobody has is told before the work, not after it
        _actor(db.session(), _org(db.session(), org), driller)
    try:
        restored = restoring.restore_backup(
            archive,
            _with_keys(_settings(), keys_from, target),
            target=target,
            url=database,
            at=at,
            is_verified=is_verified,
            tell=lambda line: click.echo(line, err=True),
        )
        if driller or report:
            took_ms = round((time.perf_counter() - began) * 1000)
            found = drills.report_of(restored, at=at, took_ms=took_ms)
            _keep_report(found, report, driller, org)
    except Refused as refused:
        _refused(refused, as_json)
    except FileExistsError as error:
        _fail(f"{error.filename} is there already.", 2)
    _tell_restored(restored, as_json)


def _with_keys(settings: Settings, keys_from: Path | None, target: Path) -> Settings:
    """Return the settings with the keys of a file, which are put into the target's data folder."""
    if keys_from is None:
        return settings
    keys = keyfile.read_keys(keys_from, _passphrase(is_new=False))
    retired = tuple(
        bytes.fromhex(part) for part in keys.get("CHARITY_RETIRED_FIELD_KEYS", "").split(",") if part
    )
    field_key = bytes.fromhex(keys["CHARITY_FIELD_KEY"])
    keyfile.place_keys(keys, target)
    sealed.configure(field_key, retired)
    return replace(
        settings,
        secret_key=keys["CHARITY_SECRET_KEY"],
        field_key=field_key,
        retired_field_keys=retired,
        sign_key=bytes.fromhex(keys["CHARITY_SIGN_KEY"]),
    )


def _keep_report(found: drills.DrillReport, report: Path | None, driller: str, org: str) -> None:
    """Write the report of a drill, and record it in this installation."""
    if report is not None:
        with report.open("x", encoding="utf-8") as file:
            json.dump(found.to_json(), file, ensure_ascii=False, indent=2)
    if driller:

        def work(session: Session) -> None:
            drills.record_drill(session, actor=_actor(session, _org(session, org), driller), report=found)

        transact(work)


def _tell_restored(restored: Restored, as_json: bool) -> None:
    """Say what was restored; leave with 1 when something is not as it must be."""
    if as_json:
        _print(
            {
                "backup": restored.archive,
                "sha256": restored.sha256,
                "made_at": restored.manifest.made_at.isoformat(),
                "data": str(restored.settings.data_dir),
                "vouchers": restored.vouchers,
                "is_verified": restored.is_verified,
                "findings": list(restored.findings),
            }
        )
    else:
        for line in restored.findings:
            click.echo(line)
        state = "verified" if restored.is_verified else "restored, not verified"
        click.echo(
            f"{restored.archive}: {restored.vouchers} vouchers {state}; {len(restored.findings)} findings."
        )
        click.echo("Everybody signs in anew there, with the passwords of the backup; look over roles first.")
        click.echo("Nothing is signed there until: flask proofs confirm FILE (docs/operations.md).")
    if restored.findings:
        raise SystemExit(1)


drills_group = AppGroup("drills", help="Restores that were tried out.")


@drills_group.command("record")
@click.argument("path", type=_FILE)
@AS
@ORG
@JSON
def record_drill_command(path: Path, username: str, org: str, as_json: bool) -> None:
    """Record the report of a drill that was done on another machine."""
    try:
        try:
            report = drills.read_report(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            report = drills.read_report({})

        def work(session: Session) -> None:
            drills.record_drill(session, actor=_actor(session, _org(session, org), username), report=report)

        transact(work)
    except Refused as refused:
        _refused(refused, as_json)
    if as_json:
        _print({"backup": report.backup_name, "has_passed": not report.findings})
    else:
        click.echo(f"{report.backup_name}: {'passed' if not report.findings else 'failed'}, recorded.")


@click.command("upgrade")
@click.option("--backup", "archive", type=_FILE, help="The backup to go back to; the newest when left out.")
@click.option("--check-only", is_flag=True, help="Look whether it may be done; change nothing.")
@JSON
def upgrade_command(archive: Path | None, check_only: bool, as_json: bool) -> None:
    """Bring the database to this version's schema, if backup, disk, guards and jobs allow it."""
    settings = _settings()
    try:
        if check_only:
            standing = _standing(settings, archive)
        else:
            standing = upgrading.upgrade(
                settings, at=_now(), archive=archive, tell=lambda line: click.echo(line, err=True)
            )
    except Refused as refused:
        _refused(refused, as_json)
    if as_json:
        _print(
            {
                "from": standing.revision or None,
                "to": standing.newest,
                "backup": standing.backup or None,
                "vouchers": standing.vouchers,
                "is_done": not check_only,
            }
        )
        return
    done = "may be upgraded" if check_only else "upgraded"
    click.echo(
        f"{standing.revision or 'nothing'} → {standing.newest}: {done}. Next: flask check, then start."
    )


def _standing(settings: Settings, archive: Path | None) -> upgrading.Standing:
    """Return where the database stands, provided that it may be upgraded."""
    from charity import schema

    with schema.owner_engine(settings) as engine, engine.connect() as connection:
        standing, problems = upgrading.check_upgrade(connection, settings, at=_now(), archive=archive)
    if problems:
        raise Refused(*problems)
    return standing


@click.command("health")
@JSON
def health_command(as_json: bool) -> None:
    """Say how the installation fares; 1 when a probe fails."""
    probes = health.examine(db.engine, _settings(), _now())
    if as_json:
        _print({"status": health.worst(probes), "probes": [_values(probe) for probe in probes]})
    else:
        for probe in probes:
            figures = "  ".join(f"{name} {value}" for name, value in probe.figures.items())
            click.echo(f"{probe.state:<5} {health.LABELS[probe.name]}{'  ' + figures if figures else ''}")
    if health.worst(probes) == "fail":
        raise SystemExit(1)


def _values(probe: health.Probe) -> dict[str, Any]:
    """Return a probe as JSON values."""
    return {"name": probe.name, "state": probe.state, **probe.figures}


proofs_group = AppGroup("proofs", help="The proof log after a restore.")


@proofs_group.command("confirm")
@click.argument("path", type=_FILE)
@AS
@ORG
@JSON
def confirm_command(path: Path, username: str, org: str, as_json: bool) -> None:
    """Give the last published checkpoint from outside, so that restored books may sign again."""
    note = path.read_bytes().decode("utf-8", "replace")

    def work(session: Session) -> int:
        actor = _actor(session, _org(session, org), username)
        return confirm_head(session, actor=actor, note=note, settings=_settings())

    _tell_leaves(work, as_json, "The log goes on from its checkpoint of %s leaves.")


@proofs_group.command("rebuild")
@AS
@ORG
@JSON
def rebuild_command(username: str, org: str, as_json: bool) -> None:
    """Write the files of the last checkpoint anew from the books, after their folder was lost."""

    def work(session: Session) -> int:
        return rebuild_files(
            session, actor=_actor(session, _org(session, org), username), settings=_settings()
        )

    _tell_leaves(work, as_json, "The files of %s leaves were written.")


def _tell_leaves(work: Any, as_json: bool, sentence: str) -> None:
    """Run an act on the proof log and say how many leaves it was about."""
    try:
        leaves = transact(work)
    except Refused as refused:
        _refused(refused, as_json)
    if as_json:
        _print({"leaves": leaves})
    else:
        click.echo(sentence % leaves)


COMMANDS = (
    backup_command,
    restore_command,
    drills_group,
    upgrade_command,
    health_command,
    proofs_group,
)
