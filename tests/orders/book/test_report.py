"""The error file: readable in a spreadsheet, and harmless there."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.orders.book.errors import BookError, RowError, RowWarning
from app.orders.book.report import ErrorFile, errors_path, harmless


def lines_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_findings_stand_beside_the_book_with_row_column_content_and_reason(tmp_path: Path) -> None:
    with ErrorFile(tmp_path / "名册.xlsx") as errors:
        errors.add(RowError(7, "电话", "138****8000", "手机号应是 11 位，这里是 10 位"))
        errors.add(RowWarning(9, "来源", "微信群", "不认识的来源"))
    path = tmp_path / "名册.errors.csv"
    assert errors.path == path == errors_path(tmp_path / "名册.xlsx")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert lines_of(path) == [
        ["行号", "列", "内容", "原因"],
        ["7", "电话", "138****8000", "手机号应是 11 位，这里是 10 位"],
        ["9", "来源", "微信群", "提示：不认识的来源"],
    ]
    assert errors.count == 2


def test_a_clean_run_leaves_no_file_of_an_earlier_one(tmp_path: Path) -> None:
    stale = tmp_path / "名册.errors.csv"
    stale.write_text("old")
    with ErrorFile(tmp_path / "名册.csv") as errors:
        pass
    assert errors.count == 0
    assert not stale.exists()


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+86",
        "-1",
        "@SUM",
        "\t=1",
        "\r=1",
        "＝1+1",
        "＋1",
        "－1",
        "＠x",
        "  =1",
        "　=1",
        "\n=1",
    ],
)
def test_no_cell_is_taken_for_a_formula(tmp_path: Path, text: str) -> None:
    with ErrorFile(tmp_path / "book.csv") as errors:
        errors.add(RowError(1, text, text, text))
    (_, line) = lines_of(errors.path)
    assert all(cell.startswith("'") for cell in line[1:])


@given(st.text())
def test_whatever_a_cell_held_can_be_written_on_one_line(text: str) -> None:
    safe = harmless(text)
    assert safe.encode("utf-8").decode("utf-8") == safe
    assert not any(ord(character) < 32 for character in safe)
    assert safe.lstrip()[:1] not in {"=", "+", "-", "@", "＝", "＋", "－", "＠"}


def test_a_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "名册.csv"
    with ErrorFile(gone) as errors, pytest.raises(BookError, match=r"名册\.errors\.csv"):
        errors.add(RowError(1, "电话", "", "不能为空"))
    assert errors.count == 0
