"""Order files that sellers export: 千牛 of Tmall and Taobao, 京麦 of JD; one line per position.

CSV (UTF-8 with or without BOM, GB18030) or XLSX. Columns are known by title, in any order; what is
not known is kept with the order. Amounts are yuan in the file, fen in our words.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from app.core.clock import OPERATOR_ZONE
from app.core.money import fen_from_yuan
from app.marketplaces.states import Marketplace
from app.orders.book.cells import CellValue, shown
from app.orders.book.errors import BookError
from app.orders.book.sheet import read_rows
from app.orders.book.textfile import TextFormat, read_records
from app.orders.book.workbook import Workbook

MAX_BYTES: Final = 50 * 2**20
SEARCHED_ROWS: Final = 20
_ZIP: Final = b"PK\x03\x04"
_GUARD: Final = re.compile(r'^="?(.*?)"?$')
_WHEN: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M")


class Field(StrEnum):
    """What a line says; the value is our title for error files."""

    NUMBER = "订单编号"
    LINE_NO = "子订单编号"
    SKU = "商家编码"
    TITLE = "商品标题"
    UNITS = "购买数量"
    LINE_PAID = "商品实付金额"
    PAID = "订单实付金额"
    STATUS = "订单状态"
    PAID_AT = "付款时间"
    CHANGED_AT = "最近修改时间"
    NAME = "收货人姓名"
    PHONE = "联系手机"
    ADDRESS = "收货地址"
    REMARK = "买家留言"
    MEMO = "商家备注"
    REFUND = "退款金额"


_SHARED: Final = {
    Field.SKU: "商家编码 外部系统编号 商家SKU编码 商家SKUID 商家sku SKU编码",
    Field.STATUS: "订单状态 交易状态",
    Field.CHANGED_AT: "最近修改时间 订单修改时间 修改时间",
    Field.MEMO: "商家备注 卖家备注 备忘",
    Field.REFUND: "退款金额 已退款金额",
}
_TITLES: Final[Mapping[Marketplace, Mapping[Field, str]]] = {
    Marketplace.TMALL: _SHARED
    | {
        Field.NUMBER: "订单编号 主订单编号",
        Field.LINE_NO: "子订单编号",
        Field.TITLE: "商品标题 宝贝标题 标题",
        Field.UNITS: "购买数量 宝贝总数量 数量",
        Field.LINE_PAID: "商品实付金额 买家实付金额 实付金额",
        Field.PAID: "买家实际支付金额 订单实付金额 总金额",
        Field.PAID_AT: "订单付款时间 付款时间",
        Field.NAME: "收货人姓名 收件人姓名",
        Field.PHONE: "联系手机 收件人手机 手机",
        Field.ADDRESS: "收货地址 收件地址",
        Field.REMARK: "买家留言 订单备注",
    },
    Marketplace.JD: _SHARED
    | {
        Field.NUMBER: "订单号 订单编号",
        Field.LINE_NO: "商品ID SKUID 京东SKU",
        Field.TITLE: "商品名称",
        Field.UNITS: "订购数量 商品数量 数量",
        Field.LINE_PAID: "商品应付金额 商品实付金额 商品结算金额",
        Field.PAID: "应付金额 订单应付金额 用户应付金额",
        Field.PAID_AT: "付款确认时间 付款时间",
        Field.NAME: "客户姓名 收货人姓名 收货人",
        Field.PHONE: "联系电话 客户电话 手机",
        Field.ADDRESS: "客户地址 收货地址",
        Field.REMARK: "订单备注 客户备注 买家留言",
    },
}
_NEEDED: Final = (Field.NUMBER, Field.SKU, Field.UNITS, Field.PAID, Field.PAID_AT, Field.STATUS)


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line: known fields as text, everything else by its title."""

    row_no: int
    said: Mapping[Field, str] = field(repr=False)
    rest: Mapping[str, str] = field(repr=False)

    def raw(self) -> dict[str, Any]:
        """The line as it came."""
        return {one.value: text for one, text in self.said.items()} | dict(self.rest)


def read_lines(path: Path, source: Marketplace) -> Iterator[FileLine]:
    """The lines below the header of a file; raises BookError for what is no export."""
    columns: dict[int, Field] = {}
    titles: Sequence[str] = ()
    for row_no, cells in _rows(path):
        texts = [_text(cell) for cell in cells]
        if not columns:
            columns, titles = _header(texts, source), texts
            if not columns and row_no >= SEARCHED_ROWS:
                break
            continue
        if not any(texts):
            continue
        said = {known: texts[at] for at, known in columns.items() if at < len(texts)}
        rest = {
            titles[at]: text
            for at, text in enumerate(texts)
            if text and at not in columns and at < len(titles) and titles[at]
        }
        yield FileLine(row_no, said, rest)
    if not columns:
        named = "、".join(one.value for one in _NEEDED)
        raise BookError(f"前 {SEARCHED_ROWS} 行里没有找到表头；需要 {named} 等列")


def _header(texts: Sequence[str], source: Marketplace) -> dict[int, Field]:
    """Which column says what; the first of a field's titles that is there counts."""
    at = {text: place for place, text in reversed(list(enumerate(texts))) if text}
    columns = {}
    for known, spellings in _TITLES[source].items():
        place = next((at[title] for title in spellings.split() if title in at), None)
        if place is not None and place not in columns:
            columns[place] = known
    return columns if set(_NEEDED) <= set(columns.values()) else {}


def _text(cell: CellValue) -> str:
    text = shown(cell).strip().strip("\t'").strip()
    guarded = _GUARD.match(text)
    return (guarded[1] if guarded else text).strip()


def _rows(path: Path) -> Iterator[tuple[int, Sequence[CellValue]]]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise BookError(f"打不开这个文件：{path.name}") from error
    if size > MAX_BYTES:
        raise BookError("文件超过 50 MB，请拆成几个文件")
    if head == _ZIP:
        with Workbook(path) as book:
            if not book.sheets:
                raise BookError("工作簿里没有工作表")
            yield from read_rows(book, book.sheets[0])
        return
    yield from read_records(path, TextFormat(_encoding(path), ","))


def _encoding(path: Path) -> str:
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    raise BookError("文件不是 UTF-8 或 GB18030 编码，请另存为 UTF-8 或 .xlsx")


def read_instant(text: str) -> datetime:
    """A Beijing time of an export; raises ValueError."""
    plain = text.removesuffix(".0")
    for shape in _WHEN:
        try:
            return datetime.strptime(plain, shape).replace(tzinfo=OPERATOR_ZONE)
        except ValueError:
            continue
    day = date.fromisoformat(plain)
    return datetime(day.year, day.month, day.day, tzinfo=OPERATOR_ZONE)


def read_fen(text: str) -> int:
    """An amount of an export, in fen; raises ValueError."""
    return fen_from_yuan(
        text.replace(",", "").removeprefix("¥").removeprefix("￥").removesuffix("元")
    )
