"""What a voucher must be when it is sealed, as conditions of the database.

Each law of the books stands here a second time: the services refuse with a sentence,
these refuse whatever came past them. ``sealing`` makes one trigger of them. A condition
looks at the voucher's own lines, or at other rows by index; none walks the books.
"""

from __future__ import annotations

_OF_VOUCHER = "l.org_id = NEW.org_id AND l.voucher_id = NEW.id"

#: Lines of the voucher being sealed.
OWN = f"FROM ledger_voucher_line l WHERE {_OF_VOUCHER}"

_WITH_ACCOUNT = f"""FROM ledger_voucher_line l JOIN ledger_account a ON a.id = l.account_id
    WHERE {_OF_VOUCHER} AND NOT l.is_retag"""

#: Lines of the voucher being sealed, with what they name.
_LINES = f"""ledger_voucher_line l
    JOIN ledger_account a ON a.id = l.account_id
    LEFT JOIN ledger_fund f ON f.org_id = l.org_id AND f.id = l.fund_id
    LEFT JOIN ledger_earmark e ON e.org_id = l.org_id AND e.id = l.earmark_id
    LEFT JOIN ledger_money_place p ON p.org_id = l.org_id AND p.id = l.money_place_id
    WHERE {_OF_VOUCHER}"""

#: Guarded lines of the voucher, per kind of guard.
_GUARDED = f"""FROM ledger_voucher_line l
    JOIN ledger_fund f ON f.org_id = l.org_id AND f.id = l.fund_id
    JOIN ledger_guard_rule r ON r.guard = '{{guard}}' AND r.fund_kind = f.kind AND r.account_id = l.account_id
      AND r.from_on <= NEW.voucher_on AND COALESCE(r.until_on, NEW.voucher_on) >= NEW.voucher_on
    WHERE {_OF_VOUCHER}"""
MONEY = _GUARDED.format(guard="money")
STOCK = _GUARDED.format(guard="stock")

_TARGET = "COALESCE(NEW.reverses_id, NEW.corrects_id)"


def _unknown(column: str, table: str, more: str = "", own: str = "t.org_id = l.org_id AND ") -> str:
    """Return the condition that a line names a row that is not there, or another org's."""
    return f"""l.{column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {table} t
      WHERE {own}t.id = l.{column}{more})"""


#: Name → condition under which a line is refused; together they are one walk over the lines.
LINE_FAULTS: tuple[tuple[str, str], ...] = (
    # An account that is not there is refused by its key, a fund by its earmark, which names one.
    ("earmark unknown", "e.id IS NULL"),
    ("earmark of another fund", "e.fund_id <> l.fund_id"),
    ("account is a heading", "NOT a.is_postable"),
    ("account is split", "a.restriction = 'split'"),
    ("account before its first day", "a.from_on > NEW.voucher_on"),
    ("account after its last day", "a.until_on < NEW.voucher_on"),
    ("restricted account without a restricted fund", "a.restriction = 'yes' AND f.kind <> 'restricted'"),
    ("unrestricted account in a restricted fund", "a.restriction = 'no' AND f.kind <> 'general'"),
    ("agency apart from agency", "(a.restriction = 'agency') <> (f.kind = 'agency')"),
    ("money and its place", "a.is_money <> (p.id IS NOT NULL)"),
    ("place that is not there", "l.money_place_id IS NOT NULL AND p.id IS NULL"),
    (
        "account of another place",
        "p.id IS NOT NULL AND l.account_id <> p.account_id"
        " AND l.account_id <> COALESCE(p.agency_account_id, 0)",
    ),
    ("date of the line", "l.voucher_on <> NEW.voucher_on"),
    ("month of the line", "l.month <> NEW.month"),
    ("re-tag on what is no money", "l.is_retag AND NOT a.is_money"),
    (
        "net-asset change unnamed",
        "a.code IN ('3101', '3102', '320101', '320102') AND NEW.kind NOT IN ('closing', 'opening')"
        " AND l.net_asset_change IS NULL",
    ),
    (
        # Carrying forward moves income, expense and net assets, and nothing else.
        "closing beyond income and expense",
        "NEW.kind = 'closing' AND a.kind NOT IN ('income', 'expense', 'net_asset')",
    ),
    ("fund not open yet", "f.opened_on > NEW.voucher_on"),
    # What is closed still carries forward, and an error found later is still put right.
    ("fund closed", "f.closed_on < NEW.voucher_on AND NEW.kind IN ('normal', 'opening')"),
    ("earmark ended", "e.until_on < NEW.voucher_on AND NEW.kind IN ('normal', 'opening')"),
    ("place closed", "p.closed_on < NEW.voucher_on AND NEW.kind IN ('normal', 'opening')"),
    ("designation unknown", _unknown("designation_id", "ledger_designation")),
    ("project unknown", _unknown("project_id", "ledger_project_tag")),
    ("party unknown", _unknown("party_id", "ledger_party")),
    ("first dimension unknown", _unknown("dimension1_id", "ledger_dimension_value", " AND t.slot = 1")),
    ("second dimension unknown", _unknown("dimension2_id", "ledger_dimension_value", " AND t.slot = 2")),
    ("cash-flow item unknown", _unknown("cash_flow_item_id", "ledger_cash_flow_item", own="")),
    ("unit unknown", _unknown("place_id", "places_unit", own="")),
    ("federation unknown", _unknown("counterparty_org_id", "places_org", own="")),
)


