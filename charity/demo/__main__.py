"""``python -m charity.demo --data DIR [--fresh]``: make the demo's database and data if absent."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from charity.config import Settings

#: What a demo keeps in its folder.
_OWN = ("charity.db*", "keys", "attachments", "documents", "proofs", "demo.done", "demo.begun")


def main() -> None:
    """Make the demo and say who may sign in."""
    parser = argparse.ArgumentParser(prog="python -m charity.demo", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the demo")
    parser.add_argument("--fresh", action="store_true", help="throw the data away and begin anew")
    options = parser.parse_args()
    done = options.data / "demo.done"
    begun = options.data / "demo.begun"
    if options.data.exists() and not (begun.exists() or done.exists()) and any(options.data.iterdir()):
        sys.exit(
            f"{options.data} holds files that are not a demo's. Nothing was touched;"
            " give --data an empty or a new folder."
        )
    if options.fresh:
        _clear(options.data)
    options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ["CHARITY_ENV"] = "demo"
    os.environ["CHARITY_DATA"] = str(options.data.resolve())
    if not done.exists():
        _clear(options.data)
        begun.touch()
        _make(options.data)
        done.write_text(_sign_ins(), encoding="utf-8")
    # Kept in the file, so that a second start imports nothing.
    sys.stdout.write(done.read_text(encoding="utf-8"))


def _clear(data_dir: Path) -> None:
    """Remove what a demo keeps in its folder, and nothing else that lies there."""
    for name in _OWN:
        for path in data_dir.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _make(data_dir: Path) -> None:
    """Make database and books anew."""
    from sqlalchemy import create_engine, select
    from sqlalchemy.orm import Session

    from charity import schema, sealed
    from charity.config import load_settings, system_clock
    from charity.db import prepare_engine
    from charity.demo.seed import seed_demo
    from charity.demo.waiting import lay_out
    from charity.periods import business_date
    from charity.places.models import Org
    from charity.proofs.sequencer import SessionRunner, sequence
    from charity.users.passwords import passwords_for

    settings = load_settings()
    sealed.configure(settings.field_key)
    print("Making a year of an invented federation …", flush=True)  # noqa: T201
    began = time.monotonic()
    schema.upgrade(settings)
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        today = business_date(system_clock(), settings.zone)
        office = seed_demo(session, today=today, data_dir=settings.data_dir, passwords=passwords_for("demo"))
        lay_out(office, settings.public_url)
        for org_id in session.scalars(select(Org.id)).all():
            _begin_log(session, org_id, settings)
            sequence(SessionRunner(session), org_id=org_id, at=system_clock(), settings=settings)
    engine.dispose()
    print(f"Done in {time.monotonic() - began:.0f} s.", flush=True)  # noqa: T201


def _begin_log(session: Session, org_id: int, settings: Settings) -> None:
    """Begin an org's proof log with its first voucher, as a server does; the year is made in a minute."""
    from sqlalchemy import func, select

    from charity.db import unit_of_work
    from charity.ledger.sealed_models import Voucher
    from charity.proofs.service import begin_log

    first = session.scalar(select(func.min(Voucher.posted_at)).where(Voucher.org_id == org_id))
    if first is not None:
        with unit_of_work(session) as work:
            begin_log(work, org_id=org_id, at=first, settings=settings)


def _sign_ins() -> str:
    """Return the sign-ins with their roles, as they are printed."""
    from charity.demo.cast import STAFF
    from charity.demo.founding import PASSWORD
    from charity.users.rules import ROLES

    lines = [f"Sign-ins of the demo; the password of each is: {PASSWORD}", ""]
    for person in STAFF:
        roles = ", ".join(ROLES[role].label for role in person.roles)
        lines.append(f"  {person.username:<18}{person.name:<6}{roles}  ({person.org})")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
