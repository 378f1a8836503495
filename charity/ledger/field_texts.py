"""The texts a posted voucher is committed to, field by field.

Posting makes them, reading makes them again from what is stored; both must come to the
same bytes for as long as the books stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from charity.ledger.rules import DraftLine


def header_values(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the committed texts of links, signers and kind of a header.

    Args:
        row: columns of ``ledger_voucher``; instants as stored.
    """
    links = f"{row['reverses_id'] or ''}|{row['corrects_id'] or ''}|{row['set_id'] or ''}|{row['ref']}"
    people = (row["maker_id"], row["reviewer_id"] or "", row["cashier_id"] or "", row["poster_id"])
    times = (row["made_at"], row["reviewed_at"], row["signed_at"], row["posted_at"])
    signers = "|".join(str(person) for person in people)
    signers += "|" + "|".join(time.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if time else "" for time in times)
    return links, signers, f"{row['kind']}/{row['colour']}"


def line_values(
    line: DraftLine,
    on: date,
    party: str,
    header: tuple[str, str, str],
    attachments: str,
    place: str,
) -> list[str]:
    """Return the committed texts of one line, in the order of ``commitments.FIELDS``.

    Args:
        line: with the summary it is stored with.
        party: public number of the party.
        header: from :func:`header_values`.
        attachments: hashes at posting, joined with commas.
        place: inner id of the voucher and line k of n; it is never opened.
    """
    links, signers, kind = header
    side, fen = ("debit", line.debit_fen) if line.debit_fen else ("credit", line.credit_fen)
    source = f"{line.source_kind}/{line.source_id or ''}/{line.source_step or ''}" if line.source_kind else ""
    quantity = "" if line.quantity_milli is None else f"{line.quantity_milli} {line.unit}"
    dimensions = f"{line.dimension1}|{line.dimension2}" if line.dimension1 or line.dimension2 else ""
    return [
        on.isoformat(),
        kind,
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
        links,
        signers,
        attachments,
        place,
    ]
