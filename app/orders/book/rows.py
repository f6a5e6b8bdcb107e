"""One line of a book to a typed row, or to everything that is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from app.orders.book.amounts import Amounts, settle
from app.orders.book.cells import (
    CellValue,
    boolean_cell,
    bottles_cell,
    clean_text,
    code_cell,
    days_cell,
    fen_cell,
    interval_cell,
    is_tick,
    shown,
    text_cell,
)
from app.orders.book.columns import WEEKDAYS, Column
from app.orders.book.dates import Pause, date_cell, date_list, pair_pauses
from app.orders.book.errors import CellError, RowWarning, masked_text
from app.orders.book.line import LineReader
from app.orders.book.patterns import (
    ByWeekday,
    EveryDay,
    EveryNDays,
    Pattern,
    bottles_without_pauses,
)
from app.orders.book.phones import phones_cell
from app.orders.book.sources import BookSource, source_of

LARGEST_QUANTITY = 99
MOST_GIFT_DAYS = 366
FARTHEST_DAYS = 3_653
"""No date of a running order lies more than ten years from today."""


@dataclass(frozen=True, slots=True)
class BookRow:
    """One running order line of one household, as the book tells it.

    Amounts in fen, quantities in bottles, days as the operator's dates; `end_date` and the ends
    of pauses are included. `remaining_bottles` are paid ones; gifts stand in `gift_days`.
    `remaining_bottles` is None only beside an `end_date`, `remaining_fen` only when no price can
    be derived. Contains personal data, in `notes` and `remarks` too.
    """

    row_no: int
    customer_no: str
    name: str
    phone: str
    alt_phone: str | None
    address: str
    station: str | None
    deliverer: str | None
    product: str
    spec: str | None
    pattern: Pattern
    start_date: date
    end_date: date | None
    remaining_bottles: int | None
    gift_days: int
    pauses: tuple[Pause, ...]
    unit_price_fen: int | None
    total_fen: int | None
    delivered_bottles: int | None
    remaining_fen: int | None
    box_deposit_fen: int
    payment_method: str | None
    source: BookSource | None
    remarks: str | None
    notes: Mapping[str, str] = field(default_factory=dict)


def _short(value: CellValue) -> str:
    return text_cell(value, longest=50)


def _long(value: CellValue) -> str:
    return text_cell(value, longest=200)


def _remark(value: CellValue) -> str:
    return text_cell(value, longest=500)


def _quantity(value: CellValue) -> int:
    quantity = bottles_cell(value, most=LARGEST_QUANTITY)
    if quantity == 0:
        raise CellError("数量不能是 0")
    return quantity


def _gift_days(value: CellValue) -> int:
    return days_cell(value, most=MOST_GIFT_DAYS)


def _by_weekday(line: LineReader) -> Pattern | None:
    each = line.take(Column.TIME_QUANTITY, _quantity)
    if each is None and any(is_tick(line.raw.cells.get(day)) for day in WEEKDAYS):
        each = line.take(Column.DAILY_QUANTITY, _quantity)

    def of_day(value: CellValue) -> int:
        if not is_tick(value):
            return bottles_cell(value, most=LARGEST_QUANTITY)
        if not boolean_cell(value):
            return 0
        if each is None:
            raise CellError("打了勾，但没有每次数量，请填瓶数")
        return each

    quantities = [line.take(day, of_day) or 0 for day in WEEKDAYS]
    if line.failed & {*WEEKDAYS}:
        return None
    if not any(quantities):
        line.fail(Column.MONDAY, "周一至周日全是 0，没有要送的日子")
        return None
    monday, tuesday, wednesday, thursday, friday, saturday, sunday = quantities
    return ByWeekday((monday, tuesday, wednesday, thursday, friday, saturday, sunday))


def _by_interval(line: LineReader) -> Pattern | None:
    if line.blank(Column.INTERVAL_DAYS) or line.blank(Column.TIME_QUANTITY):
        empty = Column.INTERVAL_DAYS if line.blank(Column.INTERVAL_DAYS) else Column.TIME_QUANTITY
        line.fail(empty, "间隔天数要和每次数量一起填写")
        return None
    every = line.take(Column.INTERVAL_DAYS, interval_cell)
    quantity = line.take(Column.TIME_QUANTITY, _quantity)
    daily = line.take(Column.DAILY_QUANTITY, _quantity)
    if every is None or quantity is None:
        return None
    if not line.blank(Column.DAILY_QUANTITY) and (every, daily) != (1, quantity):
        line.fail(Column.INTERVAL_DAYS, "每日数量和间隔天数只能填一种")
        return None
    return EveryDay(quantity) if every == 1 else EveryNDays(every, quantity)


def _pattern(line: LineReader) -> Pattern | None:
    if not all(line.blank(day) for day in WEEKDAYS):
        return _by_weekday(line)
    only_time = line.blank(Column.DAILY_QUANTITY) and not line.blank(Column.TIME_QUANTITY)
    if only_time or not line.blank(Column.INTERVAL_DAYS):
        return _by_interval(line)
    if line.blank(Column.DAILY_QUANTITY):
        line.fail(Column.DAILY_QUANTITY, "请填写每日数量，或周一至周日，或间隔天数和每次数量")
        return None
    quantity = line.take(Column.DAILY_QUANTITY, _quantity)
    return None if quantity is None else EveryDay(quantity)


def _phones(line: LineReader, notes: dict[str, str]) -> tuple[str | None, str | None]:
    first = line.need(Column.PHONE, phones_cell)
    second = line.take(Column.ALT_PHONE, phones_cell)
    numbers = list(dict.fromkeys((first or ()) + (second or ())))
    if len(numbers) > 2:
        line.warn(Column.PHONE, "电话超过两个，第三个起记在附注里")
        notes["其他电话"] = "、".join(numbers[2:])
    return (numbers[0] if first else None), (numbers[1] if len(numbers) > 1 else None)


def _notes(line: LineReader) -> dict[str, str]:
    notes: dict[str, str] = {}
    for title, value in line.raw.notes.items():
        text = shown(value)
        try:
            notes[clean_text(title)[:50]] = text_cell(text, longest=500)
        except CellError as error:
            reason = f"此格未导入：{error.reason}"
            line.warnings.append(RowWarning(line.raw.row_no, title, masked_text(text[:50]), reason))
    return notes


def _dates(line: LineReader, today: date) -> tuple[date | None, date | None]:
    def day(value: CellValue) -> date:
        found = date_cell(value, date1904=line.date1904)
        if abs((found - today).days) > FARTHEST_DAYS:
            raise CellError("离今天超过十年")
        return found

    start = line.need(Column.START_DATE, day)
    end = line.take(Column.END_DATE, day)
    if start is not None and end is not None and end < start:
        line.fail(Column.END_DATE, f"止送日期早于起送日期 {start.isoformat()}")
    return start, end


def _pauses(line: LineReader) -> tuple[Pause, ...]:
    def days(value: CellValue) -> list[date]:
        return date_list(value, date1904=line.date1904)

    starts = line.take(Column.PAUSE_FROM, days)
    ends = line.take(Column.PAUSE_TO, days)
    if line.failed & {Column.PAUSE_FROM, Column.PAUSE_TO}:
        return ()
    if starts is None:
        if ends is not None:
            line.fail(Column.PAUSE_TO, "有停奶止，却没有停奶起")
        return ()
    try:
        return pair_pauses(starts, ends or [])
    except CellError as error:
        line.fail(Column.PAUSE_FROM, error.reason)
        return ()


_AMOUNT_COLUMNS = frozenset(
    {
        Column.UNIT_PRICE,
        Column.TOTAL,
        Column.DELIVERED,
        Column.REMAINING,
        Column.REMAINING_AMOUNT,
    }
)


def _amounts(line: LineReader) -> Amounts:
    said = Amounts(
        unit_price_fen=line.take(Column.UNIT_PRICE, fen_cell),
        total_fen=line.take(Column.TOTAL, fen_cell),
        delivered_bottles=line.take(Column.DELIVERED, bottles_cell),
        remaining_bottles=line.take(Column.REMAINING, bottles_cell),
        remaining_fen=line.take(Column.REMAINING_AMOUNT, fen_cell),
    )
    if line.failed & _AMOUNT_COLUMNS:
        return said
    settled, findings = settle(said)
    for column, reason in findings:
        line.fail(column, reason)
    return settled


def _source(line: LineReader) -> BookSource | None:
    text = line.take(Column.SOURCE, _short)
    if text is None:
        return None
    source = source_of(text)
    if source is None:
        line.warn(Column.SOURCE, "不认识的来源，这份订单不计入来源类指标")
    return source


def _largest(pattern: Pattern) -> int:
    return max(pattern.quantities) if isinstance(pattern, ByWeekday) else pattern.quantity


def _check_end(line: LineReader, row: BookRow, today: date) -> None:
    """Warn when the end date and the remaining bottles tell two stories; the bottles win."""
    remaining, end = row.remaining_bottles, row.end_date
    if remaining == 0 and row.gift_days == 0:
        line.warn(Column.REMAINING, "剩余数量为 0，没有要送的奶")
        return
    if remaining is None or end is None or any(last is None for _, last in row.pauses):
        return
    slack = _largest(row.pattern) * (1 + row.gift_days)

    def due(first: date) -> int:
        return bottles_without_pauses(
            row.pattern, anchor=row.start_date, first=first, last=end, pauses=row.pauses
        )

    counted = [due(max(row.start_date, today)), due(max(row.start_date, today + timedelta(days=1)))]
    if row.delivered_bottles is not None:
        counted.append(due(row.start_date) - row.delivered_bottles)
    if not any(remaining <= count < remaining + slack for count in counted):
        line.warn(
            Column.END_DATE,
            f"从今天送到止送日期要 {counted[0]} 瓶，剩余数量是 {remaining} 瓶，以剩余数量为准",
        )


def _remaining_alone(line: LineReader, amounts: Amounts) -> None:
    if (
        amounts.remaining_bottles is None
        and amounts.remaining_fen is not None
        and line.blank(Column.END_DATE)
        and not line.failed & _AMOUNT_COLUMNS
    ):
        line.fail(Column.REMAINING, "只有剩余金额时，请再填单价、剩余数量或止送日期中的一项")


def build_row(line: LineReader, *, today: date) -> BookRow | None:
    """The typed row, or None with the line's errors noted: all of them, not only the first.

    `today` is the operator's date.
    """
    notes = _notes(line)
    customer_no = line.need(Column.CUSTOMER_NO, code_cell)
    name = line.need(Column.NAME, _short)
    phone, alt_phone = _phones(line, notes)
    address = line.need(Column.ADDRESS, _long)
    product = line.need(Column.PRODUCT, _short)
    pattern = _pattern(line)
    start_date, end_date = _dates(line, today)
    amounts = _amounts(line)
    _remaining_alone(line, amounts)
    station = line.take(Column.STATION, _short)
    deliverer = line.take(Column.DELIVERER, _short)
    spec = line.take(Column.SPEC, _short)
    gift_days = line.take(Column.GIFT_DAYS, _gift_days) or 0
    pauses = _pauses(line)
    box_deposit_fen = line.take(Column.BOX_DEPOSIT, fen_cell) or 0
    payment_method = line.take(Column.PAYMENT_METHOD, _short)
    source = _source(line)
    remarks = line.take(Column.REMARKS, _remark)
    line.remember(customer_no=customer_no, name=name, phone=phone, address=address, product=product)
    if line.errors or not (customer_no and name and phone and address and product):
        return None
    if pattern is None or start_date is None:
        return None
    row = BookRow(
        row_no=line.raw.row_no,
        customer_no=customer_no,
        name=name,
        phone=phone,
        alt_phone=alt_phone,
        address=address,
        station=station,
        deliverer=deliverer,
        product=product,
        spec=spec,
        pattern=pattern,
        start_date=start_date,
        end_date=end_date,
        remaining_bottles=amounts.remaining_bottles,
        gift_days=gift_days,
        pauses=pauses,
        unit_price_fen=amounts.unit_price_fen,
        total_fen=amounts.total_fen,
        delivered_bottles=amounts.delivered_bottles,
        remaining_fen=amounts.remaining_fen,
        box_deposit_fen=box_deposit_fen,
        payment_method=payment_method,
        source=source,
        remarks=remarks,
        notes=notes,
    )
    _check_end(line, row, today)
    return row
