"""The text of the donation receipt (捐赠确认函) in three languages."""

from __future__ import annotations

from dataclasses import dataclass

from charity.documents.words import Language


@dataclass(frozen=True, slots=True)
class ReceiptWords:
    """Every word a receipt prints that is not data."""

    title: str
    greeting: str
    thanks: str
    amount: str
    value: str
    capital: str
    number: str
    check_code: str
    kind: str
    kinds: dict[str, str]
    items: str
    received_on: str
    channel: str
    purpose: str
    no_purpose: str
    fund: str
    not_booked: str
    more_funds: str
    voucher: str
    not_posted: str
    handler: str
    reviewer: str
    issued_on: str
    replaces: str
    verify: str
    qr_alt: str
    seal_alt: str
    not_an_invoice: str
    invoice_hint: str
    separator: str


WORDS: dict[Language, ReceiptWords] = {
    "zh_Hans": ReceiptWords(
        title="捐赠确认函",
        greeting="{}：",
        thanks="感谢您的善举。下列捐赠我们已经收到，并登记在册。收支情况向社会公开，"
        "扫描二维码可以核验本函，也可以查看这笔捐赠之后的进展。",
        amount="捐赠金额",
        value="公允价值",
        capital="大写",
        number="编号",
        check_code="核验码",
        kind="捐赠类型",
        kinds={
            "money": "货币",
            "goods": "物资",
            "property": "房屋",
            "securities": "有价证券",
            "equity": "股权",
            "rights": "知识产权",
            "other": "其他财产",
        },
        items="品名与数量",
        received_on="收到日期",
        channel="捐赠方式",
        purpose="指定用途",
        no_purpose="未指定，用于慈善事业",
        fund="计入",
        not_booked="尚未入账",
        more_funds="另有 {} 项，共 {}，见核验页",
        voucher="记账凭证",
        not_posted="尚未记账",
        handler="经办人",
        reviewer="复核人",
        issued_on="开具日期",
        replaces="本函代替已作废的 {} 号",
        verify="扫码核验",
        qr_alt="二维码，打开核验页 {}",
        seal_alt="{}印章",
        not_an_invoice="本函不是公益事业捐赠票据，不能用于税前扣除",
        invoice_hint="需要公益事业捐赠票据的，请凭本函编号与我们联系。",
        separator="·",
    ),
    "zh_Hant": ReceiptWords(
        title="捐贈確認函",
        greeting="{}：",
        thanks="感謝您的善舉。下列捐贈我們已經收到，並登記在冊。收支情況向社會公開，"
        "掃描二維碼可以核驗本函，也可以查看這筆捐贈之後的進展。",
        amount="捐贈金額",
        value="公允價值",
        capital="大寫",
        number="編號",
        check_code="核驗碼",
        kind="捐贈類型",
        kinds={
            "money": "貨幣",
            "goods": "物資",
            "property": "房屋",
            "securities": "有價證券",
            "equity": "股權",
            "rights": "知識產權",
            "other": "其他財產",
        },
        items="品名與數量",
        received_on="收到日期",
        channel="捐贈方式",
        purpose="指定用途",
        no_purpose="未指定，用於慈善事業",
        fund="計入",
        not_booked="尚未入賬",
        more_funds="另有 {} 項，共 {}，見核驗頁",
        voucher="記賬憑證",
        not_posted="尚未記賬",
        handler="經辦人",
        reviewer="覆核人",
        issued_on="開具日期",
        replaces="本函代替已作廢的 {} 號",
        verify="掃碼核驗",
        qr_alt="二維碼，打開核驗頁 {}",
        seal_alt="{}印章",
        not_an_invoice="本函不是公益事業捐贈票據，不能用於稅前扣除",
        invoice_hint="需要公益事業捐贈票據的，請憑本函編號與我們聯絡。",
        separator="·",
    ),
    "en": ReceiptWords(
        title="Donation Receipt",
        greeting="{}",
        thanks="Thank you for your kindness. We have received the gift below and entered it in our register. "
        "Our accounts are public: scan the code to verify this letter and to follow what comes of it.",
        amount="Amount",
        value="Fair value",
        capital="In capitals",
        number="No.",
        check_code="Check code",
        kind="Kind of gift",
        kinds={
            "money": "Money",
            "goods": "Goods",
            "property": "Property",
            "securities": "Securities",
            "equity": "Equity",
            "rights": "Intellectual property",
            "other": "Other property",
        },
        items="Items",
        received_on="Received on",
        channel="Channel",
        purpose="Purpose",
        no_purpose="None stated; for charitable work",
        fund="Booked to",
        not_booked="Not booked yet",
        more_funds="and {} more, {} in all; see the verify page",
        voucher="Voucher",
        not_posted="Not posted yet",
        handler="Handled by",
        reviewer="Reviewed by",
        issued_on="Issued on",
        replaces="Replaces the voided No. {}",
        verify="Scan to verify",
        qr_alt="QR code that opens the verify page {}",
        seal_alt="Seal of {}",
        not_an_invoice="This letter is not an official donation invoice (公益事业捐赠票据) "
        "and cannot be used for tax deduction",
        invoice_hint="If you need an official invoice, contact us with the number of this letter.",
        separator=" – ",
    ),
}
