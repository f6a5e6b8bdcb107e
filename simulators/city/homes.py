"""Households, their addresses and running orders as rows to copy."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.bulk import copy_rows
from app.core.clock import local_date
from app.core.crypto import Cell, KeyRing
from app.core.ids import speakable_number
from simulators.city import names
from simulators.city.deposits import Columns, Rows, box_id, box_tables, deposit_tables
from simulators.city.plan import CityPlan, HouseholdPlan

MERCHANT = "demo"
SEALED_COLUMNS = ("door", "recipient", "phone")


async def write_homes(session: AsyncSession, plan: CityPlan, keys: KeyRing) -> None:
    """All tables of a household, from its account to its terms."""
    numbers = _order_numbers(len(plan.homes))
    for table, columns, rows in _tables(plan, keys, numbers):
        await copy_rows(session, table, columns, rows)


def _order_numbers(count: int) -> list[str]:
    numbers: set[str] = set()
    while len(numbers) < count:
        numbers.add(speakable_number())
    return list(numbers)


def _tables(
    plan: CityPlan, keys: KeyRing, numbers: list[str]
) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    homes = plan.homes
    yield (
        "phone_accounts",
        ("phone_index", "account_id"),
        ((keys.blind_index("phone", h.phone), h.customer_id) for h in homes),
    )
    yield (
        "customers",
        ("customer_id", "kind", "name_sealed", "phone_sealed", "phone_tail", "created_at"),
        (
            (
                h.customer_id,
                "household",
                keys.seal(h.name, Cell("customers", "name", h.customer_id)),
                keys.seal(h.phone, Cell("customers", "phone", h.customer_id)),
                h.phone[-2:],
                h.placed_at,
            )
            for h in homes
        ),
    )
    yield (
        "addresses",
        ("customer_id", "address_id", "current_version_id", "created_at"),
        ((h.customer_id, h.address_id, h.version_id, h.placed_at) for h in homes),
    )
    yield _address_versions(plan, keys)
    yield (
        "address_blocks",
        ("customer_id", "address_id", "valid_from", "valid", "block_id", "stop_no"),
        (
            (h.customer_id, h.address_id, _since(h), Range(_since(h), None, bounds="[)"))
            + (plan.blocks[h.block].block_id, h.stop_no)
            for h in homes
        ),
    )
    yield (
        "order_numbers",
        ("number", "customer_id", "order_id"),
        ((no, h.customer_id, h.order_id) for no, h in zip(numbers, homes, strict=True)),
    )
    yield from box_tables(plan)
    yield from _orders(plan, numbers)
    yield from _story(plan)
    yield from _lines(plan)
    yield from _money(plan)
    yield from deposit_tables(plan)


def _since(home: HouseholdPlan) -> date:
    return local_date(home.placed_at)


def _address_versions(plan: CityPlan, keys: KeyRing) -> tuple[str, tuple[str, ...], Rows]:
    def row(h: HouseholdPlan) -> tuple[Any, ...]:
        plain = {"door": h.door, "recipient": h.name, "phone": h.phone}
        sealed = (
            keys.seal(plain[name], Cell("address_versions", name, h.version_id))
            for name in SEALED_COLUMNS
        )
        district = plan.stations[plan.blocks[h.block].station].district
        return (
            h.customer_id,
            h.version_id,
            h.address_id,
            names.CITY_CODE,
            district,
            h.street,
            f"{h.house_no}号",
            h.compound,
            *sealed,
            h.placed_at,
        )

    columns: Columns = ("customer_id", "address_version_id", "address_id", "city_code", "district")
    columns += ("street", "house_no", "compound")
    columns += tuple(f"{name}_sealed" for name in SEALED_COLUMNS)
    return "address_versions", (*columns, "created_at"), (row(h) for h in plan.homes)


def _orders(plan: CityPlan, numbers: list[str]) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    columns: Columns = ("customer_id", "order_id", "order_no", "status", "confirmation", "source")
    columns += ("address_id", "price_fen", "agreement_version", "agreed_at", "deliverer_id")
    columns += ("placed_at", "paid_at", "confirmed_at", "version")
    columns += ("deposit_fen", "installation_id", "ended_at")
    yield (
        "orders",
        columns,
        (
            (
                h.customer_id,
                h.order_id,
                number,
                "completed" if h.is_over else "delivering",
                "offline" if h.source == "door" else "online",
                h.source,
                h.address_id,
                h.price_fen,
                names.AGREEMENT_VERSION,
                h.placed_at,
                plan.blocks[h.block].deliverer_id if h.source == "door" else None,
                h.placed_at,
                h.placed_at,
                h.placed_at + timedelta(minutes=2),
                1,
                h.deposit_fen,
                box_id(h) if h.waits_for_box else None,
                h.ended_at if h.is_over else None,
            )
            for number, h in zip(numbers, plan.homes, strict=True)
        ),
    )


def _story(plan: CityPlan) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    yield (
        "order_history",
        ("customer_id", "entry_id", "order_id", "from_status", "to_status", "at", "actor"),
        (
            (h.customer_id, plan.uuid(), h.order_id, "under_review", "delivering")
            + (h.placed_at + timedelta(minutes=2), "system")
            for h in plan.homes
        ),
    )
    yield (
        "order_history",
        ("customer_id", "entry_id", "order_id", "from_status", "to_status", "at", "actor"),
        (
            (h.customer_id, plan.further_uuid(), h.order_id, "delivering", "completed")
            + (h.ended_at, "system")
            for h in plan.homes
            if h.is_over
        ),
    )
    yield (
        "order_reviews",
        ("customer_id", "review_id", "order_id", "verdict")
        + ("opened_at", "decision", "decided_at", "decided_by"),
        (
            (h.customer_id, h.order_id, h.order_id, "covered", h.placed_at, "approved")
            + (h.placed_at + timedelta(minutes=2), "system")
            for h in plan.homes
            if h.source != "door"
        ),
    )


def _lines(plan: CityPlan) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    def pattern(h: HouseholdPlan) -> tuple[Any, ...]:
        weekdays = h.pattern.weekday_quantities
        return (h.pattern.quantity, h.pattern.interval_days, weekdays and list(weekdays))

    pattern_columns = ("quantity", "interval_days", "weekday_quantities")
    columns: Columns = ("customer_id", "order_line_id", "order_id", "product_id", *pattern_columns)
    columns += ("start_date", "anchor_date", "cycle_days", "bottles_bought", "gift_bottles")
    columns += ("unscheduled_bottles", "paid_fen", "unit_price_fen", "vat_permille")
    columns += ("discount_fen", "discount_id", "priced_date")
    yield (
        "order_lines",
        columns,
        (
            (h.customer_id, h.line_id, h.order_id, plan.products[h.product], *pattern(h))
            + (h.start_date, h.start_date, h.cycle_days, h.bottles, 0)
            + (h.bottles if h.waits_for_box else 0,)
            + (h.price_fen, names.PRODUCTS[h.product][4], 90, h.discount_fen)
            + (plan.season_id if h.has_season_card else None, local_date(h.placed_at))
            for h in plan.homes
        ),
    )
    columns = ("customer_id", "order_line_id", "first_date", "valid", "product_id")
    columns += (*pattern_columns, "anchor_date", "address_id", "address_version_id")
    yield (
        "order_terms",
        columns,
        (
            (h.customer_id, h.line_id, h.start_date)
            + (Range(h.start_date, h.start_date + timedelta(days=h.cycle_days), bounds="[)"),)
            + (plan.products[h.product], *pattern(h), h.start_date, h.address_id, h.version_id)
            for h in plan.homes
            if not h.waits_for_box
        ),
    )
    yield (
        "entitlement_entries",
        ("customer_id", "entry_id", "order_line_id", "kind", "bottles", "value_fen", "at"),
        (
            (h.customer_id, plan.uuid(), h.line_id, "bought", h.bottles, h.price_fen, h.placed_at)
            for h in plan.homes
        ),
    )


def _money(plan: CityPlan) -> Iterator[tuple[str, tuple[str, ...], Rows]]:
    def channel(h: HouseholdPlan) -> str:
        return "cash" if h.source == "door" else "wechat"

    def number(h: HouseholdPlan) -> str:
        return h.payment_id.hex

    columns: Columns = ("customer_id", "payment_id", "reference_id", "channel", "method")
    columns += ("merchant_account", "out_trade_no", "amount_fen", "description", "status")
    columns += ("expires_at", "created_at", "captured_at", "captured_fen")
    columns += ("channel_transaction_id", "tries")
    yield (
        "payments",
        columns,
        (
            (h.customer_id, h.payment_id, h.order_id, channel(h))
            + ("door" if h.source == "door" else "native", MERCHANT, number(h), h.due_fen)
            + ("随心订", "captured", h.placed_at + timedelta(minutes=30), h.placed_at)
            + (h.placed_at, h.due_fen, f"DEMO{number(h)[:20]}", 0)
            for h in plan.homes
        ),
    )
    yield (
        "channel_numbers",
        ("channel", "number", "kind", "customer_id", "row_id"),
        ((channel(h), number(h), "payment", h.customer_id, h.payment_id) for h in plan.homes),
    )
    yield (
        "receipts",
        ("customer_id", "payment_id", "receipt_no", "collector_id", "collected_at", "amount_fen"),
        (
            (h.customer_id, h.payment_id, f"R{h.payment_id.hex[-10:]}")
            + (plan.blocks[h.block].deliverer_id, h.placed_at, h.due_fen)
            for h in plan.homes
            if h.source == "door"
        ),
    )
    columns = ("customer_id", "booked_date", "transfer_id", "debit_account", "credit_account")
    columns += ("amount_fen", "cause", "reference_id", "source_id", "booked_at")
    yield (
        "ledger_transfers",
        columns,
        (
            (
                h.customer_id,
                local_date(h.placed_at),
                plan.uuid(),
                f"cash:{plan.blocks[h.block].deliverer_id}"
                if h.source == "door"
                else f"channel:wechat:{MERCHANT}",
                "prepaid",
                h.due_fen,
                "payment_captured",
                h.order_id,
                h.payment_id,
                h.placed_at,
            )
            for h in plan.homes
        ),
    )
