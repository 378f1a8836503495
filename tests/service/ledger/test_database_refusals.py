"""What the database refuses is said to people in a sentence, by whichever guard it was found.

The services refuse all of this before; a guard fires on what came in between two looks.
"""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from charity.errors import Refused
from charity.ledger.refusals import refused_by_database
from charity.ledger.sealed_models import Voucher
from tests.service.ledger.forging import FORGED, Forgery, Stage
from tests.service.ledger.test_owner_tampering import owners
from tests.service.ledger.test_tampering import drop_triggers

_MUCH = 100_000_000

#: Code of the sentence → a voucher that came in between.
MEANWHILE = {
    "posted_meanwhile": Forgery(head={"number": 1}, bump=0),
    "fund_overdrawn_meanwhile": Forgery(
        "aid", {"total_fen": _MUCH}, {1: {"debit_fen": _MUCH}, 2: {"credit_fen": _MUCH}}
    ),
    "stock_overdrawn_meanwhile": Forgery(
        "goods",
        {"total_fen": _MUCH},
        {1: {"debit_fen": 0, "credit_fen": _MUCH}, 2: {"debit_fen": _MUCH, "credit_fen": 0}},
    ),
    "guard_refused": Forgery(bump=2),
}


@pytest.mark.parametrize("code", MEANWHILE)
def test_what_a_guard_refuses_is_said_in_a_sentence(stage: Stage, code: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        stage.try_out(MEANWHILE[code])
    said = refused_by_database(caught.value)
    assert isinstance(said, Refused), caught.value.orig
    assert said.codes == [code]


def test_a_guard_without_a_sentence_of_its_own_is_named(stage: Stage) -> None:
    with pytest.raises(DBAPIError) as caught:
        stage.try_out(MEANWHILE["guard_refused"])
    said = refused_by_database(caught.value)
    assert isinstance(said, Refused)
    assert said.problems[0].params == {"code": "number_not_next"}


def test_the_index_alone_keeps_a_second_reversal_out(stage: Stage) -> None:
    """The trigger sees a second reversal first; with the owner's triggers off the index still refuses it."""
    changed = {"id": str(FORGED), "number": "999", "idempotency_key": "'second'"}
    columns = [column.name for column in Voucher.__table__.columns]
    names, values = ", ".join(columns), ", ".join(changed.get(name, name) for name in columns)
    second = f"INSERT INTO ledger_voucher ({names}) SELECT {values} FROM ledger_voucher WHERE id = :red"
    with owners(stage) as owner:
        drop_triggers(owner, "ledger_voucher")
        with pytest.raises(DBAPIError) as caught:
            owner.execute(text(second), {"red": stage.vouchers["red"]})
    said = refused_by_database(caught.value)
    assert isinstance(said, Refused)
    assert said.codes == ["already_reversed"]
