"""Telephone numbers as clerks write them."""

import re

from app.orders.book.cells import CellValue, narrow_text, number_text
from app.orders.book.errors import CellError

LONGEST = 200

_MARKS = str.maketrans("", "", " -‐‑‒–—―−.·()")
_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
_MOBILES = re.compile(r"(?:1[3-9][0-9]{9}){2,4}")
_LANDLINE = re.compile(
    r"(?:(?:\+|00)86)?(?P<area>0?(?:10|2[0-9])|0?[3-9][0-9]{2})(?P<number>[2-9][0-9]{6,7})"
)
_EXTENSION = re.compile(r"(?:转|分机|ext\.?|#)([0-9]{1,6})$", re.IGNORECASE)
_DASHED_EXTENSION = re.compile(r"^(.*[0-9]{7,8})-([0-9]{1,6})$")
_SEPARATORS = re.compile(r"[/、,，;；|\n\\或]")
_NUMBER_AS_TEXT = re.compile(r"([0-9]{7,})\.0+")
_EXPONENT = re.compile(r"[0-9.]+E\+?[0-9]+", re.IGNORECASE)


def _landline(digits: str, extension: str | None) -> str | None:
    found = _LANDLINE.fullmatch(digits)
    if found is None or not (found["area"].startswith("0") or digits.startswith(("+", "00"))):
        return None
    if len(found["number"]) == 7 and found["area"].lstrip("0")[0] in "12":
        return None
    area = found["area"] if found["area"].startswith("0") else "0" + found["area"]
    number = f"{area}-{found['number']}"
    return f"{number}-{extension}" if extension else number


def _refusal(digits: str) -> CellError:
    if "*" in digits:
        return CellError("电话被打了星号，请填完整号码")
    if _EXPONENT.fullmatch(digits):
        return CellError("电话被表格软件缩成了科学计数，尾数已丢失，请以文本格式重新填写")
    if digits.isdigit() and len(digits) in (7, 8):
        return CellError("座机缺少区号，例如 021-62345678")
    if digits.isdigit() and digits.startswith("1"):
        return CellError(f"手机号应是 11 位，这里是 {len(digits)} 位")
    return CellError("不像电话号码；手机 11 位，座机带区号")


def one_phone(text: str) -> str:
    """A mobile as 11 digits, a landline as area-number or area-number-extension.

    Raises CellError.
    """
    spaced = narrow_text(text)
    if number := _NUMBER_AS_TEXT.fullmatch(spaced):
        spaced = number[1]
    extension: str | None = None
    if found := _EXTENSION.search(spaced):
        extension, spaced = found[1], spaced[: found.start()]
    digits = spaced.translate(_MARKS)
    if mobile := _MOBILE.fullmatch(digits):
        if extension is not None:
            raise CellError("手机号不应带分机；平台的虚拟号码用不了多久，请填真实号码")
        return mobile[1]
    landline = _landline(digits, extension)
    if landline is None and extension is None and (dashed := _DASHED_EXTENSION.match(spaced)):
        landline = _landline(dashed[1].translate(_MARKS), dashed[2])
    if landline is None:
        raise _refusal(spaced if "." in spaced or "*" in spaced else digits)
    return landline


def _several_by_space(text: str) -> list[str] | None:
    joined = "".join(text.split())
    if _MOBILES.fullmatch(joined):
        return [joined[at : at + 11] for at in range(0, len(joined), 11)]
    words = text.split()
    if len(words) < 2:
        return None
    try:
        return [one_phone(word) for word in words]
    except CellError:
        return None


def phones_cell(value: CellValue) -> tuple[str, ...]:
    """One or several different numbers of one cell, in their order.

    Numbers may come as text or as numbers (13800138000.0), with +86, spaces, dashes, brackets.
    Raises CellError, naming the first that cannot be dialled.
    """
    if type(value) is str and len(value) == 11 and _MOBILE.fullmatch(value):
        return (value,)
    if isinstance(value, bool) or value is None:
        raise CellError("应是电话号码")
    if isinstance(value, int | float):
        return (one_phone(number_text(value)),)
    if not isinstance(value, str):
        raise CellError("被表格软件变成了日期，请把单元格设为文本后重新输入")
    if len(value) > LONGEST:
        raise CellError(f"超过 {LONGEST} 个字")
    found: list[str] = []
    for piece in filter(None, (part.strip() for part in _SEPARATORS.split(value))):
        try:
            found.append(one_phone(piece))
        except CellError:
            several = _several_by_space(piece)
            if several is None:
                raise
            found.extend(several)
    if not found:
        raise CellError("应是电话号码")
    return tuple(dict.fromkeys(found))
