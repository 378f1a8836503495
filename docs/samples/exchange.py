"""Statements in the exchange formats of banks: OFX 1 and 2, MT940, camt.053."""

from __future__ import annotations

from xml.sax.saxutils import escape

from banks import Movement, with_balances
from common import yuan
from forms import OPENING, WEEK

ACCOUNT = "99990000000000000011"


def _fitid(item: Movement) -> str:
    return f"HD{item.at:%Y%m%d%H%M%S}"


def _memo(item: Movement) -> str:
    return " ".join(filter(None, item.words))


def ofx1() -> bytes:
    """OFX 1 in SGML: elements without an end, GBK, a decimal comma in one amount."""
    lines = [
        "OFXHEADER:100", "DATA:OFXSGML", "VERSION:102", "SECURITY:NONE", "ENCODING:USASCII", "CHARSET:936",
        "COMPRESSION:NONE", "OLDFILEUID:NONE", "NEWFILEUID:NONE", "", "<OFX>", "<SIGNONMSGSRSV1>", "<SONRS>",
        "<STATUS>", "<CODE>0", "<SEVERITY>INFO", "</STATUS>", "<DTSERVER>20261121080000[+8:CST]",
        "<LANGUAGE>CHS", "</SONRS>", "</SIGNONMSGSRSV1>", "<BANKMSGSRSV1>", "<STMTTRNRS>", "<TRNUID>1",
        "<STMTRS>", "<CURDEF>CNY", "<BANKACCTFROM>", "<BANKID>9999", f"<ACCTID>{ACCOUNT}",
        "<ACCTTYPE>CHECKING", "</BANKACCTFROM>", "<BANKTRANLIST>", "<DTSTART>20261118", "<DTEND>20261121",
    ]  # fmt: skip
    for place, item in enumerate(WEEK):
        amount = yuan(item.fen).replace(".", ",") if place == 1 else yuan(item.fen)
        lines += ["<STMTTRN>", f"<TRNTYPE>{_kind(item)}", f"<DTPOSTED>{item.at:%Y%m%d%H%M%S}[+8:CST]"]
        lines += [f"<TRNAMT>{amount}", f"<FITID>{_fitid(item)}"]
        lines += [f"<NAME>{item.name}"] if item.name else []
        lines += [f"<MEMO>{_memo(item)}", "</STMTTRN>"]
    closing = OPENING + sum(item.fen for item in WEEK)
    lines += [
        "</BANKTRANLIST>",
        "<LEDGERBAL>",
        f"<BALAMT>{yuan(closing)}",
        "<DTASOF>20261121",
        "</LEDGERBAL>",
    ]
    lines += ["</STMTRS>", "</STMTTRNRS>", "</BANKMSGSRSV1>", "</OFX>"]
    return "\r\n".join(lines).encode("gb18030") + b"\r\n"


def _kind(item: Movement) -> str:
    if item.words[0] == "结息":
        return "INT"
    if item.words[0] == "手续费":
        return "FEE"
    return "CREDIT" if item.fen > 0 else "DEBIT"


def ofx2() -> bytes:
    """OFX 2 in XML, with an account of the other side."""
    rows = []
    for item in WEEK:
        side = "FROM" if item.fen > 0 else "TO"
        party = f"<NAME>{escape(item.name)}</NAME>" if item.name else ""
        party += f"<BANKACCT{side}><ACCTID>{item.account}</ACCTID></BANKACCT{side}>" if item.account else ""
        rows.append(
            f"      <STMTTRN>\n        <TRNTYPE>{_kind(item)}</TRNTYPE>"
            f"<DTPOSTED>{item.at:%Y%m%d%H%M%S}.000[+8:CST]</DTPOSTED>\n"
            f"        <TRNAMT>{yuan(item.fen)}</TRNAMT><FITID>{_fitid(item)}</FITID>{party}"
            f"<MEMO>{escape(_memo(item))}</MEMO>\n      </STMTTRN>\n"
        )
    closing = yuan(OPENING + sum(item.fen for item in WEEK))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>\n'
        "<OFX><BANKMSGSRSV1><STMTTRNRS><TRNUID>1</TRNUID><STMTRS><CURDEF>CNY</CURDEF>\n"
        f"  <BANKACCTFROM><BANKID>9999</BANKID><ACCTID>{ACCOUNT}</ACCTID>"
        "<ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM>\n    <BANKTRANLIST>\n"
        f"{''.join(rows)}    </BANKTRANLIST>\n    <LEDGERBAL><BALAMT>{closing}</BALAMT>"
        "<DTASOF>20261121</DTASOF></LEDGERBAL>\n</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    ).encode()


def _swift(fen: int) -> str:
    return yuan(abs(fen)).replace(".", ",").removesuffix("00")


