"""The page for station clerks tells the truth: its titles are known, its example is read."""

import re
from datetime import date
from pathlib import Path

import pytest

from app.orders.book.columns import ALIASES, Column
from app.orders.book.parse import parse_book
from app.orders.book.patterns import EveryDay, EveryNDays
from app.orders.book.reader import read_book
from app.orders.book.sources import source_of

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "import-your-book.md"
TEXT = PAGE.read_text(encoding="utf-8")


def cells_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("column", list(ALIASES))
def test_every_title_we_know_is_documented_in_its_row(column: Column) -> None:
    (row,) = [
        cells
        for cells in map(cells_of, TEXT.splitlines())
        if cells[0] == column.value and len(cells) == 4
    ]
    assert set(row[2].split("、")) == set(ALIASES[column].split())


def test_every_documented_source_is_known() -> None:
    table = TEXT.partition("| 写法 | 记作 |")[2].partition("\n\n")[0]
    rows = [cells_of(line) for line in table.strip().splitlines()[1:]]
    assert len(rows) == 8
    for spellings, code in rows:
        assert {source_of(text) for text in spellings.split("、")} == {code}


def test_the_example_is_read_as_it_says(tmp_path: Path) -> None:
    example = re.search(r"```csv\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    path = tmp_path / "名册.csv"
    path.write_text(example[1], encoding="utf-8")
    rows = [line.row for line in parse_book(read_book(path), today=date(2026, 3, 1))]
    assert [row and (row.customer_no, row.pattern, row.remaining_fen) for row in rows] == [
        ("K0001", EveryDay(1), 10500),
        ("K0001", EveryNDays(2, 2), 12000),
        ("K0002", EveryDay(2), 21000),
    ]
