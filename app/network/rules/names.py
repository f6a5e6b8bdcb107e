"""How streets, compounds, districts and house numbers are compared.

Addresses come from phones, paper books and callers: full-width digits, spaces and the house number
written behind the street are all the same address.
"""

import re
import unicodedata

_NOISE = re.compile(r"[\W_]+")
_SPACES = re.compile(r"\s+")
_UNIT = r"(?:支弄|弄|号楼|号|幢|栋|座|楼|单元|室|层)"
# Possessive throughout: a long run of digits is read once, not in every way it could be cut.
_NUMBER = r"[甲乙丙丁]?\d++[a-z甲乙丙丁]?+(?:-\d++)*+"
_HOUSE = re.compile(rf"(?P<name>.*?)(?P<house>{_NUMBER}{_UNIT}(?:{_NUMBER}{_UNIT}?+)*+)$")
_BARE_HOUSE = re.compile(r"(?P<name>.*[\u3400-\u9fff])(?P<house>\d++(?:-\d++)*+)$")
_BUILDING = re.compile(r"(\d++)[a-z甲乙丙丁]?+(?:-\d++)*+(?:号楼|号|幢|栋|座|楼)")
_DIGITS = re.compile(r"\d+")
_DISTRICT_ENDS = ("新区", "区", "县", "市")
LARGEST_HOUSE = 99_999


def _narrow(text: str) -> str:
    return _SPACES.sub("", unicodedata.normalize("NFKC", text).casefold())


def _bare(text: str) -> str:
    return _NOISE.sub("", text)


def split_house(text: str, *, bare_digits: bool) -> tuple[str, str]:
    """A written street or compound as name and the house number behind it, if there is one.

    "漕溪北路12弄3号" is ("漕溪北路", "12弄3号"). `bare_digits` also takes a number without 号 or 弄:
    right for streets, wrong for compounds ("万科城2").
    """
    narrow = _narrow(text)
    found = _HOUSE.match(narrow)
    if found is None and bare_digits:
        found = _BARE_HOUSE.match(narrow)
    if found is None or not _bare(found["name"]):
        return _bare(narrow), ""
    return _bare(found["name"]), found["house"]


def street_name(text: str) -> str:
    """A street as it is stored in rules and compared."""
    return split_house(text, bare_digits=True)[0]


def compound_name(text: str) -> str:
    """A compound as it is stored in rules and compared."""
    return split_house(text, bare_digits=False)[0]


def district_name(text: str) -> str:
    """A district as it is stored in rules and compared: "徐汇区" and "徐汇" are one."""
    name = _bare(_narrow(text))
    for ending in _DISTRICT_ENDS:
        if name.endswith(ending) and len(name) - len(ending) >= 2:
            return name.removesuffix(ending)
    return name


def house_numbers(text: str) -> tuple[int | None, int | None]:
    """House number on the street and number of the building: "12弄3号" is (12, 3), "5号" is (5, 5)."""
    narrow = _narrow(text)
    first = _DIGITS.search(narrow)
    building = _BUILDING.search(narrow)
    house = _number(first.group()) if first else None
    return house, (_number(building.group(1)) if building else None) or house


def _number(digits: str) -> int | None:
    number = int(digits[:9])
    return number if number <= LARGEST_HOUSE else None
