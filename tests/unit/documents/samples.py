"""Made-up documents: an ordinary one of each kind, to be varied with ``replace``."""

from __future__ import annotations

from datetime import date

from charity.documents.columns import Column
from charity.documents.receipt import Allocation, ReceiptDocument
from charity.documents.tables import Row, TableReport
from charity.documents.voucher import VoucherDocument, VoucherLineDocument

#: Characters of real names that most fonts lack; two lie beyond U+FFFF.
RARE = "㛃䶮𬭎𫖯𬸚"

RECEIPT = ReceiptDocument(
    language="zh_Hans",
    org_name="某某市慈善总会",
    receipt_number="2026-000123",
    check_code="7Q2M9KXW3F",
    verify_url="https://cishan.example/verify/7Q2M9KXW3F",
    donor_title="李晓㛃、王䶮、赵𬭎",
    amount_fen=1234567,
    kind="money",
    received_on=date(2026, 3, 5),
    channel="银行转账",
    handler="陈一",
    reviewer="周二",
    issued_on=date(2026, 3, 6),
    purpose="先天性心脏病儿童手术救助",
    allocations=(Allocation("F2", "医疗救助基金", "儿童先心病手术", 1234567, "2026-03 记-12"),),
    org_contact="某某市人民路 1 号",
)

VOUCHER = VoucherDocument(
    org_name="某某市慈善总会",
    word="记",
    number=12,
    dated_on=date(2026, 3, 5),
    lines=(
        VoucherLineDocument(
            "收到捐赠", "100201", "银行存款—基本户", "医疗救助基金", "儿童先心病手术", 1234567, 0
        ),
        VoucherLineDocument(
            "收到捐赠", "410102", "捐赠收入—限定性收入", "医疗救助基金", "儿童先心病手术", 0, 1234567
        ),
    ),
    attachment_count=3,
    maker="陈一",
    reviewer="周二",
    cashier="吴𬭎",
    poster="郑四",
    chief_accountant="郑四",
)

TABLE = TableReport(
    title="收支明细表",
    org_name="某某市慈善总会",
    language="zh_Hans",
    made_on=date(2026, 3, 31),
    columns=(
        Column("日期", "date"),
        Column("摘要"),
        Column("收入", "money", "本期"),
        Column("支出", "money", "本期"),
    ),
    rows=(
        Row(("一、经常收支",), "heading"),
        Row((date(2026, 3, 5), "收到捐赠", 1234567, 0), indent=1),
        Row((date(2026, 3, 6), "退回捐赠", -10000, 0), indent=1),
        Row((None, "合计", 1224567, 0), "total"),
    ),
    as_of="截至 2026年3月31日",
    unit="单位：元",
    notes=("口径：仅市本级。",),
)
