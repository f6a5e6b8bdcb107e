"""Milk boxes and deposits of homes as rows to copy."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.core.clock import local_date
from simulators.city.plan import OVER_ONE_IN, CityPlan, HouseholdPlan

Rows = Iterator[tuple[Any, ...]]
Columns = tuple[str, ...]
Table = tuple[str, Columns, Rows]
HUNG_AFTER = timedelta(hours=26)
"""From the order to the box."""
KEPT_ONE_IN = 5
NOT_BROUGHT_BACK = "空瓶未归还"
NOTES = (None, "挂在门左侧", "放在信箱下", "钥匙交给订户")


def box_id(home: HouseholdPlan) -> UUID:
    """The box of a home, named like its address: there is one at most."""
    return home.address_id


def _bottles_id(home: HouseholdPlan) -> UUID:
    return home.line_id


def _kept(home: HouseholdPlan) -> bool:
    return home.is_over and home.bottles_fen > 0 and home.luck // OVER_ONE_IN % KEPT_ONE_IN == 0


def box_tables(plan: CityPlan) -> Iterator[Table]:
    """Boxes that hang, and those that are still to be hung up; before the orders that wait."""
    homes = [home for home in plan.homes if home.has_box]
    yield (
        "box_installations",
        ("customer_id", "installation_id", "address_id", "station_id", "due_date", "state")
        + ("created_at", "done_at", "note"),
        (
            (h.customer_id, box_id(h), h.address_id)
            + (plan.stations[plan.blocks[h.block].station].station_id,)
            + (
                (h.start_date + timedelta(days=2 + h.luck % 4), "open", h.placed_at, None, None)
                if h.waits_for_box
                else (h.start_date, "done", h.placed_at, h.placed_at + HUNG_AFTER)
                + (NOTES[h.luck % len(NOTES)],)
            )
            for h in homes
        ),
    )
    columns: Columns = ("customer_id", "entry_id", "installation_id", "from_state", "to_state")
    columns += ("at", "actor", "reason")
    yield (
        "installation_moves",
        columns,
        (
            (h.customer_id, plan.further_uuid(), box_id(h), *move)
            for h in homes
            for move in _box_moves(plan, h)
        ),
    )


def _box_moves(plan: CityPlan, home: HouseholdPlan) -> Iterator[tuple[Any, ...]]:
    yield None, "open", home.placed_at, "system", None
    if not home.waits_for_box:
        by = f"deliverer:{plan.blocks[home.block].deliverer_id}"
        note = NOTES[home.luck % len(NOTES)]
        yield "open", "done", home.placed_at + HUNG_AFTER, by, note


def deposit_tables(plan: CityPlan) -> Iterator[Table]:
    """Deposits held, due back where nothing runs any more, some of them kept; after the money."""
    homes = [home for home in plan.homes if home.deposit_fen]
    yield (
        "deposits",
        ("customer_id", "deposit_id", "order_id", "address_id", "kind", "product_id")
        + ("amount_fen", "is_opening", "state", "moved_at", "reason"),
        (
            (h.customer_id, row_id, h.order_id, h.address_id, kind)
            + (plan.products[h.product] if kind == "bottles" else None, fen, False)
            + _standing(h, kind)
            for h in homes
            for kind, row_id, fen in _parts(h)
        ),
    )
    yield (
        "ledger_transfers",
        ("customer_id", "booked_date", "transfer_id", "debit_account", "credit_account")
        + ("amount_fen", "cause", "reference_id", "source_id", "booked_at"),
        (
            (h.customer_id, local_date(h.placed_at), plan.further_uuid(), "prepaid", "deposit")
            + (fen, "deposit_taken", h.order_id, row_id, h.placed_at)
            for h in homes
            for _, row_id, fen in _parts(h)
        ),
    )
    moves = list(_deposit_moves(plan, homes))
    yield (
        "deposit_moves",
        (
            "customer_id",
            "entry_id",
            "deposit_id",
            "from_state",
            "to_state",
            "at",
            "actor",
            "reason",
        ),
        (move for _, move in moves),
    )
    yield (
        "ledger_transfers",
        ("customer_id", "booked_date", "transfer_id", "debit_account", "credit_account")
        + ("amount_fen", "cause", "reference_id", "source_id", "booked_at"),
        (
            (h.customer_id, local_date(h.ended_at), plan.further_uuid(), "deposit", "deposit_kept")
            + (h.bottles_fen, "deposit_kept", h.order_id, move[1], move[5])
            for h, move in moves
            if move[4] == "kept"
        ),
    )


def _parts(home: HouseholdPlan) -> Iterator[tuple[str, UUID, int]]:
    if home.box_fen:
        yield "box", box_id(home), home.box_fen
    if home.bottles_fen:
        yield "bottles", _bottles_id(home), home.bottles_fen


def _standing(home: HouseholdPlan, kind: str) -> tuple[Any, ...]:
    if kind == "bottles" and _kept(home):
        return "kept", home.ended_at, NOT_BROUGHT_BACK
    if home.is_over:
        return "due_back", home.ended_at, None
    return "held", home.placed_at, None


def _deposit_moves(
    plan: CityPlan, homes: list[HouseholdPlan]
) -> Iterator[tuple[HouseholdPlan, tuple[Any, ...]]]:
    for home in homes:
        for kind, row_id, _ in _parts(home):
            steps: list[tuple[str, str, datetime, str | None]] = [
                ("asked", "held", home.placed_at, None)
            ]
            if home.is_over:
                steps.append(("held", "due_back", home.ended_at, None))
            if kind == "bottles" and _kept(home):
                steps.append(("due_back", "kept", home.ended_at, NOT_BROUGHT_BACK))
            for before, after, at, reason in steps:
                entry = (home.customer_id, plan.further_uuid(), row_id, before, after)
                yield home, (*entry, at, "system", reason)
