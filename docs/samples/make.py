"""Write the sample files: ``python docs/samples/make.py [FOLDER]``, beside this one by default.

Everything here is invented: the federation 海岱市慈善总会, the givers, the companies, the
accounts (all begin with 9999) and the order numbers. The amounts of each file add up, its
balances run on, and its totals are its own, so that a sample shows a rule and not a fault;
the files called ``bad_…`` show one fault each. The same bytes come out every time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import banks
import channels
import exchange
import flows
import forms
import lists


def files() -> dict[str, bytes]:
    """Return file name → bytes of every sample."""
    return {
        "wechat_trade_20261118.csv": channels.wechat_v2(),
        "wechat_trade_20261119_new.csv": channels.wechat_v3(),
        "alipay_merchant_20261118.csv": channels.alipay(),
        "wechat_trade_20261120_success.csv": flows.wechat_success_only(),
        "wechat_trade_20261120_refund.csv": flows.wechat_refund_only(),
        "wechat_fund_flow_20261118.csv": flows.wechat_fund_flow(),
        "wechat_person_20261118.csv": flows.wechat_person_csv(),
        "wechat_person_20261118.xlsx": flows.wechat_person_xlsx(),
        "alipay_account_20261118.csv": flows.alipay_account(),
        "alipay_person_20261118.csv": flows.alipay_person(),
        "alipay_merchant_20261118.zip": flows.alipay_zip(),
        "ccb_old_202610.csv": banks.ccb_old(),
        "ccb_new_202611.csv": banks.ccb_new(),
        "icbc_old_202610.csv": banks.icbc_old(),
        "icbc_new_202611.csv": banks.icbc_new(),
        "icbc_202611.xlsx": banks.icbc_xlsx(),
        "abc_old_202610.csv": banks.abc_old(),
        "abc_new_202611.csv": banks.abc_new(),
        "boc_202611.csv": forms.boc(),
        "cmb_202611.xlsx": forms.cmb(),
        "cmbc_202611.csv": forms.cmbc(),
        "pab_202611.csv": forms.pab(),
        "spdb_202611.xlsx": forms.spdb(),
        "citic_202611.xlsx": forms.citic(),
        "icbc_person_202611.csv": forms.icbc_person(),
        "abc_person_202611.csv": forms.abc_person(),
        "boc_person_202611.csv": forms.boc_person(),
        "ccb_person_202611.xlsx": forms.ccb_person(),
        "cmb_person_202611.csv": forms.cmb_person(),
        "bocom_person_202611.csv": forms.bocom_person(),
        "statement_202611_1.ofx": exchange.ofx1(),
        "statement_202611_2.ofx": exchange.ofx2(),
        "statement_202611.sta": exchange.mt940(),
        "statement_202611.xml": exchange.camt053(),
        "rural_bank_202611.csv": banks.rural_bank(),
        "donors_202611.csv": lists.donors_csv(),
        "donors_202611.xlsx": lists.donors_xlsx(),
        "unknown.csv": lists.unknown_csv(),
        "bad_balance.csv": banks.broken_balance(),
        "bad_cut_off.csv": channels.wechat_v2()[:6_000],
        "bad_formula.xlsx": lists.bad_formula(),
        "bad_merged.xlsx": lists.bad_merged(),
        "bad_statement.sta": exchange.mt940().replace(b"C500,", b"C501,", 1),
        "bad_entity.xml": exchange.with_entity(),
        "bad_truncated.xlsx": lists.donors_xlsx()[:-400],
    }


def main(folder: Path) -> None:
    """Write every sample into a folder."""
    for name, data in files().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
