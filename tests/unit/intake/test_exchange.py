"""OFX, MT940 and camt.053: read exactly, in lines that people can find, or refused with one."""

from __future__ import annotations

from datetime import date

import pytest

from charity.intake.exchange import format_of
from charity.intake.read import ParsedFile, read_file
from tests.unit.intake.refusing import assert_refused

HEAD = ":20:A\r\n:25:9999/99990000000000000011\r\n:28C:1/1\r\n:60F:C261118CNY1000,00\r\n"
TAIL = ":62F:C261118CNY%s\r\n-\r\n"


def mt940(*entries: str, closing: str = "1000,00", head: str = HEAD) -> bytes:
    return (head + "".join(f"{entry}\r\n" for entry in entries) + TAIL % closing).encode()


def read(data: bytes) -> ParsedFile:
    return read_file(data, "x")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"OFXHEADER:100\r\nDATA:OFXSGML\r\n<OFX>", "ofx"),
        (b'<?xml version="1.0"?><?OFX OFXHEADER="200"?><OFX>', "ofx"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Document xmlns="urn:iso:tech:xsd:camt.053.001.02">', "camt053"),
        (b"{1:F01BANKCNBJ0000000000}{4:\r\n:20:1\r\n:25:1\r\n", "mt940"),
        (b":60F:C100318EUR380115,12\r\n", "mt940"),
        ("交易日期,金额\r\n".encode(), ""),
        (b"<html><table>", ""),
    ],
)  # fmt: skip
def test_a_format_is_told_by_its_first_bytes(data: bytes, kind: str) -> None:
    assert format_of(data) == kind


@pytest.mark.parametrize(("text", "fen"), [("6800,", 680_000), ("620,3", 62_030), ("0,01", 1), ("1,10", 110)])
def test_amounts_of_mt940_are_exact(text: str, fen: int) -> None:
    row = read(mt940(f":61:2611181118C{text}NTRFNONREF//B1", closing="0,00")).rows[0]
    assert (row.amount_fen, row.is_credit, row.reference) == (fen, True, "B1")


def test_half_a_fen_stands_at_its_row() -> None:
    row = read(mt940(":61:261118C1,005NTRFNONREF")).rows[0]
    assert [problem.code for problem in row.problems] == ["amount_too_fine"]


def test_a_row_has_the_number_of_its_line_and_the_balance_after_it() -> None:
    parsed = read(
        mt940(
            ":61:2611181118C500,00NTRFNONREF//B1",
            ":86:166?00转账?20捐款 医疗?31999900?32苏禾青",
            ":61:2611181119D20,00NCHGNONREF//B2",
            closing="1480,00",
        )
    )
    assert parsed.problems == ()
    assert [(row.row_no, row.signed_fen, row.balance_fen) for row in parsed.rows] == [
        (5, 50_000, 150_000),
        (7, -2_000, 148_000),
    ]
    gift, fee = parsed.rows
    assert (gift.counterparty_name, gift.counterparty_account, gift.remark) == (
        "苏禾青",
        "999900",
        "捐款 医疗",
    )
    assert (fee.kind_hint, fee.occurred_on) == ("fee", date(2026, 11, 19))
    assert parsed.own_account == "99990000000000000011"


def test_a_statement_whose_rows_do_not_make_its_balances_is_not_booked() -> None:
    parsed = read(mt940(":61:261118C1,00NTRFNONREF", closing="1002,00"))
    assert [problem.code for problem in parsed.problems] == ["statement_differs"]
    assert "line 1" in parsed.problems[0].sentence()
    assert not parsed.is_bookable


def test_a_missing_statement_between_two_breaks_the_running_balance() -> None:
    second = HEAD.replace("1000,00", "5000,00")
    data = mt940(":61:261118C1,00NTRFNONREF//1", closing="1001,00") + mt940(
        ":61:261119C2,00NTRFNONREF//2", closing="5002,00", head=second
    )
    assert [problem.code for problem in read(data).problems] == ["balance_broken"]


