"""Money as integer fen (分). Prices include VAT."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import Field

MAX_FEN = 100_000_000_00
"""Largest amount one row may carry: one hundred million yuan, in fen."""

Fen = Annotated[int, Field(ge=0, le=MAX_FEN, strict=True)]
PositiveFen = Annotated[int, Field(gt=0, le=MAX_FEN, strict=True)]


def fen_from_yuan(text: str | Decimal) -> int:
    """Integer fen of a yuan amount with at most two decimals.

    Raises ValueError for anything that is not an exact number of fen.
    """
    try:
        amount = Decimal(text) * 100
    except InvalidOperation as error:
        raise ValueError(f"not an amount: {text!r}") from error
    if not amount.is_finite() or amount != amount.to_integral_value():
        raise ValueError(f"not a whole number of fen: {text!r}")
    return int(amount)


def yuan_text(fen: int) -> str:
    """Fen as a yuan text with two decimals: 12345 -> "123.45"."""
    sign = "-" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), 100)
    return f"{sign}{yuan}.{rest:02d}"


def value_of_first(bottles: int, *, paid_fen: int, bottles_bought: int) -> int:
    """Worth in fen of the first `bottles` of a line bought as `bottles_bought` for `paid_fen`.

    Rounding down cumulatively loses nothing: the last bottle completes `paid_fen`.
    """
    if not 0 <= bottles <= bottles_bought:
        raise ValueError("bottles outside of what was bought")
    return paid_fen * bottles // bottles_bought if bottles_bought else 0
