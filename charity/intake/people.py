"""What a name, a phone and a number say about a giver: hints, never decisions.

Imports python-stdnum through one late import. A hint spares the clerk a click; the
donor's record is decided by a person.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BODY = re.compile(
    r"公司|集团|工厂|[化纺机药电]厂|厂$|商行|商店|超市|酒店|饭店|药房|药店|门诊|医院|学校|大学|学院|中学|小学|幼儿园|"
    r"协会|学会|商会|联合会|慈善会|总会|基金会|促进会|工会|合作社|经营部|服务部|工作室|事务所|委员会|"
    r"政府|局$|办公室|办事处|街道办|村委|居委|支部|中心$|银行|信用社|支行|分行|合伙|个体|企业|单位|"
    r"部队|大队|支队|寺$|教会|教堂|Co\.|Ltd|Inc",
    re.IGNORECASE,
)
_PERSON = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]{2,4}|[\u3400-\u9fff]{1,8}·[\u3400-\u9fff·]{1,15}")
_UNNAMED = re.compile(
    r"(?:爱心|好心|热心|匿名|无名|隐名|不愿|不具名|未署名|某)(?:人士|人|市民|网友|群众|氏|捐赠人|捐款人|透露姓名(?:者)?|先生|女士)?|无名氏"
)


@lru_cache(maxsize=16_384)
def donor_kind_hint(name: str) -> str:
    """Return ``body`` or ``person`` by the look of a name, empty when it does not tell."""
    plain = unicodedata.normalize("NFKC", name).strip()
    if _BODY.search(plain):
        return "body"
    return "person" if _PERSON.fullmatch(plain) and not is_unnamed(plain) else ""


def is_unnamed(name: str) -> bool:
    """Say whether a name says that the giver gave none (爱心人士, 匿名, 无名氏)."""
    return _UNNAMED.fullmatch(unicodedata.normalize("NFKC", name).strip()) is not None


def is_phone(text: str) -> bool:
    """Say whether text is a mainland mobile or fixed-line number, or an international one."""
    return (
        re.fullmatch(r"(?:\+?86)?1[3-9]\d{9}|0\d{2,3}\d{7,8}|\d{7,8}|\+\d{7,15}|400\d{7}", text) is not None
    )


def is_identity(text: str) -> bool:
    """Say whether text is a right identity number, credit code or other known document number.

    Residence permits of Hong Kong, Macao and Taiwan people (81, 82, 83) carry the same
    check digit as an identity number and are accepted; passports and old 15-digit numbers
    have none and are accepted as they are.
    """
    if re.fullmatch(r"\d{17}[\dX]", text):
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        rest = sum(int(digit) * weight for digit, weight in zip(text, weights, strict=False)) % 11
        if "10X98765432"[rest] == text[-1]:
            return True
    if len(text) == 18:
        from stdnum.cn import uscc

        return bool(uscc.is_valid(text))
    return re.fullmatch(r"\d{15}|[A-Z]{1,2}\d{7,9}|\d{8}|\d{9}|\d{10}", text) is not None
