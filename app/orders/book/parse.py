"""A whole book to rows: each line by itself, then against the lines before it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from app.orders.book.cells import is_blank, narrow_text, shown
from app.orders.book.columns import Column
from app.orders.book.errors import SHOWN_CHARACTERS, RowError, RowWarning, masked_text
from app.orders.book.line import LineReader, masked_value
from app.orders.book.reader import Book, RawRow, SkippedRow
from app.orders.book.rows import BookRow, build_row


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """What became of one line: a row, or errors; a row may carry warnings.

    `skipped` is the Chinese reason when the line is no subscriber (sum, repeated header).
    """

    row_no: int
    row: BookRow | None
    errors: tuple[RowError, ...] = ()
    warnings: tuple[RowWarning, ...] = ()
    skipped: str | None = None


class _Earlier:
    """Lines seen so far, as far as later ones must agree with them."""

    def __init__(self) -> None:
        self._products: dict[tuple[str, str], int] = {}
        self._households: dict[tuple[str, Column], tuple[int, str]] = {}

    def check(self, line: LineReader) -> None:
        """Note a repeated product of a household, and a household that reads differently."""
        customer_no = line.facts.get("customer_no")
        if not customer_no:
            return
        product = line.facts.get("product")
        if product:
            key = (customer_no, narrow_text(product).casefold())
            first = self._products.setdefault(key, line.raw.row_no)
            if first != line.raw.row_no:
                line.fail(
                    Column.PRODUCT,
                    f"与第 {first} 行重复：同一订户编号的同一产品只能有一行；"
                    "规格不同请在产品里写明",
                )
        for name, column in (
            ("name", Column.NAME),
            ("phone", Column.PHONE),
            ("address", Column.ADDRESS),
        ):
            value = line.facts.get(name)
            if not value:
                continue
            said = narrow_text(value).casefold()
            row_no, before = self._households.setdefault(
                (customer_no, column), (line.raw.row_no, said)
            )
            if before != said:
                line.fail(column, f"同一订户编号，{column.value}与第 {row_no} 行不一致")


def _lone_cell(book: Book, raw: RawRow) -> RowError | None:
    """One error instead of a dozen for a line such as the name of a station above its rows."""
    reason = "整行只有这一格有内容，不是完整的订户"
    column: Column | None = None
    filled = len(raw.notes)
    for each, value in raw.cells.items():
        if not is_blank(value):
            column, filled = each, filled + 1
        if filled > 1:
            return None
    if column is not None:
        value = raw.cells[column]
        return RowError(raw.row_no, book.title_of(column), masked_value(column, value), reason)
    title, value = next(iter(raw.notes.items()))
    return RowError(raw.row_no, title, masked_text(shown(value)[:SHOWN_CHARACTERS]), reason)


def parse_book(book: Book, *, today: date) -> Iterator[ParsedRow]:
    """Each filled line below the header, in the order of the file.

    `today` is the operator's date; dates far from it are refused. Raises BookError when the file
    turns out damaged half-way.
    """
    earlier = _Earlier()
    for raw in book:
        if isinstance(raw, SkippedRow):
            yield ParsedRow(raw.row_no, None, skipped=f"{raw.reason}：{raw.text}")
            continue
        lone = _lone_cell(book, raw)
        if lone is not None:
            yield ParsedRow(raw.row_no, None, errors=(lone,))
            continue
        line = LineReader(book, raw)
        row = build_row(line, today=today)
        earlier.check(line)
        yield ParsedRow(
            row_no=raw.row_no,
            row=None if line.errors else row,
            errors=tuple(line.errors),
            warnings=tuple(line.warnings),
        )
