"""The forms of files that are known: their names, and the headings that tell a bank's form.

Imports errors. A form says who wrote a file and for whom, a variant which of its versions
it is. What booking may do with a form is decided by the features above.
"""

from __future__ import annotations

from charity.errors import N_

#: Form → its name on screen.
FORM_NAMES = {
    "wechat_merchant_v2": N_("WeChat merchant trade bill"),
    "wechat_fund_flow": N_("WeChat merchant fund-flow bill"),
    "wechat_personal": N_("WeChat statement of a person"),
    "alipay_merchant": N_("Alipay merchant statement"),
    "alipay_fund_flow": N_("Alipay merchant account statement"),
    "alipay_personal": N_("Alipay statement of a person"),
    "bank_ccb_corporate": N_("China Construction Bank, corporate account"),
    "bank_icbc_corporate": N_("ICBC, corporate account"),
    "bank_abc_corporate": N_("Agricultural Bank of China, corporate account"),
    "bank_boc_corporate": N_("Bank of China, corporate account"),
    "bank_cmb_corporate": N_("China Merchants Bank, corporate account"),
    "bank_cmbc_corporate": N_("China Minsheng Bank, corporate account"),
    "bank_pab_corporate": N_("Ping An Bank, corporate account"),
    "bank_spdb_corporate": N_("SPD Bank, corporate account"),
    "bank_citic_corporate": N_("China CITIC Bank, corporate account"),
    "bank_ccb_personal": N_("China Construction Bank, account of a person"),
    "bank_icbc_personal": N_("ICBC, account of a person"),
    "bank_abc_personal": N_("Agricultural Bank of China, account of a person"),
    "bank_boc_personal": N_("Bank of China, account of a person"),
    "bank_cmb_personal": N_("China Merchants Bank, account of a person"),
    "bank_bocom_personal": N_("Bank of Communications, account of a person"),
    "bank_ofx": N_("Bank statement in OFX"),
    "bank_mt940": N_("Bank statement in SWIFT MT940"),
    "bank_camt053": N_("Bank statement in ISO 20022 (camt.053)"),
    "bank_generic": N_("Bank statement"),
    "donor_list": N_("Donor list"),
    "unknown": N_("Unknown file"),
}

#: Statements of a person: booked only at a place of money whose account it is.
PERSONAL_FORMS = frozenset(form for form in FORM_NAMES if form.endswith("_personal"))
#: Bills of a platform that tell money movements and not gifts: order numbers, no purpose.
FUND_FLOW_FORMS = frozenset({"wechat_fund_flow", "alipay_fund_flow"})
#: Form of a payment platform → its channel.
CHANNEL_FORMS = {
    form: form.partition("_")[0] for form in FORM_NAMES if form.startswith(("wechat_", "alipay_"))
}

#: (form, variant, headings that tell it); the first whose headings are all there wins.
BANK_HEADINGS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("bank_ccb_corporate", "new", frozenset({"账户名称", "借方发生额(支取)", "贷方发生额(收入)"})),
    ("bank_ccb_corporate", "old", frozenset({"账户明细编号-交易流水号", "借方发生额", "贷方发生额"})),
    (
        "bank_icbc_corporate",
        "old",
        frozenset({"借/贷", "借方发生额", "贷方发生额", "个性化信息", "对方单位名称"}),
    ),
    ("bank_icbc_corporate", "new", frozenset({"借/贷", "金额", "对方单位", "个性化信息"})),
    ("bank_icbc_corporate", "xlsx", frozenset({"借贷标志", "转入金额", "转出金额"})),
    ("bank_abc_corporate", "old", frozenset({"交易时间戳", "收入金额", "支出金额", "交易附言"})),
    ("bank_abc_corporate", "new", frozenset({"收入金额", "支出金额", "账户余额", "对方省市", "交易用途"})),
    ("bank_boc_corporate", "", frozenset({"交易类型", "交易货币", "交易金额", "交易后余额", "起息日期"})),
    ("bank_cmbc_corporate", "", frozenset({"主机交易流水号", "借方发生额", "贷方发生额", "对方账号名称"})),
    ("bank_pab_corporate", "", frozenset({"借", "贷", "账户余额", "对方账户名称"})),
    ("bank_spdb_corporate", "", frozenset({"申请日期", "借方金额", "贷方金额"})),
    ("bank_cmb_corporate", "", frozenset({"交易日", "交易类型", "借方金额", "贷方金额"})),
    ("bank_citic_corporate", "", frozenset({"交易日期", "交易时间", "借方发生额", "贷方发生额", "账户余额"})),
    ("bank_icbc_personal", "", frozenset({"交易场所", "钞/汇", "记账金额(收入)", "记账金额(支出)"})),
    ("bank_abc_personal", "", frozenset({"本次余额", "对手信息", "日志号", "交易渠道"})),
    ("bank_boc_personal", "", frozenset({"记账日期", "交易名称", "网点名称", "借记卡号"})),
    ("bank_ccb_personal", "", frozenset({"钞汇", "交易金额", "账户余额", "对方账号与户名"})),
    ("bank_cmb_personal", "", frozenset({"联机余额", "对手信息", "客户摘要"})),
    ("bank_bocom_personal", "", frozenset({"借贷", "交易类型", "交易金额", "交易地点"})),
)