def mt940() -> bytes:
    """MT940: two statements of one account, the second one's free text between strokes."""
    lines: list[str] = []
    balance = OPENING
    for page, part in enumerate((WEEK[:4], WEEK[4:]), 1):
        lines += [f":20:HD2611{page:02d}", f":25:9999/{ACCOUNT}", f":28C:{page}/1"]
        lines.append(f":60F:C{part[0].at:%y%m%d}CNY{_swift(balance)}")
        for item in part:
            mark = "C" if item.fen > 0 else "D"
            kind = {"结息": "INT", "手续费": "CHG", "退汇": "RTI"}.get(item.words[0], "TRF")
            entry = f":61:{item.at:%y%m%d}{item.at:%m%d}{mark}{_swift(item.fen)}N{kind}NONREF//{_fitid(item)}"
            memo = " ".join(filter(None, item.words[1:]))
            if page == 1:
                told = f":86:166?00{item.words[0]}?20{memo}?31{item.account}?32{item.name}"
            else:
                party = f"/NAME/{item.name}/ACCT/{item.account}" if item.name else ""
                told = f":86:{party}/REMI/{item.words[0]} {memo}"
            lines += [entry, told[:60], *([told[60:]] if told[60:] else [])]
        balance += sum(item.fen for item in part)
        lines += [f":62F:C{part[-1].at:%y%m%d}CNY{_swift(balance)}", "-"]
    return "\r\n".join(lines).encode("gb18030") + b"\r\n"


def camt053() -> bytes:
    """camt.053: balances, a summary, and one movement that gathers two gifts."""
    rows = [_entry(item) for item in WEEK[2:]]
    rows.insert(0, _gathered(WEEK[:2]))
    closing = with_balances(WEEK, OPENING)[-1][1]
    gains = [item.fen for item in WEEK if item.fen > 0]
    spends = [-item.fen for item in WEEK if item.fen < 0]
    summary = (
        f"<TxsSummry><TtlNtries><NbOfNtries>{len(WEEK) - 1}</NbOfNtries></TtlNtries>"
        f"<TtlCdtNtries><NbOfNtries>{len(gains) - 1}</NbOfNtries><Sum>{yuan(sum(gains))}</Sum></TtlCdtNtries>"
        f"<TtlDbtNtries><NbOfNtries>{len(spends)}</NbOfNtries><Sum>{yuan(sum(spends))}</Sum></TtlDbtNtries>"
        "</TxsSummry>"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">\n<BkToCstmrStmt>\n'
        "<GrpHdr><MsgId>HD202611</MsgId><CreDtTm>2026-11-21T08:00:00+08:00</CreDtTm></GrpHdr>\n<Stmt>\n"
        f"<Id>1</Id><Acct><Id><Othr><Id>{ACCOUNT}</Id></Othr></Id><Ccy>CNY</Ccy></Acct>\n"
        f"{_balance('OPBD', OPENING, '2026-11-18')}{_balance('CLBD', closing, '2026-11-21')}{summary}\n"
        f"{''.join(rows)}</Stmt>\n</BkToCstmrStmt>\n</Document>\n"
    ).encode()


def _balance(code: str, fen: int, on: str) -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="CNY">{yuan(fen)}</Amt>'
        f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>\n"
    )


def _payment(item: Movement, *, is_amount_told: bool) -> str:
    side = "Dbtr" if item.fen > 0 else "Cdtr"
    amount = f'<Amt Ccy="CNY">{yuan(abs(item.fen))}</Amt>' if is_amount_told else ""
    party = ""
    if item.name:
        party = (
            f"<RltdPties><{side}><Pty><Nm>{escape(item.name)}</Nm></Pty></{side}>"
            f"<{side}Acct><Id><Othr><Id>{item.account}</Id></Othr></Id></{side}Acct></RltdPties>"
        )
    return (
        f"<TxDtls><Refs><AcctSvcrRef>{_fitid(item)}</AcctSvcrRef></Refs>{amount}{party}"
        f"<RmtInf><Ustrd>{escape(_memo(item))}</Ustrd></RmtInf></TxDtls>"
    )


def _entry(item: Movement) -> str:
    return (
        f'<Ntry><Amt Ccy="CNY">{yuan(abs(item.fen))}</Amt>'
        f"<CdtDbtInd>{'CRDT' if item.fen > 0 else 'DBIT'}</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{item.at:%Y-%m-%d}</Dt></BookgDt><AcctSvcrRef>{_fitid(item)}</AcctSvcrRef>\n"
        f"<NtryDtls>{_payment(item, is_amount_told=False)}</NtryDtls></Ntry>\n"
    )


def _gathered(items: list[Movement]) -> str:
    total = sum(item.fen for item in items)
    parts = "\n".join(_payment(item, is_amount_told=True) for item in items)
    return (
        f'<Ntry><Amt Ccy="CNY">{yuan(total)}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>'
        f"<BookgDt><Dt>{items[0].at:%Y-%m-%d}</Dt></BookgDt><AcctSvcrRef>HDBATCH1</AcctSvcrRef>\n"
        f"<NtryDtls>{parts}</NtryDtls></Ntry>\n"
    )


def with_entity() -> bytes:
    """camt.053 with a document type that defines an entity, as no bank writes it."""
    return camt053().replace(b"<Document", b'<!DOCTYPE a [<!ENTITY b "c">]>\n<Document', 1)
