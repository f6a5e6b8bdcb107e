"""Free-text addresses as station clerks write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.importing.addresses import AddressParts, cut_address


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("上海市徐汇区漕溪北路125弄3号402室", ("徐汇区", "漕溪北路", "125", "", "3号402室")),
        ("徐汇区漕溪北路 125号 402", ("徐汇区", "漕溪北路", "125", "", "402")),
        ("徐汇区梅陇一村12号301室", ("徐汇区", "", "12", "梅陇一村", "301室")),
        (
            "浦东新区花木街道玉兰香苑１２栋3单元502",
            ("浦东新区", "花木街道", "12", "玉兰香苑", "3单元502"),
        ),
        (
            "闵行区七宝镇漕宝路1555弄阳光花园8号601",
            ("闵行区", "漕宝路", "1555", "阳光花园", "8号601"),
        ),
        ("静安区南京西路100号恒隆公寓2501", ("静安区", "南京西路", "100", "恒隆公寓", "2501")),
        ("梅陇一村12号", ("", "", "12", "梅陇一村", "梅陇一村12号")),
    ],
)
def test_parts(text: str, parts: tuple[str, ...]) -> None:
    assert cut_address(text) == AddressParts(*parts)


@given(st.text(max_size=80))
def test_never_fails_and_always_has_a_door(text: str) -> None:
    parts = cut_address(text)
    assert parts.door or not text.strip()
