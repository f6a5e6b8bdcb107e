"""Pure rules of invoices: tax numbers, the split of an amount over products, VAT. Amounts in fen."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

Key = TypeVar("Key")

_OLD_NUMBER: Final = re.compile(r"[0-9A-Z]{15}|[0-9A-Z]{17}|[0-9A-Z]{20}")
_CREDIT_LETTERS: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""The 31 characters of GB 32100, in the order of their values; I, O, S, V, Z are not used."""
_CREDIT_CODE: Final = re.compile(f"[{_CREDIT_LETTERS}]{{18}}")
INVOICE_NUMBER: Final = r"^[0-9]{20}$"
"""A fully digital invoice; of an older one, its 12-digit code and 8-digit number together."""


def is_tax_number(text: str) -> bool:
    """Whether it can be a taxpayer's number: 15, 17 or 20 characters, or an 18-character unified
    social credit code with a right check character (GB 32100-2015).
    """
    if len(text) != 18:
        return _OLD_NUMBER.fullmatch(text) is not None
    return _CREDIT_CODE.fullmatch(text) is not None and credit_check(text[:17]) == text[17]


def credit_check(first: str) -> str:
    """The check character of the first 17 of a unified social credit code."""
    total = sum(
        _CREDIT_LETTERS.index(letter) * pow(3, place, 31) for place, letter in enumerate(first)
    )
    return _CREDIT_LETTERS[-total % 31]


def tax_within(amount_fen: int, *, permille: int) -> int:
    """The VAT inside a tax-inclusive amount, rounded half up to the fen."""
    whole = 1000 + permille
    return (2 * amount_fen * permille + whole) // (2 * whole)


def split_amount(amount_fen: int, weights: Mapping[Key, int]) -> dict[Key, int]:
    """An amount over keys by weight; the parts sum up to it, keys that get nothing are left out.

    The fen that rounding down leaves go to the largest remainders. Raises ValueError where no
    weight is above 0.
    """
    whole = sum(weights.values())
    if whole <= 0 or min(weights.values()) < 0:
        raise ValueError("nothing to split by")
    parts = {key: amount_fen * weight // whole for key, weight in weights.items()}
    order: Sequence[Key] = sorted(weights, key=lambda key: -(amount_fen * weights[key] % whole))
    for key in order[: amount_fen - sum(parts.values())]:
        parts[key] += 1
    return {key: part for key, part in parts.items() if part > 0}


def mask_title(title: str) -> str:
    """The first character, and stars: 王**."""
    return title[:1] + "**"


def mask_number(text: str) -> str:
    """The last four characters behind stars."""
    return "****" + text[-4:]


def mask_email(email: str) -> str:
    """The first character and the domain: w**@example.cn."""
    name, _, domain = email.partition("@")
    return f"{name[:1]}**@{domain}"
