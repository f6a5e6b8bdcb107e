"""Money in the capital figures of receipts (大写金额), which nobody can change by a stroke."""

from typing import Final

_FIGURES: Final = "零壹贰叁肆伍陆柒捌玖"
_PLACES: Final = ("", "拾", "佰", "仟")
_GROUPS: Final = ("", "万", "亿")
_GROUP: Final = 10_000


def capital_yuan(fen: int) -> str:
    """An amount of at least zero, in fen: 120030 -> "壹仟贰佰元叁角整"."""
    yuan, rest = divmod(fen, 100)
    jiao, cents = divmod(rest, 10)
    said = f"{_whole(yuan)}元" if yuan or not rest else ""
    if jiao:
        said += f"{_FIGURES[jiao]}角"
    elif cents and yuan:
        said += "零"
    return said + (f"{_FIGURES[cents]}分" if cents else "整")


def _whole(number: int) -> str:
    groups: list[int] = []
    while number:
        number, group = divmod(number, _GROUP)
        groups.append(group)
    said, gap = "", False
    for place in reversed(range(len(groups))):
        group = groups[place]
        if group:
            is_short = group < _GROUP // 10
            said += ("零" if said and (gap or is_short) else "") + _four(group) + _GROUPS[place]
        gap = not group
    return said or "零"


def _four(group: int) -> str:
    said, gap = "", False
    for place in (3, 2, 1, 0):
        figure = group // 10**place % 10
        if figure:
            said += ("零" if said and gap else "") + _FIGURES[figure] + _PLACES[place]
        gap = not figure
    return said
