"""Finding the header of a book below its title lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.orders.book.cells import CellValue, is_blank
from app.orders.book.columns import Column, check_unit, missing_columns, plain_title, recognise
from app.orders.book.errors import BookError

SEARCHED_ROWS = 50
LEAST_TITLES = 3

Line = tuple[int, Sequence[CellValue]]
"""Row number as a spreadsheet shows it, and the cells from column A on."""


def column_letters(index: int) -> str:
    """Spreadsheet name of a column: 0 -> A, 26 -> AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _texts(cells: Sequence[CellValue]) -> list[tuple[int, str]]:
    return [(i, value) for i, value in enumerate(cells) if isinstance(value, str) and value.strip()]


@dataclass(frozen=True, slots=True)
class Header:
    """Where each column stands; positions count from 0."""

    first_row: int
    last_row: int
    positions: Mapping[Column, int]
    titles: Mapping[Column, str]
    notes: Mapping[int, str]
    clash: str | None = None

    @property
    def score(self) -> int:
        """How many known columns it has."""
        return len(self.positions)

    @property
    def missing(self) -> list[str]:
        """Titles it lacks."""
        return missing_columns(self.positions)

    def repeated_by(self, cells: Sequence[CellValue]) -> bool:
        """Whether a line holds the titles again, as books printed page by page do."""
        found = recognise(_texts(cells))
        same = sum(found.get(index) is column for column, index in self.positions.items())
        return same >= LEAST_TITLES

    def require_complete(self, where: str) -> None:
        """Raise BookError for a missing or doubled column, or one in another unit than ours."""
        if self.missing:
            raise BookError(
                f"{where}第 {self.first_row} 行像是表头，但缺少这些列：{'、'.join(self.missing)}"
            )
        if self.clash is not None:
            raise BookError(where + self.clash)
        for column, title in self.titles.items():
            check_unit(column, title)


def _is_second_line(cells: Sequence[CellValue]) -> bool:
    filled = [index for index, value in enumerate(cells) if not is_blank(value)]
    return len(filled) >= 2 and len(recognise(_texts(cells))) == len(filled)


def _assigned(texts: Mapping[int, str]) -> tuple[dict[Column, int], list[tuple[Column, int, int]]]:
    positions: dict[Column, int] = {}
    clashes: list[tuple[Column, int, int]] = []
    for index, column in recognise(texts.items()).items():
        other = positions.setdefault(column, index)
        if other == index:
            continue
        own_name = [plain_title(texts[i]) == column.value for i in (other, index)]
        if own_name == [False, True]:
            positions[column] = index
        elif own_name[0] == own_name[1]:
            clashes.append((column, other, index))
    return positions, clashes


def _build(lines: Sequence[Line], at: int) -> Header | None:
    row_no, cells = lines[at]
    texts = dict(_texts(cells))
    if len(set(recognise(texts.items()).values())) < LEAST_TITLES:
        return None
    last_row = row_no
    for next_no, following in lines[at + 1 : at + 2]:
        if next_no == row_no + 1 and _is_second_line(following):
            texts |= dict(_texts(following))
            last_row = next_no
    positions, clashes = _assigned(texts)
    clash = None
    if clashes:
        column, one, two = clashes[0]
        clash = (
            f"第 {row_no} 行表头的 {column_letters(one)} 列和 {column_letters(two)} 列"
            f"都是“{column.value}”，请只留一列，另一列改名"
        )
    taken = set(positions.values())
    return Header(
        first_row=row_no,
        last_row=last_row,
        positions=positions,
        titles={column: texts[index].strip() for column, index in positions.items()},
        notes={index: text.strip() for index, text in texts.items() if index not in taken},
        clash=clash,
    )


def find_header(lines: Sequence[Line]) -> Header | None:
    """The complete header nearest the top, else the line most like one, else None."""
    best: Header | None = None
    for at in range(len(lines)):
        header = _build(lines, at)
        if header is not None and (best is None or header.score > best.score):
            best = header
        if best is not None and not best.missing:
            return best
    return best
