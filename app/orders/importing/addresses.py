"""A free-text address cut into the parts coverage knows."""

import re
import unicodedata
from dataclasses import dataclass

_PROVINCE = re.compile(r"^(?:中国)?(?:[^\d区县]{2,8}?(?:省|自治区))?(?:[^\d区县]{2,6}?市)?")
_DISTRICT = re.compile(r"^([^\d路街弄号]{1,8}?(?:新区|区|县))")
_SUBDISTRICT = re.compile(r"^([^\d路弄号]{1,10}?(?:街道|镇|乡))")
_STREET = re.compile(r"^([^\d弄号]{1,14}?(?:公路|大道|马路|路|街|巷|道))(?=\d|$|[^\d])")
_LANE = re.compile(r"^(\d+)弄")
_HOUSE = re.compile(r"^(\d+(?:-\d+)?)(?:号楼|号|栋|幢|座|#)?")
_COMPOUND = re.compile(r"^([^\d]{2,20}?)(?=\d|$|\()")
_NO_COMPOUND = re.compile(r"^[号栋幢座室楼单元,，、\-()]+$")


@dataclass(frozen=True, slots=True)
class AddressParts:
    """District, street, house number, compound and what is left for the door."""

    district: str
    street: str
    house_no: str
    compound: str
    door: str


def cut_address(text: str) -> AddressParts:
    """Cut "徐汇区漕溪北路125弄3号402室" into its parts; never fails, empty parts are ""."""
    rest = re.sub(r"[\s,，。;；]+", "", unicodedata.normalize("NFKC", text))
    rest = _PROVINCE.sub("", rest, count=1)
    district, rest = _take(_DISTRICT, rest)
    subdistrict, rest = _take(_SUBDISTRICT, rest)
    street, rest = _take(_STREET, rest)
    lane = ""
    house_no = ""
    if street:
        lane, rest = _take(_LANE, rest)
        if not lane:
            house_no, rest = _take(_HOUSE, rest)
    compound, rest = _take(_COMPOUND, rest)
    if _NO_COMPOUND.match(compound):
        rest, compound = compound + rest, ""
    if lane:
        house_no = lane
    elif not house_no:
        house_no, rest = _take(_HOUSE, rest)
    return AddressParts(
        district=district,
        street=street or subdistrict,
        house_no=house_no,
        compound=compound,
        door=rest or text.strip()[-30:],
    )


def _take(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    found = pattern.match(text)
    if found is None:
        return "", text
    return found.group(1), text[found.end() :]
