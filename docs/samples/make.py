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
import lists


def files() -> dict[str, bytes]:
    """Return file name → bytes of every sample."""
    return {
        "wechat_trade_20261118.csv": channels.wechat_v2(),
        "wechat_trade_20261119_new.csv": channels.wechat_v3(),
        "alipay_merchant_20261118.csv": channels.alipay(),
        "ccb_old_202610.csv": banks.ccb_old(),
        "ccb_new_202611.csv": banks.ccb_new(),
        "icbc_old_202610.csv": banks.icbc_old(),
        "icbc_new_202611.csv": banks.icbc_new(),
        "icbc_202611.xlsx": banks.icbc_xlsx(),
        "abc_old_202610.csv": banks.abc_old(),
        "abc_new_202611.csv": banks.abc_new(),
        "rural_bank_202611.csv": banks.rural_bank(),
        "donors_202611.csv": lists.donors_csv(),
        "donors_202611.xlsx": lists.donors_xlsx(),
        "unknown.csv": lists.unknown_csv(),
        "bad_balance.csv": banks.broken_balance(),
        "bad_cut_off.csv": channels.wechat_v2()[:6_000],
        "bad_formula.xlsx": lists.bad_formula(),
        "bad_merged.xlsx": lists.bad_merged(),
        "bad_truncated.xlsx": lists.donors_xlsx()[:-400],
    }


def main(folder: Path) -> None:
    """Write every sample into a folder."""
    for name, data in files().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