def line_unsound(faults: tuple[tuple[str, str], ...] = LINE_FAULTS) -> str:
    """Return the condition that any line of the voucher has one of the faults."""
    either = "\n      OR ".join(f"({condition})" for _, condition in faults)
    return f"EXISTS (SELECT 1 FROM {_LINES}\n    AND ({either}))"


#: What makes two lines of a voucher and its corrections the same line, beside account, fund and side.
_KEY = ", ".join(
    f"{{+}}l.{column}"
    for column in (
        "account_id, fund_id, earmark_id, designation_id, project_id, source_kind, source_id, source_step,"
        " money_place_id, place_id, party_id, counterparty_org_id, activity_class, cash_flow_item_id,"
        " quantity_milli, unit, beneficiary_code, net_asset_change, dimension1_id, dimension2_id"
    ).split(", ")
)

#: An opening in a series of its own takes no number of the year's words.
OPENING_SERIES = "(NEW.kind = 'opening' AND NEW.word IN ('期初', '前期'))"

#: Own money in hand: neither agency money nor what a platform has not paid out yet.
_OWN_MONEY = "(a.is_money AND a.restriction <> 'agency' AND a.code <> '100901')"


def _count(condition: str) -> str:
    """Return how many lines meet a condition."""
    return f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)"


def _unnamed_flow(side: str, other: str) -> str:
    """Return whether own money on a side has no cash-flow item though the other side is no own money."""
    bare = _count(f"{_OWN_MONEY} AND l.cash_flow_item_id IS NULL AND l.{side} <> 0")
    return f"({bare} > 0 AND {_count(f'NOT {_OWN_MONEY} AND l.{other} <> 0')} > 0)"


