"""What can be wrong with a book: the file, one cell, one row."""

from dataclasses import dataclass
from typing import ClassVar

from app.core.errors import InvalidInput

SHOWN_CHARACTERS = 60


class BookError(InvalidInput):
    """The file as a whole cannot be read; `str(error)` is one Chinese sentence with the mend."""

    code: ClassVar[str] = "book_unreadable"
    title: ClassVar[str] = "名册无法读取"


class CellError(ValueError):
    """One cell cannot be understood; `reason` is Chinese and repeats nothing of the cell."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row is not imported. `value_masked` hides names, phones and addresses."""

    row_no: int
    column: str
    value_masked: str
    reason: str


@dataclass(frozen=True, slots=True)
class RowWarning:
    """Something to look at; the row is imported all the same."""

    row_no: int
    column: str
    value_masked: str
    reason: str


def masked_name(text: str) -> str:
    """The first character only: 张三 -> 张*."""
    return text[:1] + "*" * min(len(text) - 1, 3)


def masked_phone(text: str) -> str:
    """The first three and the last four characters, when enough is hidden between them."""
    if len(text) < 10:
        return text[:2] + "****"
    return text[:3] + "****" + text[-4:]


def masked_text(text: str) -> str:
    """The beginning of an address or a remark."""
    return text if len(text) <= 2 else text[: min(6, len(text) // 2)] + "****"


def shortened(text: str) -> str:
    """At most 60 characters."""
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
