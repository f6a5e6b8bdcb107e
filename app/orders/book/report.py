"""The error file beside the book: what to mend, row by row."""

import csv
import re
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from app.orders.book.errors import BookError, RowError, RowWarning

TITLES = ("行号", "列", "内容", "原因")
WARNING_MARK = "提示："

_STARTS_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠﹦﹢﹣﹫]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def errors_path(source: Path) -> Path:
    """`名册.xlsx` -> `名册.errors.csv` in the same folder."""
    return source.with_name(f"{source.stem}.errors.csv")


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula; control characters become spaces."""
    line = _CONTROL.sub(" ", text)
    return f"'{line}" if _STARTS_FORMULA.match(line) else line


class ErrorFile:
    """Writes `<name>.errors.csv` (UTF-8 with BOM) as errors come in; use as a context manager.

    Entering removes the file of an earlier run; without a finding no file is left. Raises
    BookError when the folder does not let us write.
    """

    def __init__(self, source: Path) -> None:
        self.path = errors_path(source)
        self.count = 0
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable() from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, finding: RowError | RowWarning) -> None:
        """Append one line; a warning's reason begins with 提示：. Raises BookError."""
        mark = WARNING_MARK if isinstance(finding, RowWarning) else ""
        fields = (finding.column, finding.value_masked, mark + finding.reason)
        try:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8-sig", newline="")
                csv.writer(self._file).writerow(TITLES)
            csv.writer(self._file).writerow((finding.row_no, *map(harmless, fields)))
        except OSError as error:
            raise self._unwritable() from error
        self.count += 1

    def _unwritable(self) -> BookError:
        return BookError(
            f"写不了错误文件 {self.path.name}，请检查文件夹权限，或关闭正在打开它的程序"
        )