#: Code → condition under which a voucher is refused; ``{…}`` parts differ between databases.
CHECKS: tuple[tuple[str, str], ...] = (
    (
        "voucher_exists",
        # Three look-ups by index: an OR over them would walk all vouchers of the org.
        """EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.id = NEW.id)
    OR EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id
      AND v.idempotency_key = NEW.idempotency_key)
    OR EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id
      AND v.month = NEW.month AND v.word = NEW.word AND v.number = NEW.number)""",
    ),
    (
        "period_closed",
        """NOT EXISTS (SELECT 1 FROM ledger_voucher_counter c WHERE c.org_id = NEW.org_id
    AND c.month = NEW.month AND c.word = NEW.word AND c.is_open AND c.last_no >= NEW.number)""",
    ),
    (
        "number_not_next",
        """NEW.number <> 1 + (SELECT COALESCE(MAX(v.number), 0) FROM ledger_voucher v
    WHERE v.org_id = NEW.org_id AND v.month = NEW.month AND v.word = NEW.word)""",
    ),
    (
        "date_out_of_order",
        """EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.month = NEW.month
    AND v.word = NEW.word AND v.number = NEW.number - 1 AND v.voucher_on > NEW.voucher_on)""",
    ),
    ("date_outside_month", "NEW.month <> {month_of_date} AND NOT (NEW.month = {year_13} AND {is_last_day})"),
    (
        # 记, or derived from the lines of money where the year keeps three words.
        "word_not_derived",
        f"""NOT {OPENING_SERIES} AND NEW.word <> CASE
    WHEN (SELECT y.words FROM ledger_book_year y WHERE y.org_id = NEW.org_id
      AND y.year = NEW.month / 100) = 'three'
    THEN (SELECT CASE WHEN COUNT(*) = 0 THEN '转' WHEN {_count("l.debit_fen = 0")} = 0 THEN '收' ELSE '付' END
      {_WITH_ACCOUNT} AND a.is_money)
    ELSE '记' END""",
    ),
    (
        "opening_late",
        # 期初 begins the books in their first month; 前期 brings the months passed, before
        # any voucher of these books.
        """NEW.kind = 'opening' AND ((NEW.word <> '前期' AND NEW.month <> (SELECT MIN(q.month)
      FROM ledger_period q WHERE q.org_id = NEW.org_id))
    OR (NEW.word = '前期' AND EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id
      AND v.kind <> 'opening')))""",
    ),
    (
        "rule_not_approved",
        """NEW.posting_rule_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger_posting_rule r
    WHERE r.org_id = NEW.org_id AND r.id = NEW.posting_rule_id AND r.approved_at IS NOT NULL
      AND r.from_on <= NEW.voucher_on)""",
    ),
    (
        "voucher_lines_missing",
        f"(SELECT COUNT(*) <> NEW.line_count OR MAX(l.line_no) <> NEW.line_count {OWN})",
    ),
    (
        "voucher_unbalanced",
        f"""(SELECT SUM(l.debit_fen) <> SUM(l.credit_fen)
      OR SUM(CASE WHEN l.is_retag THEN 0 ELSE l.debit_fen END) <> NEW.total_fen
      OR SUM(CASE WHEN l.is_retag THEN 0 ELSE l.credit_fen END) <> NEW.total_fen {OWN})""",
    ),
    (
        "fund_unbalanced",
        f"""EXISTS (SELECT 1 {OWN} GROUP BY {{+}}l.fund_id, {{+}}l.earmark_id
    HAVING SUM(l.debit_fen) <> SUM(l.credit_fen))""",
    ),
    (
        "colour_mixed",
        f"""EXISTS (SELECT 1 {OWN} AND ((NEW.colour = 'blue' AND (l.debit_fen < 0 OR l.credit_fen < 0))
    OR (NEW.colour = 'red' AND (l.debit_fen > 0 OR l.credit_fen > 0))))""",
    ),
    (
        # A difference belongs to its original; opening and closing vouchers are not corrected.
        "target_not_blue",
        f"""{_TARGET} IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.id = {_TARGET}
      AND v.colour = 'blue' AND v.kind IN ('normal', 'correction') AND v.corrects_id IS NULL)""",
    ),
    (
        # An error of a past year goes through 3201 in blue.
        "correction_prior_year",
        f"""EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.id = {_TARGET}
    AND v.month / 100 <> NEW.month / 100)""",
    ),
    (
        # Line for line: nothing goes below zero, and nothing is left of what was reversed.
        "correction_stale",
        f"""{_TARGET} IS NOT NULL AND EXISTS (SELECT 1
    FROM ledger_voucher_line l WHERE l.org_id = NEW.org_id AND NOT l.is_retag
      AND l.voucher_id IN (SELECT NEW.id UNION ALL SELECT {_TARGET}
        UNION ALL SELECT v.id FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.corrects_id = {_TARGET}
        UNION ALL SELECT v.id FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.reverses_id = {_TARGET})
    GROUP BY {_KEY}, l.debit_fen <> 0
    HAVING SUM(l.debit_fen + l.credit_fen) < 0 OR (SUM(l.debit_fen + l.credit_fen) > 0
      AND (NEW.reverses_id IS NOT NULL OR EXISTS (SELECT 1 FROM ledger_voucher v
        WHERE v.org_id = NEW.org_id AND v.reverses_id = {_TARGET}))))""",
    ),
    ("line_unsound", line_unsound()),
    (
        "cash_flow_missing",
        f"""NEW.kind IN ('normal', 'correction') AND (SELECT {_unnamed_flow("debit_fen", "credit_fen")}
      OR {_unnamed_flow("credit_fen", "debit_fen")} {_WITH_ACCOUNT})""",
    ),
    (
        "retag_unbalanced",
        f"""EXISTS (SELECT 1 {OWN} AND l.is_retag GROUP BY {{+}}l.account_id, {{+}}l.money_place_id
    HAVING SUM(l.debit_fen) <> SUM(l.credit_fen))""",
    ),
    (
        "cashier_missing",
        f"""NEW.cashier_id IS NULL AND NEW.kind IN ('normal', 'correction')
    AND EXISTS (SELECT 1 {_WITH_ACCOUNT} AND a.is_money)""",
    ),
    (
        "attachment_missing",
        """NEW.attachment_count <> (SELECT COUNT(*) FROM ledger_voucher_attachment t
      WHERE t.org_id = NEW.org_id AND t.voucher_id = NEW.id)
    OR (NEW.attachment_count = 0 AND NEW.kind = 'normal')""",
    ),
    (
        # The voucher that settles a hold takes its money from that purse, and no more than was held.
        "hold_mismatched",
        f"""EXISTS (SELECT 1 FROM ledger_hold_event x
    JOIN ledger_hold h ON h.org_id = x.org_id AND h.id = x.hold_id
    WHERE x.org_id = NEW.org_id AND x.voucher_id = NEW.id
      AND NOT COALESCE((SELECT SUM(l.debit_fen - l.credit_fen) {MONEY} AND l.fund_id = h.fund_id
        AND l.earmark_id = h.earmark_id) BETWEEN -h.amount_fen AND -1, {{false}}))""",
    ),
    (
        "fund_frozen",
        f"""NEW.kind <> 'correction' AND EXISTS (SELECT 1
    {MONEY} AND EXISTS (SELECT 1 FROM ledger_fund_guard g WHERE g.org_id = l.org_id
      AND g.fund_id = l.fund_id AND g.earmark_id = l.earmark_id AND g.incident_id IS NOT NULL)
    GROUP BY {{+}}l.fund_id, {{+}}l.earmark_id HAVING SUM(l.debit_fen - l.credit_fen) < 0)""",
    ),
)

#: Code → condition under which a line is refused before its voucher is there.
LINE_CHECKS: tuple[tuple[str, str], ...] = (
    (
        "voucher_sealed",
        """EXISTS (SELECT 1 FROM ledger_voucher v WHERE v.org_id = NEW.org_id AND v.id = NEW.voucher_id)
    OR EXISTS (SELECT 1 FROM ledger_voucher_line l WHERE l.org_id = NEW.org_id
      AND l.voucher_id = NEW.voucher_id AND l.line_no = NEW.line_no)""",
    ),
)
