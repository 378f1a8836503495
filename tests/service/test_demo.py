"""The demo: the same seed and date give the same books and the same public files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from charity import create_app
from charity.db import prepare_engine
from charity.demo.seed import Volume, seed_demo
from charity.ledger.queries import trial_balance
from charity.periods import Month
from charity.places.models import Org
from charity.users.passwords import passwords_for
from tests.support import databases

TODAY = date(2026, 3, 10)


def make(template: Path, folder: Path) -> tuple[Flask, list[object], list[bytes]]:
    """Seed a small demo and return its app, trial balances and public files."""
    settings = databases.make_settings(folder, databases.copy_sqlite(template, folder))
    engine = create_engine(settings.database_url)
    prepare_engine(engine)
    with Session(engine) as session:
        volume = Volume(wechat=10, persons=3, bodies=1, slips=2)
        seed_demo(session, today=TODAY, data_dir=folder, passwords=passwords_for("test"), volume=volume)
        balances: list[object] = [
            trial_balance(session, org_id, Month(2026, 3))
            for org_id in session.scalars(select(Org.id).order_by(Org.code))
        ]
    engine.dispose()
    app = create_app(settings)
    client = app.test_client()
    paths = ("/disclosure/funds.csv", "/disclosure/donations.csv", "/linxi/disclosure/funds.csv")
    return app, balances, [client.get(path).data for path in paths]


@pytest.mark.sqlite_only
def test_the_same_seed_and_date_give_the_same_books_and_files(sqlite_template: Path, tmp_path: Path) -> None:
    from charity.db import db

    results = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        app, balances, files = make(sqlite_template, folder)
        results.append((balances, files))
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
    assert results[0] == results[1]
    assert all(len(file) > 100 for file in results[0][1])
