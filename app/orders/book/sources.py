"""Where an order came from, as books write it, to the codes that KPIs count."""

from enum import StrEnum

from app.orders.book.cells import narrow_text


class BookSource(StrEnum):
    """Known sources of an imported order; web, app, mini_program, tmall, jd count as internet."""

    PHONE = "phone"
    DOOR = "door"
    MINI_PROGRAM = "mini_program"
    APP = "app"
    WEB = "web"
    TMALL = "tmall"
    JD = "jd"
    SHOP = "shop"


_SPELLINGS = {
    BookSource.PHONE: "电话 电话订购 电话订奶 来电 热线 订奶热线 客服电话",
    BookSource.DOOR: "上门 上门订购 上门推销 送奶员 送奶工 入户",
    BookSource.MINI_PROGRAM: "微信小程序 小程序",
    BookSource.APP: "app 手机app 自有app 客户端",
    BookSource.WEB: "网站 官网 官方网站 网上订奶 web",
    BookSource.TMALL: "天猫 天猫旗舰店 天猫商城 tmall",
    BookSource.JD: "京东 京东旗舰店 京东商城 jd",
    BookSource.SHOP: "门店 奶站 实体店 店面 柜台",
}
_CODES = {name: source for source, names in _SPELLINGS.items() for name in names.split()} | {
    source.value: source for source in BookSource
}


def source_of(text: str) -> BookSource | None:
    """The source a spelling stands for, None when unknown. Raises CellError."""
    return _CODES.get(narrow_text(text).casefold())
