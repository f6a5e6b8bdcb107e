"""The columns of a book and the titles station clerks give them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum

from app.orders.book.errors import BookError


class Column(StrEnum):
    """A known column; its value is the title our documentation uses."""

    CUSTOMER_NO = "订户编号"
    NAME = "姓名"
    PHONE = "电话"
    ALT_PHONE = "备用电话"
    ADDRESS = "地址"
    STATION = "奶站"
    DELIVERER = "送奶员"
    PRODUCT = "产品"
    SPEC = "规格"
    DAILY_QUANTITY = "每日数量"
    MONDAY = "周一"
    TUESDAY = "周二"
    WEDNESDAY = "周三"
    THURSDAY = "周四"
    FRIDAY = "周五"
    SATURDAY = "周六"
    SUNDAY = "周日"
    INTERVAL_DAYS = "间隔天数"
    TIME_QUANTITY = "每次数量"
    START_DATE = "起送日期"
    END_DATE = "止送日期"
    GIFT_DAYS = "赠送天数"
    PAUSE_FROM = "停奶起"
    PAUSE_TO = "停奶止"
    UNIT_PRICE = "单价"
    TOTAL = "总金额"
    DELIVERED = "已送数量"
    REMAINING = "剩余数量"
    REMAINING_AMOUNT = "剩余金额"
    BOX_DEPOSIT = "奶箱押金"
    PAYMENT_METHOD = "付款方式"
    SOURCE = "来源"
    REMARKS = "备注"


WEEKDAYS = (
    Column.MONDAY,
    Column.TUESDAY,
    Column.WEDNESDAY,
    Column.THURSDAY,
    Column.FRIDAY,
    Column.SATURDAY,
    Column.SUNDAY,
)
REQUIRED = (
    Column.CUSTOMER_NO,
    Column.NAME,
    Column.PHONE,
    Column.ADDRESS,
    Column.PRODUCT,
    Column.START_DATE,
)
MONEY = frozenset({Column.UNIT_PRICE, Column.TOTAL, Column.REMAINING_AMOUNT, Column.BOX_DEPOSIT})
BOTTLES = frozenset(
    {Column.DAILY_QUANTITY, Column.TIME_QUANTITY, Column.DELIVERED, Column.REMAINING, *WEEKDAYS}
)

SHARED_WHEN_MERGED = frozenset(
    {
        Column.CUSTOMER_NO,
        Column.NAME,
        Column.PHONE,
        Column.ALT_PHONE,
        Column.ADDRESS,
        Column.STATION,
        Column.DELIVERER,
        Column.PRODUCT,
        Column.SPEC,
        Column.START_DATE,
        Column.END_DATE,
        Column.PAUSE_FROM,
        Column.PAUSE_TO,
        Column.UNIT_PRICE,
        Column.PAYMENT_METHOD,
        Column.SOURCE,
        Column.REMARKS,
    }
)
"""A merged cell of these says the same of every row it covers; a merged amount or quantity might
be one sum for all of them, so it is refused."""

ALIASES: Mapping[Column, str] = {
    Column.CUSTOMER_NO: "订户号 客户编号 客户号 用户编号 用户号 会员编号 奶户编号 户号",
    Column.NAME: "订户姓名 客户姓名 用户姓名 客户名称 收奶人 联系人",
    Column.PHONE: "手机 手机号 手机号码 联系电话 电话号码 联系方式 订户电话 客户电话",
    Column.ALT_PHONE: "备用手机 第二电话 其他电话 电话2 固定电话 座机",
    Column.ADDRESS: "详细地址 配送地址 送奶地址 送货地址 收货地址 家庭地址 住址",
    Column.STATION: "奶站名称 所属奶站 配送站 站点",
    Column.DELIVERER: "送奶工 送奶人 配送员 投递员",
    Column.PRODUCT: "产品名称 商品 商品名称 品名 奶品 品种",
    Column.SPEC: "产品规格 商品规格 包装规格",
    Column.DAILY_QUANTITY: "每天数量 每日瓶数 每日份数 日数量 日订量",
    Column.INTERVAL_DAYS: "配送间隔天数 每几天送一次",
    Column.TIME_QUANTITY: "每次瓶数 每次份数 单次数量",
    Column.START_DATE: "起送日 起奶日期 起始日期 开始日期 开始送奶日期",
    Column.END_DATE: "止送日 止奶日期 截止日期 终止日期 结束日期 到期日期",
    Column.GIFT_DAYS: "赠天数 赠奶天数",
    Column.PAUSE_FROM: "停奶开始 停奶开始日期 停奶起日期 停送起",
    Column.PAUSE_TO: "停奶结束 停奶结束日期 停奶止日期 停送止",
    Column.UNIT_PRICE: "产品单价 每瓶单价",
    Column.TOTAL: "总价 订单金额 订奶金额",
    Column.DELIVERED: "已送瓶数 已送份数 已配送数量",
    Column.REMAINING: "剩余瓶数 剩余份数 未送数量 结余数量",
    Column.REMAINING_AMOUNT: "剩余奶款 未送金额 结余金额",
    Column.BOX_DEPOSIT: "押金 箱押金",
    Column.PAYMENT_METHOD: "支付方式 缴费方式 收款方式",
    Column.SOURCE: "订单来源 客户来源 来源渠道 订购渠道 渠道",
    Column.REMARKS: "备注说明 说明",
}
"""Other titles, as `docs/howto/import-your-book.md` lists them."""
_SHORT_WEEKDAYS = dict(zip("一二三四五六日", WEEKDAYS, strict=True)) | {"天": Column.SUNDAY}


def _known_titles() -> dict[str, Column]:
    titles: dict[str, Column] = {column.value: column for column in Column}
    for column, names in ALIASES.items():
        titles.update(dict.fromkeys(names.split(), column))
    for number, (short, column) in enumerate(_SHORT_WEEKDAYS.items(), 1):
        titles.update(dict.fromkeys((f"周{short}", f"星期{short}", f"礼拜{short}"), column))
        if number <= 7:
            titles.update(dict.fromkeys((f"周{number}", f"星期{number}"), column))
    return titles


_TITLES = _known_titles()
_BRACKETS = re.compile(r"[(\[{【〔].*?[)\]}】〕]")
_DECORATION = re.compile(r"[\s*:☆★]+")
_NOT_YUAN = re.compile("[分角万千美]|USD", re.IGNORECASE)
_NOT_BOTTLES = re.compile("[箱件提板天元]")


def plain_title(text: str) -> str:
    """A title without width, spaces, stars and what stands in brackets: " 单价（元）*" -> "单价"."""
    narrow = unicodedata.normalize("NFKC", text)
    return _DECORATION.sub("", _BRACKETS.sub("", narrow))


def recognise(titles: Iterable[tuple[int, str]]) -> dict[int, Column]:
    """Which positions of a line carry a known title.

    A lone 一 … 日 is a weekday only beside at least four others of its kind.
    """
    found: dict[int, Column] = {}
    short: dict[int, Column] = {}
    for index, text in titles:
        title = plain_title(text)
        if title in _TITLES:
            found[index] = _TITLES[title]
        elif title in _SHORT_WEEKDAYS:
            short[index] = _SHORT_WEEKDAYS[title]
    return found | short if len(short) >= 5 else found


def check_unit(column: Column, title: str) -> None:
    """Refuse a title whose brackets name another unit than yuan or bottles.

    Raises BookError.
    """
    bracketed = "".join(_BRACKETS.findall(unicodedata.normalize("NFKC", title)))
    if column in MONEY and _NOT_YUAN.search(bracketed):
        raise BookError(f"“{title}”一列的单位不是元，请换算成元后再导入")
    if column in BOTTLES and _NOT_BOTTLES.search(bracketed):
        raise BookError(f"“{title}”一列的单位不是瓶，请换算成瓶（份）数后再导入")


def missing_columns(columns: Iterable[Column]) -> list[str]:
    """Titles a book cannot do without and that are not among `columns`."""
    present = set(columns)
    missing = [column.value for column in REQUIRED if column not in present]
    has_interval = {Column.INTERVAL_DAYS, Column.TIME_QUANTITY} <= present
    if not (Column.DAILY_QUANTITY in present or has_interval or present & set(WEEKDAYS)):
        missing.append("每日数量（或 周一…周日，或 间隔天数 和 每次数量）")
    if not present & {Column.REMAINING, Column.REMAINING_AMOUNT}:
        missing.append("剩余数量（或 剩余金额）")
    return missing
