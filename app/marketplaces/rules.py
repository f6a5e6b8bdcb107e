"""Pure rules of marketplaces: what is masked, how amounts are spread, which window is pulled."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.identity.rules import is_mobile
from app.marketplaces.intake import OutsideLine, Receiver
from app.marketplaces.states import ExternalState, ReviewReason

OVERLAP = timedelta(minutes=10)
"""A pull begins so far before what it has seen: the marketplace's own lists lag."""
WINDOW = timedelta(minutes=30)
"""Longest span of one question; the marketplace advises it."""
PUSH_SPAN = timedelta(seconds=300)
CLAIM_LIFETIME = timedelta(days=14)
MOST_CLAIM_LINKS = 10

_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{1,39}")


def is_masked(text: str) -> bool:
    """Whether a marketplace has hidden a part."""
    return "*" in text or "＊" in text


def is_deliverable(receiver: Receiver) -> bool:
    """Whether a door can be found by what is said: nothing hidden, nothing missing."""
    said = (receiver.name, receiver.phone, receiver.address)
    return all(said) and not any(map(is_masked, said)) and is_mobile(receiver.phone)


def reachable_phone(receiver: Receiver) -> str | None:
    """The phone an SMS reaches: a whole mobile, no privacy number with an extension."""
    return receiver.phone if is_mobile(receiver.phone) else None


def spread_amount(total_fen: int, weights: Sequence[int]) -> list[int]:
    """A total spread by weights, to the fen: the shares add up to it.

    Weights of 0 get 0, unless all are 0. Raises ValueError without a weight or for negative ones.
    """
    if not weights or total_fen < 0 or min(weights) < 0:
        raise ValueError("nothing to spread over")
    shares = list(weights) if any(weights) else [1] * len(weights)
    whole, done, given = sum(shares), 0, 0
    spread = []
    for share in shares:
        done += share
        upto = total_fen * done // whole
        spread.append(upto - given)
        given = upto
    return spread


def words_of(text: str) -> list[str]:
    """Words of remarks that may be a promotion code or a deliverer's number, in capitals."""
    return [word.upper() for word in _WORD.findall(text)]


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides where an outside order goes next. Amounts in fen."""

    paid_fen: int
    lines: Sequence[OutsideLine]
    refunded_fen: int
    mapped_skus: Collection[str]
    is_accepted: bool
    """A person has looked at the amounts and wants it placed."""
    has_address: bool
    has_agreement: bool
    """The listing shows the agreement in force."""


def judge(facts: Facts) -> tuple[ExternalState, str | None]:
    """The next state of an outside order that is not placed, and the reason where one helps."""
    if facts.refunded_fen >= facts.paid_fen:
        return ExternalState.REFUNDED_OUTSIDE, None
    if not facts.is_accepted:
        if facts.refunded_fen:
            return ExternalState.NEEDS_REVIEW, ReviewReason.PARTLY_REFUNDED.value
        if sum(line.paid_fen for line in facts.lines) != facts.paid_fen:
            return ExternalState.NEEDS_REVIEW, ReviewReason.AMOUNT_MISMATCH.value
    if any(line.sku not in facts.mapped_skus for line in facts.lines):
        return ExternalState.NEEDS_SKU, None
    if not facts.has_address:
        return ExternalState.NEEDS_ADDRESS, "address"
    if not facts.has_agreement:
        return ExternalState.NEEDS_ADDRESS, "agreement"
    return ExternalState.MAPPED, None


def pull_windows(until: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
    """Spans to ask about, oldest first: from before what was seen up to now, none too long."""
    start, windows = until - OVERLAP, []
    while start < now:
        end = min(start + WINDOW, now)
        windows.append((start, end))
        start = end
    return windows