def test_a_reversal_goes_the_other_way_and_a_returned_transfer_says_so() -> None:
    rows = read(
        mt940(
            ":61:261118RC5,00NTRFNONREF//1", ":61:261118RD5,00NTRFNONREF//2", ":61:261118C3,00NRTINONREF//3",
            closing="1003,00",
        )
    ).rows  # fmt: skip
    assert [(row.signed_fen, row.kind_hint) for row in rows] == [
        (-500, "transfer_back"),
        (500, "transfer_back"),
        (300, "transfer_back"),
    ]


@pytest.mark.parametrize(
    ("value", "entry", "day"),
    [
        ("260230", "0301", date(2026, 3, 1)),
        ("261231", "0102", date(2027, 1, 2)),
        ("270101", "1231", date(2026, 12, 31)),
        ("261118", "", date(2026, 11, 18)),
    ],
)
def test_the_booking_day_counts_and_finds_its_year(value: str, entry: str, day: date) -> None:
    assert read(mt940(f":61:{value}{entry}C1,00NTRFNONREF", closing="1001,00")).rows[0].occurred_on == day


def test_words_between_strokes_name_the_other_side() -> None:
    details = ":86:/NAME/陆知遥/ACCT/99991234/REMI/捐赠 急难\r\n救助"
    row = read(mt940(":61:261118C1,00NTRFNONREF", details, closing="1001,00")).rows[0]
    assert (row.counterparty_name, row.counterparty_account, row.remark) == (
        "陆知遥",
        "99991234",
        "捐赠 急难救助",
    )


def test_a_colon_inside_a_text_begins_no_field() -> None:
    details = ":86:106?20EREF+1?24/PL 12-09-2014T16\r\n:26:37 Fo?25lgenr. 007"
    row = read(mt940(":61:261118D1,00NTRFNONREF", details, closing="999,00")).rows[0]
    assert "T16:26:37" in row.remark


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (HEAD.encode(), "statement_cut_off", 1),
        (mt940(":61:261118X1,00NTRF"), "statement_movement_unreadable", 5),
        (mt940(":61:261118C1.00NTRF"), "statement_movement_unreadable", 5),
        (mt940() + b":61:261118C1,00NTRFNONREF\r\n", "statement_entry_outside", 7),
        (HEAD.replace("CNY1000,00", "CNY1.000,00").encode(), "statement_balance_unreadable", 4),
        (b":60F:C261118CNY1,00\r\n", "statement_entry_outside", 1),
    ],
)
def test_a_bad_mt940_is_refused_with_its_line(data: bytes, code: str, line: int) -> None:
    with assert_refused(code) as problem:
        read(data)
    assert problem[0].params["line"] == line


