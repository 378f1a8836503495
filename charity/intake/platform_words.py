"""The words that headings of payment platforms use, by kind of file; see ``vocabulary``.

Standard library only. Within a field the words stand in order of preference.
"""

from __future__ import annotations

Words = dict[str, tuple[str, ...]]

WECHAT: Words = {
    "time": ("交易时间",),
    "refunded_at": ("退款成功时间", "退款申请时间"),
    "own_account": ("商户号",),
    "reference": ("微信订单号",),
    "merchant_reference": ("商户订单号",),
    "counterparty_account": ("用户标识",),
    "status": ("交易状态",),
    "currency": ("货币种类",),
    "amount": ("应结订单金额", "总金额", "订单金额"),
    "refund_reference": ("微信退款单号",),
    "refund_merchant_reference": ("商户退款单号",),
    "refund_amount": ("退款金额", "申请退款金额"),
    "refund_status": ("退款状态",),
    "purpose": ("商品名称",),
    "remark": ("商户数据包",),
    "fee": ("手续费",),
}
ALIPAY: Words = {
    "time": ("完成时间", "创建时间", "入账时间"),
    "reference": ("支付宝交易号",),
    "merchant_reference": ("商户订单号",),
    "status": ("业务类型",),
    "purpose": ("商品名称",),
    "counterparty_account": ("对方账户",),
    "amount": ("商家实收", "订单金额"),
    "refund_reference": ("退款批次号/请求号", "退款批次号", "退款请求号"),
    "fee": ("服务费",),
    "remark": ("备注",),
}
WECHAT_FLOW: Words = {
    "time": ("记账时间",),
    "reference": ("微信支付业务单号",),
    "serial": ("资金流水单号",),
    "name": ("业务名称",),
    "status": ("业务类型",),
    "direction": ("收支类型",),
    "amount": ("收支金额",),
    "balance": ("账户结余",),
    "remark": ("备注",),
    "merchant_reference": ("业务凭证号",),
}
ALIPAY_FLOW: Words = {
    "time": ("发生时间", "入账时间"),
    "reference": ("业务流水号",),
    "serial": ("账务流水号",),
    "merchant_reference": ("商户订单号",),
    "purpose": ("商品名称",),
    "counterparty_account": ("对方账号",),
    "credit": ("收入金额",),
    "debit": ("支出金额",),
    "balance": ("账户余额",),
    "status": ("业务类型",),
    "remark": ("备注",),
}
WECHAT_PERSON: Words = {
    "time": ("交易时间",),
    "kind": ("交易类型",),
    "counterparty_name": ("交易对方",),
    "purpose": ("商品",),
    "direction": ("收/支",),
    "amount": ("金额",),
    "method": ("支付方式",),
    "status": ("当前状态",),
    "reference": ("交易单号",),
    "merchant_reference": ("商户单号",),
    "remark": ("备注",),
}
ALIPAY_PERSON: Words = {
    "time": ("交易时间",),
    "kind": ("交易分类",),
    "counterparty_name": ("交易对方",),
    "counterparty_account": ("对方账号",),
    "purpose": ("商品说明", "商品名称"),
    "direction": ("收/支",),
    "amount": ("金额",),
    "method": ("收/付款方式",),
    "status": ("交易状态",),
    "reference": ("交易订单号", "交易号"),
    "merchant_reference": ("商家订单号",),
    "remark": ("备注",),
}

#: Kind of file → field → its words.
PLATFORM_WORDS: dict[str, Words] = {
    "wechat": WECHAT,
    "alipay": ALIPAY,
    "wechat_flow": WECHAT_FLOW,
    "alipay_flow": ALIPAY_FLOW,
    "wechat_person": WECHAT_PERSON,
    "alipay_person": ALIPAY_PERSON,
}
