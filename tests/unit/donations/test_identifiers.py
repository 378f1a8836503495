"""Numbers are checked by their own digits, brought to one form and masked."""

from __future__ import annotations

import pytest

from charity.donations.identifiers import read_identifier, sort_credential


@pytest.mark.parametrize(
    ("kind", "text", "value", "masked"),
    [
        ("credit_code", "51371400MJE0000017", "51371400MJE0000017", "51371400MJE0000017"),
        ("credit_code", "53370000mjd123456w", "53370000MJD123456W", "53370000MJD123456W"),
        ("credit_code", "9137 1400 MA3ABCDE1C", "91371400MA3ABCDE1C", "91371400MA3ABCDE1C"),
        ("id_number", "371402198001010012", "371402198001010012", "371**************2"),
        ("id_number", "371421 20150630 0027", "371421201506300027", "371**************7"),
        ("id_number", "E12345678", "E12345678", "E12*****8"),
        ("phone", "138 0534 1234", "+8613805341234", "138****1234"),
        ("phone", "＋86 13805341234", "+8613805341234", "138****1234"),
        ("phone", "0534-2621234", "+865342621234", "534****1234"),
        ("account", "6222 0200 1234 5678 901", "6222020012345678901", "****8901"),
    ],
)
def test_a_right_number_is_kept_in_one_form(kind: str, text: str, value: str, masked: str) -> None:
    identifier, problems = read_identifier(kind, text)
    assert problems == []
    assert identifier is not None
    assert (identifier.value, identifier.masked, len(identifier.hash)) == (value, masked, 64)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("credit_code", "51371400MJE0000018"),
        ("credit_code", "5137I400MJE0000017"),
        ("id_number", "371402198001010013"),
        ("id_number", "371402198002300011"),
        ("id_number", "3714021980"[:7]),
        ("phone", "12345"),
        ("phone", "不详"),
        ("account", "12"),
        ("account", "**某(156******89)"),
    ],
)
def test_a_wrong_number_is_refused_with_its_end_only(kind: str, text: str) -> None:
    identifier, problems = read_identifier(kind, text)
    assert identifier is None
    assert [problem.code for problem in problems] == [f"{kind}_wrong"]
    assert len(str(problems[0].params["tail"])) <= 4


def test_a_blank_number_is_no_number() -> None:
    assert read_identifier("phone", "  ") == (None, [])


def test_equal_numbers_share_a_hash_however_they_are_written() -> None:
    first, second = (read_identifier("phone", text)[0] for text in ("13805341234", "+86 138-0534-1234"))
    assert first is not None
    assert second is not None
    assert first.hash == second.hash


def test_a_credential_tells_a_body_from_a_person() -> None:
    assert sort_credential("51371400MJE0000017") == "credit_code"
    assert sort_credential("371402198001010012") == "id_number"
