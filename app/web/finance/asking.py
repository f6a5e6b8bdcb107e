"""What a page is asked about: a day, a station, one of several words."""

import unicodedata
from datetime import date
from enum import StrEnum
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Query

from app.core.ids import read_single
from app.core.money import MAX_FEN, fen_from_yuan
from app.web.finance.errors import AmountWrong, BadPeriod

DayText = Annotated[str, Query(max_length=10)]
Text = Annotated[str, Query(max_length=60)]
Choice = TypeVar("Choice", bound=StrEnum)
FIRST = date(2000, 1, 1)


def read_day(text: str, *, usual: date, last: date) -> date:
    """A day as browsers send it, `usual` for none; raises BadPeriod for none at all or one ahead."""
    if not text:
        return usual
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise BadPeriod from error
    if not FIRST <= found <= last:
        raise BadPeriod
    return found


def one_of(kind: type[Choice], text: str) -> Choice | None:
    """The choice a text names; None for anything else."""
    return next((one for one in kind if one.value == text), None)


def read_station(text: str) -> UUID | None:
    """The station a filter names; None for all."""
    return read_single("stn", text) if text else None


def read_yuan(text: str) -> int:
    """Fen of what a person writes in yuan; raises AmountWrong."""
    try:
        found = fen_from_yuan(unicodedata.normalize("NFKC", text).strip().replace(",", ""))
    except ValueError as error:
        raise AmountWrong from error
    if not 0 <= found <= MAX_FEN:
        raise AmountWrong
    return found
