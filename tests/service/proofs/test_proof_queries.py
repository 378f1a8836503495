"""Proofs made from the books, checked by the published program as a stranger would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from charity.config import resource_dir
from charity.ledger.commitments import FIELDS
from charity.ledger.reading import read_voucher
from charity.ledger.sealed_models import Voucher
from charity.periods import Month
from charity.proofs import queries
from charity.proofs.queries import LineRef
from tests.books import Ledger, open_books
from tests.service.proofs.conftest import GIFTS, Run

Verify = Callable[[Any], tuple[int, str]]


@pytest.fixture
def verify(tmp_path: Path) -> Verify:
    """Run verify.py over a proof, or over the lines of a package."""

    def run(data: Any) -> tuple[int, str]:
        path = tmp_path / "proof.json"
        text = "\n".join(data) + "\n" if isinstance(data, list) else json.dumps(data, indent=1)
        path.write_text(text, encoding="utf-8")
        program = resource_dir("static") / "verify.py"
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), str(path)],
            env={"PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
        )
        return done.returncode, done.stdout + done.stderr

    return run


def voucher_id(session: Session, month: int, number: int) -> int:
    return session.scalars(select(Voucher.id).where(Voucher.month == month, Voucher.number == number)).one()


@pytest.mark.parametrize(("month", "number", "line_no"), [(202601, 1, 1), (202601, 2, 2), (202602, 1, 1)])
def test_the_proof_of_a_line_is_verified(
    log: Ledger, session: Session, verify: Verify, month: int, number: int, line_no: int
) -> None:
    proof = queries.inclusion_of(session, log.org_id, voucher_id(session, month, number), line_no)
    assert proof is not None
    code, said = verify(proof.as_json())
    assert code == 0, said
    assert f"charity-line/v1 CITY {month} 记 {number} {line_no}/2" in said


def test_a_donor_opens_what_the_donor_chooses(log: Ledger, session: Session, verify: Verify) -> None:
    key = voucher_id(session, 202601, 2)
    opened = queries.openings(read_voucher(session, log.org_id, key), 2, ["fund", "amount"])
    assert [(each.field, each.value) for each in opened] == [("amount", "credit:10000000"), ("fund", "F2")]
    proof = queries.inclusion_of(session, log.org_id, key, 2)
    assert proof is not None
    code, said = verify(proof.opened(opened).as_json())
    assert code == 0 and "amount = credit:10000000" in said
    wrong = proof.opened(opened).as_json() | {"openings": [["fund", "F1", opened[1].salt]]}
    assert verify(wrong)[0] == 1


def test_a_proof_without_openings_tells_nothing_of_the_line(log: Ledger, session: Session) -> None:
    proof = queries.inclusion_of(session, log.org_id, voucher_id(session, 202601, 2), 2)
    assert proof is not None
    text = json.dumps(proof.as_json(), ensure_ascii=False)
    record = read_voucher(session, log.org_id, voucher_id(session, 202601, 2))
    opened = queries.openings(record, 2, ["amount", "fund", "account", "summary"])
    # Nothing short: the two letters of a fund's code stand among random bytes by chance.
    secrets = {each.salt for each in opened} | {"credit:10000000", "医疗定向捐款", record.lines[1].salt.hex()}
    assert {"credit:10000000", "医疗定向捐款"} <= {each.value for each in opened}
    assert not any(secret in text for secret in secrets)


def test_a_field_that_does_not_exist_cannot_be_opened(log: Ledger, session: Session) -> None:
    record = read_voucher(session, log.org_id, voucher_id(session, 202601, 2))
    with pytest.raises(ValueError, match="no such field: colour"):
        queries.openings(record, 1, ["fund", "colour"])


def test_one_opening_betrays_no_other_salt(log: Ledger, session: Session) -> None:
    record = read_voucher(session, log.org_id, voucher_id(session, 202601, 2))
    salts = [each.salt for each in queries.openings(record, 1, FIELDS)]
    assert len(set(salts)) == len(FIELDS)
    assert record.lines[0].salt.hex() not in salts


def test_a_line_without_a_checkpoint_has_no_proof_yet(log: Ledger, session: Session, run: Run) -> None:
    log.post(GIFTS.replace("2026-01-0", "2026-03-0"))
    key = voucher_id(session, 202603, 1)
    assert queries.inclusion_of(session, log.org_id, key, 1) is None
    assert queries.lines_waiting(session, log.org_id) == 4
    run(log)
    assert queries.inclusion_of(session, log.org_id, key, 1) is not None
    assert queries.lines_waiting(session, log.org_id) == 0


def test_before_the_first_checkpoint_there_is_nothing(session: Session) -> None:
    org_id = open_books(session).org_id
    assert queries.inclusions_of(session, org_id, [(1, 1), (2, 1)]) == [None, None]
    assert queries.checkpoints(session, org_id) == queries.verifier_keys(session, org_id) == []
    assert queries.last_line(session, org_id) is None
    assert queries.consistency_of(session, org_id, 1, 2) is None
    assert list(queries.audit_package(session, org_id)) == []


@pytest.mark.parametrize(("number", "line_no"), [(9, 1), (1, 9)])
def test_an_unknown_line_has_no_proof(log: Ledger, session: Session, number: int, line_no: int) -> None:
    ref = LineRef(Month(2026, 1), "记", number, line_no)
    assert queries.proof_of(session, log.org_id, ref) is None


def test_another_org_s_voucher_has_no_proof(log: Ledger, session: Session) -> None:
    county = open_books(session, code="XJ", is_default=False)
    assert queries.inclusion_of(session, county.org_id, voucher_id(session, 202602, 1), 1) is None


def test_the_last_line_covered_is_the_example(log: Ledger, session: Session) -> None:
    assert str(queries.last_line(session, log.org_id)) == "2026-02 记-0001 (2)"


def test_the_newest_checkpoint_is_proved_to_contain_the_one_before(
    log: Ledger, session: Session, verify: Verify
) -> None:
    proof = queries.consistency_of(session, log.org_id, 5, 9)
    assert proof is not None
    code, said = verify(proof.as_json())
    assert code == 0, said
    assert "all 5 earlier leaves" in said


@pytest.mark.parametrize(("old", "size"), [(4, 9), (5, 10), (9, 5), (0, 9)])
def test_only_published_checkpoints_are_compared(log: Ledger, session: Session, old: int, size: int) -> None:
    assert queries.consistency_of(session, log.org_id, old, size) is None


def test_checkpoints_are_listed_with_their_keys(log: Ledger, session: Session) -> None:
    rows = queries.checkpoints(session, log.org_id)
    assert [(row.number, row.tree_size) for row in rows] == [(2, 9), (1, 5)]
    assert queries.verifier_keys(session, log.org_id) == [rows[0].key]
    assert rows[0].key.startswith("127.0.0.1:5000/proofs+")


def test_the_auditors_package_builds_the_whole_log_again(
    log: Ledger, session: Session, verify: Verify
) -> None:
    lines = list(queries.audit_package(session, log.org_id))
    code, said = verify(lines)
    assert code == 0, said
    assert "all 9 leaves" in said
    values = [row["openings"] for row in map(json.loads, lines) if "openings" in row]
    *lines_opened, month = sorted(values, key=len, reverse=True)
    assert len(lines_opened) == 6 and {len(opened) for opened in lines_opened} == {len(FIELDS)}
    assert [name for name, _, _ in month] == [
        "balance 1002 F2",
        "balance 1002 GEN",
        "balance 410101 GEN",
        "balance 410102 F2",
    ]
    assert verify([line.replace("10000000 0 10000000", "20000000 0 20000000") for line in lines])[0] == 1
    changed = [line.replace("credit:10000000", "credit:20000000") for line in lines]
    assert verify(changed)[0] == 1


def test_proofs_of_a_tree_of_several_tiles_are_verified(
    ledger: Ledger, session: Session, run: Run, verify: Verify
) -> None:
    """700 leaves: two full tiles, one partial, and a node level above them."""
    lines = "  贷 410101  1.00  GEN\n" * 698
    ledger.post(f"2026-01-05 众人捐款\n  借 1002@B1  698.00  GEN\n{lines}")
    run(ledger)
    ledger.post(GIFTS.replace("2026-01-0", "2026-02-0"))
    run(ledger)
    key = voucher_id(session, 202601, 1)
    proofs = queries.inclusions_of(session, ledger.org_id, [(key, n) for n in (1, 256, 257, 512, 699)])
    for proof in proofs:
        assert proof is not None
        code, said = verify(proof.as_json())
        assert code == 0, said
    consistency = queries.consistency_of(session, ledger.org_id, 700, 705)
    assert consistency is not None
    assert verify(consistency.as_json())[0] == 0