OFX = """OFXHEADER:100
DATA:OFXSGML

<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS>
<CURDEF>%(currency)s
<BANKACCTFROM><BANKID>1<ACCTID>99990011</BANKACCTFROM>
<BANKTRANLIST>
<STMTTRN><TRNTYPE>%(type)s<DTPOSTED>%(day)s
<TRNAMT>%(amount)s
<FITID>F1<NAME>苏禾青 &amp; 友<MEMO>捐款
</STMTTRN>%(more)s
</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""


def ofx(**values: str) -> bytes:
    usual = {"currency": "CNY", "type": "CREDIT", "day": "20261118", "amount": "12.50", "more": ""}
    return (OFX % (usual | values)).encode()


@pytest.mark.parametrize(
    ("amount", "signed_fen"), [("12.50", 1_250), ("-12,5", -1_250), ("+3", 300), ("1000000.00", 100_000_000)]
)
def test_amounts_of_ofx_are_exact(amount: str, signed_fen: int) -> None:
    assert read(ofx(amount=amount)).rows[0].signed_fen == signed_fen


def test_an_ofx_row_says_all_that_it_names() -> None:
    row = read(ofx(day="20261118093000.000[+8:CST]", type="CREDIT")).rows[0]
    assert (row.row_no, row.counterparty_name, row.remark) == (8, "苏禾青 & 友", "捐款")
    assert (row.reference, row.own_account) == ("F1", "99990011")
    assert str(row.occurred_at) == "2026-11-18 09:30:00"
    assert read(ofx(type="INT")).rows[0].kind_hint == "interest"
    assert read(ofx(type="FEE", amount="-1.00")).rows[0].kind_hint == "fee"


def test_a_number_that_stands_twice_is_asked_about() -> None:
    again = (
        "\n<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20261118<TRNAMT>12.50<FITID>F1<NAME>苏禾青 &amp; 友</STMTTRN>"
    )
    first, second = read(ofx(more=again)).rows
    assert first.problems == ()
    assert ([problem.code for problem in second.problems], second.is_bookable) == (["row_twice"], True)
    assert first.line_hash != second.line_hash


def test_another_currency_is_not_booked() -> None:
    row = read(ofx(currency="USD")).rows[0]
    assert [problem.code for problem in row.problems] == ["row_currency_foreign"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (ofx()[:-8], "statement_cut_off"),
        (ofx().replace(b"</STMTTRN>", b""), "statement_cut_off"),
        (ofx(more="<STMTTRN><TRNTYPE>CREDIT"), "statement_cut_off"),
        (ofx(amount="1.000,00"), "statement_amount_unreadable"),
        (ofx(amount=""), "statement_amount_unreadable"),
        (ofx(day="2026-11-18"), "statement_day_unreadable"),
        (b"OFXHEADER:100\n<OFX><STMTTRN><TRNAMT>1</STMTTRN></OFX>", "statement_entry_outside"),
        (b"OFXHEADER:100\n<OFX></OFX>", "statement_empty"),
        (b'<?OFX OFXHEADER="200"?><!DOCTYPE x [<!ENTITY a "b">]>' + ofx(), "file_unreadable"),
    ],
)
def test_a_bad_ofx_is_refused(data: bytes, code: str) -> None:
    with assert_refused(code):
        read(data)


ENTRY = (
    '<Ntry><Amt Ccy="CNY">%(amount)s</Amt><CdtDbtInd>%(side)s</CdtDbtInd>%(flags)s<Sts>%(state)s</Sts>'
    "<BookgDt><Dt>2026-11-18</Dt></BookgDt><AcctSvcrRef>%(ref)s</AcctSvcrRef>%(details)s</Ntry>\n"
)


def entry(amount: str, side: str = "CRDT", **values: str) -> str:
    usual = {"state": "BOOK", "ref": "R1", "details": "", "flags": ""}
    return ENTRY % (usual | {"amount": amount, "side": side} | values)


def camt(
    *entries: str, opening: str = "100.00", closing: str = "100.00", summary: str = "", head: str = ""
) -> bytes:
    balances = "".join(
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{amount}</Amt>'
        "<CdtDbtInd>CRDT</CdtDbtInd></Bal>"
        for code, amount in (("OPBD", opening), ("CLBD", closing))
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>\n'
        f"<Stmt><Acct><Id><Othr><Id>99990011</Id></Othr></Id></Acct>{balances}{summary}\n"
        f"{''.join(entries)}</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def test_a_camt_entry_is_a_row_at_its_line() -> None:
    details = (
        "<NtryDtls><TxDtls><RltdPties><Dbtr><Nm>苏禾青</Nm></Dbtr><DbtrAcct><Id><Othr><Id>9999</Id></Othr></Id>"
        "</DbtrAcct></RltdPties><RmtInf><Ustrd>捐款</Ustrd><Ustrd>医疗</Ustrd></RmtInf></TxDtls></NtryDtls>"
    )
    parsed = read(camt(entry("5.00", details=details), entry("2.00", "DBIT", ref="R2"), closing="103.00"))
    assert parsed.problems == ()
    assert [(row.row_no, row.signed_fen, row.balance_fen) for row in parsed.rows] == [
        (4, 500, 10_500),
        (5, -200, 10_300),
    ]
    assert (parsed.rows[0].counterparty_name, parsed.rows[0].remark) == ("苏禾青", "捐款 医疗")


def test_a_movement_of_several_payments_is_a_row_for_each() -> None:
    part = '<TxDtls><Refs><TxId>%s</TxId></Refs><Amt Ccy="CNY">%s</Amt></TxDtls>'
    whole = f"<NtryDtls>{part % ('T1', '3.00')}\n{part % ('T2', '2.00')}</NtryDtls>"
    rows = read(camt(entry("5.00", details=whole), closing="105.00")).rows
    assert [(row.amount_fen, row.reference) for row in rows] == [(300, "T1"), (200, "T2")]
    short = f"<NtryDtls>{part % ('T1', '3.00')}\n{part % ('T2', '1.00')}</NtryDtls>"
    assert [row.amount_fen for row in read(camt(entry("5.00", details=short), closing="105.00")).rows] == [
        500
    ]


def test_a_pending_movement_is_no_money_yet() -> None:
    parsed = read(camt(entry("5.00", state="PDNG"), entry("1.00", state="<Cd>BOOK</Cd>"), closing="101.00"))
    assert [row.amount_fen for row in parsed.rows] == [100]


def test_a_reversal_is_a_transfer_back() -> None:
    row = read(camt(entry("5.00", flags="<RvslInd>true</RvslInd>"), closing="105.00")).rows[0]
    assert row.kind_hint == "transfer_back"


def test_the_summary_of_a_camt_is_compared() -> None:
    summary = (
        "<TxsSummry><TtlNtries><NbOfNtries>2</NbOfNtries></TtlNtries>"
        "<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>6.00</Sum></TtlCdtNtries></TxsSummry>"
    )
    parsed = read(camt(entry("5.00"), closing="105.00", summary=summary))
    assert [problem.code for problem in parsed.problems] == ["total_count_differs", "total_in_differs"]


_BILLION = '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (camt(head=_BILLION), "markup_doctype"),
        (camt(head='<!DOCTYPE a SYSTEM "file:///etc/passwd">'), "markup_doctype"),
        (camt(entry("5.00"))[:-30], "markup_damaged"),
        (camt("<a>" * 60 + "</a>" * 60), "markup_damaged"),
        (camt(entry("5,00")), "statement_amount_unreadable"),
        (camt(entry("5.00", "IN")), "statement_direction_unreadable"),
        (
            camt(summary="<TxsSummry><TtlNtries><NbOfNtries>x</NbOfNtries></TtlNtries></TxsSummry>"),
            "statement_count_unreadable",
        ),
        (camt().replace(b"BkToCstmrStmt", b"BkToCstmrDbtCdtNtfctn"), "statement_other_message"),
        (camt().replace(b"BkToCstmrStmt", b"BkToCstmrAcctRpt"), "statement_other_message"),
        (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"/>', "statement_empty"),
    ],
)
def test_a_bad_camt_is_refused(data: bytes, code: str) -> None:
    with assert_refused(code) as problem:
        read(data)
    assert problem[0].sentence()


def test_a_minified_file_has_a_number_for_each_row() -> None:
    data = camt(entry("1.00"), entry("2.00", ref="R2"), closing="103.00").replace(b"\n", b"")
    assert [row.row_no for row in read(data).rows] == [2, 3]


def _many(row: bytes, count: int) -> bytes:
    return row * count


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"OFXHEADER:100\n<OFX>" + b"\n" * (33 * 2**20), "file_too_large"),
        (
            HEAD.encode() + _many(b":61:261118C1,00NTRFNONREF\n", 200_001) + (TAIL % "1,00").encode(),
            "rows_too_many",
        ),
        (mt940(":61:261118C1,00NTRFNONREF", ":86:" + "x" * 6_000, closing="1001,00"), "cell_too_long"),
        (camt("<Ntry>" + "<a/>" * 100_001 + "</Ntry>"), "markup_damaged"),
    ],
    ids=["bytes", "rows", "cell", "elements"],
)
def test_a_file_that_costs_too_much_is_refused_early(data: bytes, code: str) -> None:
    with assert_refused(code):
        read(data)
