"""The voucher form: what it books, what it refuses, and that nothing typed is ever lost."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from charity.errors import Problem
from charity.ledger import closing, drafting, forms, setup
from charity.ledger.models import Attachment, Draft
from charity.ledger.rules import DraftLine, DraftVoucher
from charity.periods import Month
from charity.web.forms import new_key
from tests.books import PAPER, Ledger
from tests.entries import entry, gift, value_of
from tests.support.pages import page


def drafts(ledger: Ledger) -> list[Draft]:
    """Return every draft, oldest first, as stored now."""
    ledger.session.rollback()
    ledger.session.expire_all()
    return list(ledger.session.scalars(select(Draft).order_by(Draft.id)))


def send(client: FlaskClient, data: Any, url: str = "/office/drafts/new") -> Any:
    return client.post(url, data=data, content_type="multipart/form-data")


def test_the_form_looks_like_a_voucher_and_offers_the_books(accountant: FlaskClient) -> None:
    shown = page(accountant.get("/office/drafts/new"))
    markup = accountant.get("/office/drafts/new").get_data(as_text=True)
    assert shown.headings == ["New voucher"]
    head = shown.table("Lines of the voucher")[0]
    assert head[:6] == ["Summary", "Account", "Fund / earmark", "Place of money", "Debit", "Credit"]
    assert "1002 Bank deposits" in markup and "yhck" in markup
    assert "医疗救助基金" not in markup and "Medical aid fund" in markup
    assert value_of(markup, "voucher_on") == "2026-03-18"


def test_a_voucher_is_saved_and_submitted_and_the_next_one_begins(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    response = send(accountant, entry(*gift()))
    assert response.status_code == 303
    (draft,) = drafts(ledger)
    assert response.headers["Location"] == f"/office/drafts/new?after={draft.id}"
    assert (draft.state, draft.maker_id, draft.total_fen) == ("submitted", ledger.ids["maker"], 10_000)
    assert draft.attachments == [PAPER]
    assert "Submitted for review: 收到捐款" in page(accountant.get(response.headers["Location"])).text


def test_saving_alone_keeps_it_with_its_maker(accountant: FlaskClient, ledger: Ledger) -> None:
    response = send(accountant, entry({"account": "530101", "debit": "5"}, act="save", papers=()))
    (draft,) = drafts(ledger)
    assert response.headers["Location"] == f"/office/drafts/{draft.id}"
    assert draft.state == "draft"


@pytest.mark.parametrize(
    ("typed", "fund", "code"),
    [
        ("1002 Bank deposits", "GEN", "1002"),
        ("银行存款", "GEN", "1002"),
        ("yhck", "F1", "1002"),
        ("4101", "F2", "410102"),
        ("捐赠收入", "GEN", "410101"),
        ("业务活动成本", "F3", "510102"),
        ("yewuhuodong", "GEN", "510101"),
    ],
)
def test_an_account_is_found_by_code_name_and_pinyin_and_fits_the_fund(
    accountant: FlaskClient, ledger: Ledger, typed: str, fund: str, code: str
) -> None:
    line = {"account": typed, "fund": fund, "debit": "1"}
    assert send(accountant, entry(line, act="save")).status_code == 303
    assert drafts(ledger)[0].lines[0]["account"] == code


def test_a_word_that_fits_several_accounts_is_named_and_nothing_is_saved(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    response = send(accountant, entry({"account": "净资产", "fund": "GEN", "debit": "1"}))
    assert response.status_code == 422
    assert "fits several" in page(response).text
    assert value_of(response.get_data(as_text=True), "lines-0-account") == "净资产"
    assert drafts(ledger) == []


def test_money_without_a_place_lies_in_the_main_one(accountant: FlaskClient, ledger: Ledger) -> None:
    send(
        accountant, entry({"account": "1002", "debit": "1"}, {"account": "100901", "credit": "1"}, act="save")
    )
    assert [line["money_place"] for line in drafts(ledger)[0].lines] == ["B1", "W1"]


def test_a_summary_left_empty_repeats_the_one_above(accountant: FlaskClient, ledger: Ledger) -> None:
    lines = ({"account": "1002", "debit": "1"}, {"account": "410101", "credit": "1", "summary": ""})
    send(accountant, entry(*lines))
    assert [line["summary"] for line in drafts(ledger)[0].lines] == ["收到捐款", "收到捐款"]


def test_empty_lines_are_left_out_and_a_sentence_names_the_line_as_shown(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    nothing = {"account": "", "debit": "", "credit": "", "summary": ""}
    lines = ({"account": "1002", "debit": "1"}, nothing, {"account": "9999", "credit": "1"})
    response = send(accountant, entry(*lines))
    markup = response.get_data(as_text=True)
    assert response.status_code == 422
    assert "Line 2: account 9999" in page(response).text
    assert value_of(markup, "lines-1-account") == "9999"
    assert re.search(r'<a href="#lines-1-account">', markup)


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"debit": "0.005"}, "finer than one fen"),
    ({"debit": "-5"}, "must not be negative"),
    ({"debit": "1.234,50"}, "can be read in two ways"),
    ({"debit": "9" * 14}, "too large"),
    ({"summary": "收" * 500}, "at most 200 characters; these are 500"),
    ({"quantity": "12.5555"}, forms.PROBLEMS["quantity_unreadable"] % {"text": "12.5555"}),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED)
def test_what_cannot_be_read_is_named_at_its_field_and_kept(
    accountant: FlaskClient, ledger: Ledger, change: dict[str, str], sentence: str
) -> None:
    first = {"account": "1002", "debit": "1", "beneficiary_code": "A-2026-0001"} | change
    response = send(accountant, entry(first, {"account": "410101", "credit": "7.50"}))
    markup = response.get_data(as_text=True)
    assert response.status_code == 422
    assert sentence in page(response).text
    ((name, typed),) = change.items()
    assert value_of(markup, f"lines-0-{name}") == typed
    assert value_of(markup, "lines-1-credit") == "7.50"
    assert value_of(markup, "lines-0-beneficiary_code") == "A-2026-0001"
    assert drafts(ledger) == []


UNSOUND: list[tuple[tuple[dict[str, str], ...], str, str]] = [
    (
        ({"account": "1002", "debit": "100"}, {"account": "410101", "credit": "90"}),
        "differ by 10.00",
        "",
    ),
    (
        ({"account": "1002", "debit": "1"}, {"account": "410102", "fund": "GEN", "credit": "1"}),
        "cannot carry fund GEN",
        "lines-1-fund",
    ),
    (
        (
            {"account": "1002", "debit": "1", "summary": "电话13812345678"},
            {"account": "410101", "credit": "1"},
        ),
        "holds an identity, phone or bank number",
        "lines-0-summary",
    ),
    (
        ({"account": "3102", "fund": "F2", "debit": "1"}, {"account": "3101", "credit": "1"}),
        "what kind of net-asset change",
        "lines-0-net_asset_change",
    ),
    (
        ({"account": "1002", "debit": "1", "credit": "1"}, {"account": "410101", "credit": "1"}),
        "exactly one side",
        "lines-0-debit",
    ),
]


@pytest.mark.parametrize(("lines", "sentence", "field"), UNSOUND)
def test_an_unsound_voucher_is_kept_as_a_draft_and_not_submitted(
    accountant: FlaskClient,
    ledger: Ledger,
    lines: tuple[dict[str, str], ...],
    sentence: str,
    field: str,
) -> None:
    response = send(accountant, entry(*lines))
    shown = page(response)
    markup = response.get_data(as_text=True)
    assert response.status_code == 422
    assert sentence in shown.text
    assert "saved as a draft. It was not submitted" in shown.text
    assert field == "" or f'href="#{field}"' in markup
    (draft,) = drafts(ledger)
    assert draft.state == "draft"
    # Sending the corrected page goes on with the same draft.
    assert f'action="/office/drafts/{draft.id}/edit"' in markup
    data = entry(*gift(), version=int(value_of(markup, "version")))
    assert send(accountant, data, f"/office/drafts/{draft.id}/edit").status_code == 303
    assert [row.state for row in drafts(ledger)] == ["submitted"]


def test_without_a_paper_it_is_not_submitted(accountant: FlaskClient, ledger: Ledger) -> None:
    response = send(accountant, entry(*gift(), papers=()))
    assert response.status_code == 422
    assert "Attach the source document" in page(response).text
    assert drafts(ledger)[0].state == "draft"


def test_a_double_click_saves_one_voucher(accountant: FlaskClient, ledger: Ledger) -> None:
    data = entry(*gift())
    first, second = send(accountant, data), send(accountant, data)
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    assert [row.state for row in drafts(ledger)] == ["submitted"]


def test_an_old_form_with_other_contents_is_asked_about_and_then_a_second_voucher(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    key = new_key()
    send(accountant, entry(*gift("1"), key=key, act="save"))
    response = send(accountant, entry(*gift("2"), key=key, act="save"))
    assert response.status_code == 422
    assert "was saved before, with other contents" in page(response).text
    markup = response.get_data(as_text=True)
    assert value_of(markup, "lines-0-debit") == "2"
    fresh = value_of(markup, "idempotency_key")
    assert fresh != key
    assert send(accountant, entry(*gift("2"), key=fresh, act="save")).status_code == 303
    assert [row.total_fen for row in drafts(ledger)] == [100, 200]


def test_a_form_without_its_key_is_refused(accountant: FlaskClient, ledger: Ledger) -> None:
    response = send(accountant, entry(*gift(), key="x"))
    assert response.status_code == 422 and "has lost its key" in page(response).text
    assert drafts(ledger) == []


def test_more_lines_come_without_javascript_and_nothing_is_saved(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    response = send(accountant, entry(*gift("12.30"), act="add"))
    markup = response.get_data(as_text=True)
    assert response.status_code == 200
    assert value_of(markup, "lines-0-debit") == "12.30"
    assert value_of(markup, "lines-4-debit") == ""
    assert drafts(ledger) == []


def test_the_preview_shows_the_lines_that_are_added_and_what_the_funds_can_spend(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    """
    2026-03-01 医疗捐款
      借 1002@B1  100.00  F2
      贷 410102   100.00  F2
    """
    ledger.post(test_the_preview_shows_the_lines_that_are_added_and_what_the_funds_can_spend.__doc__ or "")
    change = {"net_asset_change": "management_share", "summary": "提取管理费"}
    lines = (
        {"account": "3102", "fund": "F2", "debit": "5"} | change,
        {"account": "3101", "fund": "GEN", "credit": "5"} | change,
    )
    response = send(accountant, entry(*lines, act="preview"))
    assert response.status_code == 200
    shown = page(response)
    added = shown.table("Lines added by the system")
    assert ["1002 Bank deposits · 基本户", "Medical aid fund", "credit 5.00"] in added
    assert ["1002 Bank deposits · 基本户", "General money", "debit 5.00"] in added
    per_fund = {row[0]: row[3:] for row in shown.table("Per fund")[1:]}
    assert per_fund["Medical aid fund"] == ["100.00", "95.00"]
    assert "the cashier need not sign" in shown.text
    part = send(accountant, entry(*lines), "/office/drafts/preview")
    assert "credit 5.00" in part.get_data(as_text=True) and "<html" not in part.get_data(as_text=True)
    assert len(drafts(ledger)) == 1


NOTHING = "Nothing stands in the way of submitting it."


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"papers": ()}, "Attach the source document"),
        ({"on": "2026-02-10"}, "2026-02 is closed; date the voucher in 2026-03."),
        ({"on": "2026-05-10"}, "2026-05 is not open yet"),
    ],
)
def test_the_preview_never_promises_what_submitting_refuses(
    accountant: FlaskClient, ledger: Ledger, values: dict[str, Any], sentence: str
) -> None:
    for month in (1, 2):
        ledger.act(closing.close_month, "chief", month=Month(2026, month), on=date(2026, 3, 5))
    sound = send(accountant, entry(*gift()), "/office/drafts/preview")
    assert NOTHING in page(sound).text
    asked = page(send(accountant, entry(*gift(), **values), "/office/drafts/preview")).text
    assert sentence in asked and NOTHING not in asked
    refused = send(accountant, entry(*gift(), **values))
    assert refused.status_code == 422
    told = page(refused).text
    assert sentence in told and NOTHING not in told


def test_a_paper_chosen_but_not_sent_yet_is_not_missed(accountant: FlaskClient) -> None:
    data = entry(*gift(), papers=(), chosen_files="1")
    assert NOTHING in page(send(accountant, data, "/office/drafts/preview")).text


def test_a_payment_beyond_the_fund_is_submitted_with_a_warning(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    """F1 has 100.00; 100.01 is paid from it, and a draft may wait for the fen."""
    ledger.post("2026-03-01 捐款\n  借 1002@B1 100.00 F1\n  贷 410102 100.00 F1")
    aid = (
        {"account": "510102", "fund": "F1", "debit": "100.01"},
        {"account": "1002", "fund": "F1", "money_place": "B1", "credit": "100.01"},
    )
    asked = page(send(accountant, entry(*aid), "/office/drafts/preview")).text
    assert "Emergency aid fund is short 0.01" in asked and "(too little)" in asked
    assert NOTHING not in asked and "nobody can review it until the money is there" in asked
    response = send(accountant, entry(*aid))
    assert response.status_code == 303
    assert "Emergency aid fund is short 0.01" in page(accountant.get(response.headers["Location"])).text


def test_the_form_begins_at_the_summary_and_offers_funds_by_code(accountant: FlaskClient) -> None:
    markup = accountant.get("/office/drafts/new").get_data(as_text=True)
    first = re.search(r'<input[^>]*name="lines-0-summary"[^>]*>', markup)
    assert first and "autofocus" in first[0] and 'data-limit="200"' in first[0]
    assert "maxlength" not in first[0]
    assert markup.count("autofocus") == 1
    assert ">F1 Emergency aid fund<" in markup


def test_a_file_stays_attached_although_the_voucher_is_refused(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    data = entry({"account": "1002", "debit": "0.005"}, papers=())
    data.add("files", (io.BytesIO(b"%PDF-1.7 invoice"), "发票 001.pdf"))
    response = send(accountant, data)
    assert response.status_code == 422
    sha256 = value_of(response.get_data(as_text=True), "attachments")
    ledger.session.rollback()
    stored = ledger.session.get_one(Attachment, (ledger.org_id, sha256))
    assert (stored.name, stored.media_type) == ("发票 001.pdf", "application/pdf")
    assert send(accountant, entry(*gift(), papers=(sha256,))).status_code == 303
    assert drafts(ledger)[0].attachments == [sha256]


def test_a_paper_is_taken_off_and_an_empty_one_is_named(accountant: FlaskClient, ledger: Ledger) -> None:
    response = send(accountant, entry(*gift(), act="drop", drop=PAPER))
    assert "paper.pdf" not in response.get_data(as_text=True)
    data = entry(*gift())
    data.add("files", (io.BytesIO(b""), "leer.pdf"))
    refused = send(accountant, data)
    assert refused.status_code == 422 and "leer.pdf is empty" in page(refused).text
    assert drafts(ledger) == []


def test_of_two_tabs_the_second_is_told_and_keeps_what_was_typed(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    send(accountant, entry(*gift("1"), act="save"))
    (draft,) = drafts(ledger)
    url = f"/office/drafts/{draft.id}/edit"
    assert send(accountant, entry(*gift("2"), act="save", version=1), url).status_code == 303
    response = send(accountant, entry(*gift("3"), act="save", version=1), url)
    shown, markup = page(response), response.get_data(as_text=True)
    assert response.status_code == 422
    assert "Someone changed this draft meanwhile" in shown.text
    assert value_of(markup, "lines-0-debit") == "3"
    assert "What is saved now" in shown.text and "debit 2.00" in shown.text
    assert drafts(ledger)[0].total_fen == 200
    again = entry(*gift("3"), act="save", version=int(value_of(markup, "version")))
    assert send(accountant, again, url).status_code == 303
    assert drafts(ledger)[0].total_fen == 300


def test_a_double_click_on_a_change_is_one_change(accountant: FlaskClient, ledger: Ledger) -> None:
    send(accountant, entry(*gift("1"), act="save"))
    (draft,) = drafts(ledger)
    data, url = entry(*gift("2"), version=1), f"/office/drafts/{draft.id}/edit"
    assert send(accountant, data, url).status_code == send(accountant, data, url).status_code == 303
    (changed,) = drafts(ledger)
    assert (changed.state, changed.total_fen, changed.version) == ("submitted", 200, 3)


def test_dimensions_the_form_does_not_show_survive_a_change(accountant: FlaskClient, ledger: Ledger) -> None:
    lines = (
        DraftLine("1002", debit_fen=100, money_place="B1", source_kind="gift", source_id=7, source_step=1),
        DraftLine("410101", credit_fen=100),
    )
    on = ledger.on
    draft_id = ledger.draft(DraftVoucher(on, Month.of(on), "收到捐款", lines, attachments=(PAPER,)))
    form = accountant.get(f"/office/drafts/{draft_id}/edit").get_data(as_text=True)
    assert value_of(form, "lines-0-origin") == "0"
    assert value_of(form, "lines-0-cash_flow") == "", "what the books give by themselves is not fixed"
    changed = ({"origin": "0"} | gift("2")[0], {"origin": "1"} | gift("2")[1])
    send(accountant, entry(*changed, version=1), f"/office/drafts/{draft_id}/edit")
    line = drafts(ledger)[0].lines[0]
    assert (line["source_kind"], line["source_id"], line["debit_fen"]) == ("gift", 7, 200)
    assert line["cash_flow"] == "donations_in"


def test_the_reason_of_a_return_stands_above_the_form(accountant: FlaskClient, ledger: Ledger) -> None:
    send(accountant, entry(*gift()))
    (draft,) = drafts(ledger)
    ledger.act(drafting.return_draft, "reviewer", draft_id=draft.id, reason="请补发票")
    shown = page(accountant.get(f"/office/drafts/{draft.id}/edit"))
    assert "The reviewer gave it back: 请补发票" in shown.text


def test_a_submitted_draft_is_not_offered_for_change(accountant: FlaskClient, ledger: Ledger) -> None:
    send(accountant, entry(*gift()))
    (draft,) = drafts(ledger)
    assert accountant.get(f"/office/drafts/{draft.id}/edit").status_code == 303
    response = send(accountant, entry(*gift("2"), version=2), f"/office/drafts/{draft.id}/edit")
    told = page(response).text
    assert response.status_code == 422 and "stands as “waits for review”; nobody can change it" in told
    assert drafts(ledger)[0].total_fen == 10_000


def test_month_thirteen_is_offered_once_it_is_open_and_wants_its_day(
    accountant: FlaskClient, ledger: Ledger
) -> None:
    assert "is_month13" not in accountant.get("/office/drafts/new").get_data(as_text=True)
    ledger.open_months("2026-04", "2026-12")
    ledger.act(setup.open_month, "chief", month=Month(2026, 13))
    assert "is_month13" in accountant.get("/office/drafts/new").get_data(as_text=True)
    wrong = send(accountant, entry(*gift(), is_month13="y"))
    assert wrong.status_code == 422 and Problem("month13_date").sentence() in page(wrong).text
    assert send(accountant, entry(*gift(), on="2026-12-31", is_month13="y")).status_code == 303
    assert drafts(ledger)[0].month == 202613


def test_a_draft_is_copied_as_a_new_one(accountant: FlaskClient, ledger: Ledger) -> None:
    send(accountant, entry(*gift("88.80")))
    (draft,) = drafts(ledger)
    markup = accountant.get("/office/drafts/new", query_string={"draft": draft.id}).get_data(as_text=True)
    assert value_of(markup, "lines-0-debit") == "88.80"
    assert value_of(markup, "lines-0-account") == "1002 Bank deposits"
    assert value_of(markup, "lines-0-origin") == ""


@pytest.mark.parametrize("role", ["reviewer", "cashier", "chief_accountant", "auditor"])
def test_only_an_accountant_makes_vouchers(
    ledger: Ledger, as_role: Callable[..., FlaskClient], role: str
) -> None:
    client = as_role(role)
    assert client.get("/office/drafts/new").status_code == 403
    assert send(client, entry(*gift())).status_code == 403
    assert send(client, entry(*gift()), "/office/drafts/preview").status_code == 403
    assert drafts(ledger) == []


def test_a_draft_of_another_organisation_is_not_there(
    ledger: Ledger, as_role: Callable[..., FlaskClient], accountant: FlaskClient
) -> None:
    send(accountant, entry(*gift(), act="save"))
    (draft,) = drafts(ledger)
    stranger = as_role("accountant", org_code="XIAJIN")
    assert stranger.get(f"/xiajin/office/drafts/{draft.id}").status_code == 404
    assert stranger.get(f"/office/drafts/{draft.id}").status_code == 403
