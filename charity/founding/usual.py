"""What most federations begin with, proposed on the page and at the command line.

Words of a Chinese charity federation; whoever sets up changes or drops them.
"""

from __future__ import annotations

from collections.abc import Mapping

#: The purses of a city federation: three funds, general money, agency money.
FUNDS: tuple[Mapping[str, str], ...] = (
    {
        "code": "F1",
        "name": "急难救助基金",
        "name_en": "Emergency aid fund",
        "kind": "restricted",
        "purpose": "用于因突发事件、意外伤害等陷入紧急困难的居民的应急救助。",
        "colour": "emergency",
    },
    {
        "code": "F2",
        "name": "医疗救助基金",
        "name_en": "Medical aid fund",
        "kind": "restricted",
        "purpose": "用于困难居民经医疗保障后自付医疗费用的救助。",
        "colour": "medical",
    },
    {
        "code": "F3",
        "name": "发展帮扶基金",
        "name_en": "Development support fund",
        "kind": "restricted",
        "purpose": "用于困难家庭就学、就业和生产发展的帮扶。",
        "colour": "development",
    },
    {
        "code": "GEN",
        "name": "非限定资金",
        "name_en": "General money",
        "kind": "general",
        "purpose": "未指定用途的资金，用于章程规定的慈善活动和必要开支。",
        "colour": "general",
    },
    {
        "code": "AGENCY",
        "name": "受托代理",
        "name_en": "Agency money",
        "kind": "agency",
        "purpose": "捐赠人指定了受益人，本会只转交的资金。",
        "colour": "general",
    },
)
PLACES: tuple[Mapping[str, str], ...] = (
    {"code": "B1", "name": "银行基本户", "kind": "bank", "is_main": "y", "holds_agency": "y"},
    {"code": "C1", "name": "现金", "kind": "cash", "holds_agency": "y"},
    {"code": "W1", "name": "微信支付商户号", "kind": "merchant", "institution": "财付通（微信支付）"},
    {"code": "A1", "name": "支付宝商户号", "kind": "merchant", "institution": "支付宝"},
)
