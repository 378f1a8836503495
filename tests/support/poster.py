"""A process that posts gifts until it is killed, and says which it was told are posted.

Run as ``python -m tests.support.poster URL ORG_ID``; prints ``month word number draft`` a line
once the transaction has been committed.
"""

from __future__ import annotations

import sys
from datetime import date

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from charity.db import prepare_engine, unit_of_work
from charity.ledger import drafting, posting
from tests.books import Ledger, read_journal


def main(url: str, org_id: int) -> None:
    """Make, approve and post gifts, one after another."""
    engine = create_engine(url)
    prepare_engine(engine)
    with Session(engine) as session:
        ledger = Ledger(session, org_id)
        (gift,) = read_journal("2026-03-05 捐款\n  借 1002@B1 1.00 F1\n  贷 410102 1.00 F1")
        while True:
            with unit_of_work(session) as work:
                draft = drafting.make_draft(work, actor=ledger.actor("maker"), draft=gift)
                ids = [draft.id]
                drafting.submit_drafts(work, actor=ledger.actor("maker"), draft_ids=ids)
                drafting.review_drafts(work, actor=ledger.actor("reviewer"), draft_ids=ids)
                drafting.sign_drafts(work, actor=ledger.actor("cashier"), draft_ids=ids)
            with unit_of_work(session) as work:
                (posted,) = posting.post_drafts(
                    work, actor=ledger.actor("chief"), draft_ids=ids, on=date(2026, 12, 31)
                )
            sys.stdout.write(f"{posted.month} {posted.word} {posted.number} {posted.draft_id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
