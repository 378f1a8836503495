"""The texts a posted voucher is committed to, field by field.

Posting makes them, reading makes them again from what is stored; both must come to the
same bytes for as long as the books stand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from charity.ledger.rules import DraftLine

#: Columns of a header that no other committed text holds; month, word and number stand in
#: the leaf, and the number is given after the lines are written.
_REST = ("total_fen", "posting_rule_id", "batch_id", "idempotency_key", "request_sha256", "summary")


class HeaderTexts(NamedTuple):
    """The committed texts of a header, the same for each of its lines.

    Attributes:
        links: what it reverses, corrects and belongs to.
        signers: who made, changed, reviewed, signed and posted it, and when.
        kind: kind and colour.
        rest: what else the header says; stands in the field that is never opened.
    """

    links: str
    signers: str
    kind: str
    rest: str


def header_values(row: Mapping[str, Any]) -> HeaderTexts:
    """Return the committed texts of a header.

    Args:
        row: columns of ``ledger_voucher``; instants as stored.
    """
    links = f"{row['reverses_id'] or ''}|{row['corrects_id'] or ''}|{row['set_id'] or ''}|{row['ref']}"
    people = (row["maker_id"], row["reviewer_id"] or "", row["cashier_id"] or "", row["poster_id"])
    times = (row["made_at"], row["reviewed_at"], row["signed_at"], row["posted_at"])
    signers = "|".join(str(person) for person in people)
    signers += "|" + "|".join(time.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if time else "" for time in times)
    signers += f"|{row['makers']}"
    rest = [row[name] for name in _REST]
    kind = f"{row['kind']}/{row['colour']}"
    return HeaderTexts(links, signers, kind, json.dumps(rest, ensure_ascii=False, separators=(",", ":")))


def line_values(
    line: DraftLine,
    on: date,
    party: str,
    header: HeaderTexts,
    attachments: str,
    place: str,
) -> list[str]:
    """Return the committed texts of one line, in the order of ``commitments.FIELDS``.

    Args:
        line: with the summary it is stored with.
        party: public number of the party.
        header: from :func:`header_values`.
        attachments: hashes at posting, joined with commas.
        place: inner id of the voucher and line k of n; with the rest of the header it is
            never opened.
    """
    side, fen = ("debit", line.debit_fen) if line.debit_fen else ("credit", line.credit_fen)
    source = f"{line.source_kind}/{line.source_id or ''}/{line.source_step or ''}" if line.source_kind else ""
    quantity = "" if line.quantity_milli is None else f"{line.quantity_milli} {line.unit}"
    dimensions = f"{line.dimension1}|{line.dimension2}" if line.dimension1 or line.dimension2 else ""
    return [
        on.isoformat(),
        header.kind,
        line.summary,
        line.account,
        f"{side}:{fen}",
        line.fund,
        line.earmark,
        line.designation,
        line.project,
        source,
        line.money_place,
        "" if line.place_id is None else str(line.place_id),
        party,
        "" if line.counterparty_org_id is None else str(line.counterparty_org_id),
        line.activity_class,
        line.cash_flow,
        quantity,
        "1" if line.is_retag else "0",
        line.beneficiary_code,
        dimensions,
        line.net_asset_change,
        header.links,
        header.signers,
        attachments,
        f"{place} {header.rest}",
    ]
