"""What a change replaced and wrote, kept beside it: terms as JSON, for an undo. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from app.orders.changes.wanted import pattern_as_json, pattern_from_json
from app.orders.rules import Term


def term_as_json(term: Term) -> dict[str, Any]:
    """A term; the version of its address is not kept: what is written for a door may change."""
    return {
        "first": term.first.isoformat(),
        "until": term.until.isoformat(),
        "pattern": pattern_as_json(term.pattern),
        "anchor": term.anchor.isoformat(),
        "product": str(term.product_id),
        "address": str(term.address_id),
        "change": term.change_id and str(term.change_id),
    }


def term_from_json(said: dict[str, Any], *, versions: dict[UUID, UUID]) -> Term:
    """A term as it was, under the present version of its address."""
    address = UUID(said["address"])
    return Term(
        first=date.fromisoformat(said["first"]),
        until=date.fromisoformat(said["until"]),
        pattern=pattern_from_json(said["pattern"]),
        anchor=date.fromisoformat(said["anchor"]),
        product_id=UUID(said["product"]),
        address_id=address,
        address_version_id=versions[address],
        change_id=UUID(said["change"]) if said["change"] else None,
    )


def terms_from(terms: Iterable[Term], day: date) -> list[dict[str, Any]]:
    """The terms of a line from a day on; one that runs over it is cut there."""
    return [
        term_as_json(replace(term, first=max(term.first, day)))
        for term in terms
        if term.until > day
    ]


def stock_as_json(stock: Counter[UUID]) -> dict[str, int]:
    """Bottles by product."""
    return {str(product): count for product, count in sorted(stock.items()) if count}


def stock_from_json(said: dict[str, int]) -> Counter[UUID]:
    """Bottles by product."""
    return Counter({UUID(product): count for product, count in said.items()})


def line_footprint(
    before: Sequence[Term],
    after: Sequence[Term],
    *,
    day: date,
    waiting_before: Counter[UUID],
    waiting_after: Counter[UUID],
) -> dict[str, Any]:
    """What one line was and became from the effective day on."""
    return {
        "before": terms_from(before, day),
        "after": terms_from(after, day),
        "waiting_before": stock_as_json(waiting_before),
        "waiting_after": stock_as_json(waiting_after),
    }
