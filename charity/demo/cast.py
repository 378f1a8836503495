"""Who and what the invented federation is made of: places, staff, givers, words."""

from __future__ import annotations

from dataclasses import dataclass

#: code, name, English name, kind, code above.
UNITS = (
    ("990000", "海岱市", "Haidai", "city", ""),
    ("990001", "临溪县", "Linxi County", "county", "990000"),
    ("990002", "青禾区", "Qinghe District", "county", "990000"),
    ("990003", "望岳县", "Wangyue County", "county", "990000"),
    ("990001001", "石桥镇", "Shiqiao Town", "township", "990001"),
    ("990001002", "柳河乡", "Liuhe Township", "township", "990001"),
    ("990002001", "文昌街道", "Wenchang Subdistrict", "township", "990002"),
    ("990003001", "云台镇", "Yuntai Town", "township", "990003"),
    ("990001001001", "东石桥村", "East Shiqiao Village", "village", "990001001"),
    ("990001001002", "西石桥村", "West Shiqiao Village", "village", "990001001"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One login of the demo.

    Attributes:
        roles: codes of ``users.rules.ROLES``.
        org: code of the org the person works for.
        unit: where the person sits; empty for the whole org.
    """

    username: str
    name: str
    roles: tuple[str, ...]
    org: str = "HAIDAI"
    unit: str = ""


STAFF = (
    Person("accountant", "孟雨桐", ("accountant",)),
    Person("reviewer", "周其远", ("reviewer",)),
    Person("cashier", "谢小满", ("cashier",)),
    Person("chief", "郑明彻", ("chief_accountant",)),
    Person("approver", "林致和", ("approver",)),
    Person("clerk", "何苗", ("gift_clerk",)),
    Person("caseworker", "石青", ("case_worker",), unit="990001001"),
    Person("coordinator", "白露", ("coordinator",), unit="990001"),
    Person("supervisor", "宋正平", ("supervisor",)),
    Person("auditor", "温如衡", ("auditor",)),
    Person("admin", "叶舟", ("administrator",)),
    Person("admin2", "江南舟", ("administrator",)),
    Person("county_accountant", "田禾", ("accountant",), org="LINXI"),
    Person("county_reviewer", "岳岭", ("reviewer",), org="LINXI"),
    Person("county_cashier", "泉水清", ("cashier",), org="LINXI"),
    Person("county_chief", "原野", ("chief_accountant",), org="LINXI"),
    Person("county_approver", "山雨", ("approver",), org="LINXI"),
    Person("county_admin", "方舟", ("administrator",), org="LINXI"),
)

#: code, name, English, kind, colour, purpose, English purpose, document.
FUNDS = (
    (
        "F1",
        "急难救助基金",
        "Emergency aid fund",
        "restricted",
        "emergency",
        "帮助遭遇火灾、车祸、突发重病等意外、一时难以生活的家庭渡过难关。",
        "Helps households that a fire, an accident or a sudden illness has left unable to get by.",
        "海慈理〔2026〕1号",
    ),
    (
        "F2",
        "医疗救助基金",
        "Medical aid fund",
        "restricted",
        "medical",
        "为经医保报销后自付费用仍难以承担的大病患者提供救助。",
        "Helps patients with a major illness who cannot bear what insurance leaves to pay.",
        "海慈理〔2026〕2号",
    ),
    (
        "F3",
        "发展帮扶基金",
        "Development support fund",
        "restricted",
        "development",
        "支持困难家庭的子女就学、青年就业和小额生产项目。",
        "Supports schooling, first jobs and small trades of households in need.",
        "海慈理〔2026〕3号",
    ),
    (
        "GEN",
        "非限定资金",
        "General money",
        "general",
        "general",
        "捐赠人未指定用途的资金，用于本会章程规定的慈善活动和必要的管理支出。",
        "Money given without a purpose, for the charitable work of the charter and its running costs.",
        "章程第四条",
    ),
    (
        "AGENCY",
        "受托代理",
        "Agency money",
        "agency",
        "general",
        "捐赠人指定了具体受益人、本会只代为转交的款项。",
        "Money the giver has fixed a recipient for and the federation only passes on.",
        "",
    ),
)

SURNAMES = "陆沈叶方石田江白林何宋温岳孟周谢郑原泉欧阳"
GIVEN = (
    "知远",
    "小满",
    "青禾",
    "见山",
    "若水",
    "云舒",
    "守拙",
    "长安",
    "念慈",
    "望舒",
    "一诺",
    "思齐",
    "𬭎",
    "㛃",
    "䶮",
)

COMPANIES = (
    "海岱云帆纺织有限公司",
    "海岱青禾粮油有限公司",
    "临溪石桥建材厂",
    "望岳山泉饮品有限公司",
    "海岱同心物流有限公司",
    "海岱文昌印务有限公司",
    "海岱市企业家协会",
    "海岱第二实验小学",
    "海岱市望岳文化旅游与现代农业融合发展投资集团股份有限公司工会委员会",
)

#: What givers write, and which fund it means; empty: they do not say.
PURPOSES = (
    ("急难救助基金", 30),
    ("医疗救助基金", 30),
    ("发展帮扶基金", 15),
    ("不限定用途", 20),
    ("冬季送温暖 急难", 5),
)

#: Amounts of small gifts in yuan and how common they are.
AMOUNTS = (
    (1, 6),
    (5, 8),
    (10, 18),
    (20, 16),
    (50, 18),
    (66, 4),
    (88, 4),
    (100, 20),
    (200, 10),
    (500, 6),
    (1000, 3),
)

#: Kind of aid per fund: words of the summary, low and high amount in yuan, payments a month.
AID = {
    "F1": ("急难救助", 1500, 6000, 9),
    "F2": ("医疗救助", 3000, 12000, 9),
    "F3": ("助学就业帮扶", 1000, 4000, 7),
}
