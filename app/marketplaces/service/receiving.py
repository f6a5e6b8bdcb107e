"""Taking in what a marketplace says: once by number, the newest word counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.enqueueing import enqueue_many
from app.core.ids import new_id
from app.marketplaces.intake import OutsideOrder, OutsideRefund
from app.marketplaces.models import ExternalOrder, Shop
from app.marketplaces.repository import orders as rows
from app.marketplaces.repository import shops
from app.marketplaces.repository.orders import Key
from app.marketplaces.rules import words_of
from app.marketplaces.service.sealing import seal_order
from app.marketplaces.states import OPEN, ExternalState, IntakeWay, Marketplace
from app.workforce.service import match_deliverers

PROCESS_JOB: Final = "marketplaces.process_order"


@dataclass
class Intake:
    """What became of a batch: numbers of new, changed and known orders, and of foreign ones."""

    new: int = 0
    updated: int = 0
    known: int = 0
    refunds: int = 0
    foreign: list[str] = field(default_factory=list)
    """Numbers that came by another shop before; left alone."""


async def receive(
    session: AsyncSession,
    *,
    shop: Shop,
    orders: Sequence[OutsideOrder],
    refunds: Sequence[OutsideRefund],
    way: IntakeWay,
    now: datetime,
) -> Intake:
    """Write orders and refunds down, each once, and let a job process what is news.

    The same order pulled, pushed and imported is one. An older word about it changes nothing; a
    newer one replaces what was said while the order is not placed. Refunds count whenever they come.
    """
    newest = _newest(orders)
    canvassers = await _canvassers(session, newest)
    fresh = await rows.insert_orders(
        session,
        [
            _order_row(shop, order, canvassers.get(order.number), way=way, now=now)
            for order in newest
        ],
        [line for order in newest for line in _line_rows(shop.source, order)],
    )
    intake = Intake(new=len(fresh))
    told = {order.number: order for order in newest if order.number not in fresh}
    changed = {(shop.source, number) for number in fresh}
    for row in await rows.lock_orders(session, shop.source, told):
        said = told[row.number]
        if row.shop_id != shop.shop_id:
            intake.foreign.append(row.number)
        elif said.modified_at <= row.modified_at:
            intake.known += 1
        else:
            intake.updated += 1
            await _update(session, row, said, canvassers.get(said.number), now=now)
            changed.add((row.source, row.number))
    if way is IntakeWay.FILE:
        refunds = await _beyond_known(session, shop, refunds)
    touched = await rows.insert_refunds(
        session, [_refund_row(shop.source, refund, now=now) for refund in refunds]
    )
    intake.refunds = len(touched)
    await enqueue_processing(session, sorted(changed | set(touched)))
    return intake


async def _beyond_known(
    session: AsyncSession, shop: Shop, refunds: Sequence[OutsideRefund]
) -> list[OutsideRefund]:
    """What a file shows as given back beyond what is known; a file says totals and no numbers.

    A shop that is pulled or pushes tells its refunds that way: its files tell none.
    """
    if shop.credentials_sealed is not None or shop.push_secret_sealed is not None:
        return []
    known = await rows.sum_refunds(session, shop.source, {refund.number for refund in refunds})
    fresh = []
    for refund in refunds:
        before = sum(
            amount
            for (number, line_no), amount in known.items()
            if number == refund.number and refund.line_no in {None, line_no}
        )
        if refund.amount_fen > before:
            fresh.append(replace(refund, amount_fen=refund.amount_fen - before))
    return fresh


async def enqueue_processing(session: AsyncSession, keys: Sequence[Key]) -> None:
    """Let a job look at these orders."""
    await enqueue_many(
        session,
        PROCESS_JOB,
        [{"source": source.value, "number": number} for source, number in keys],
        dedupe_keys=[f"{PROCESS_JOB}:{source.value}:{number}" for source, number in keys],
    )


def _newest(orders: Sequence[OutsideOrder]) -> list[OutsideOrder]:
    newest: dict[str, OutsideOrder] = {}
    for order in orders:
        known = newest.get(order.number)
        if known is None or order.modified_at > known.modified_at:
            newest[order.number] = order
    return [newest[number] for number in sorted(newest)]


async def _canvassers(session: AsyncSession, orders: Sequence[OutsideOrder]) -> dict[str, UUID]:
    """By number: the deliverer whose promotion code or own number stands in the remarks."""
    words = {order.number: words_of(order.promotion_text) for order in orders}
    every = {word for found in words.values() for word in found}
    if not every:
        return {}
    promoters = await shops.find_promoters(session, every)
    named = await match_deliverers(session, names=every)
    by_word = {word: ids[0] for word, ids in named.items() if len(ids) == 1} | promoters
    return {
        number: next(by_word[word] for word in found if word in by_word)
        for number, found in words.items()
        if any(word in by_word for word in found)
    }


def _order_row(
    shop: Shop,
    order: OutsideOrder,
    canvasser_id: UUID | None,
    *,
    way: IntakeWay,
    now: datetime,
) -> dict[str, Any]:
    external_id = new_id()
    return {
        "source": shop.source,
        "number": order.number,
        "external_id": external_id,
        "shop_id": shop.shop_id,
        "way": way,
        "state": ExternalState.RECEIVED,
        "paid_fen": order.paid_fen,
        "paid_at": order.paid_at,
        "modified_at": order.modified_at,
        "received_at": now,
        "changed_at": now,
        "raw_sealed": seal_order("raw", external_id, order.raw),
        "receiver_sealed": seal_order("receiver", external_id, order.receiver.as_json()),
        "canvasser_id": canvasser_id,
        "claim_round": 0,
        "claimed_by_sms": False,
    }


def _line_rows(source: Marketplace, order: OutsideOrder) -> list[dict[str, Any]]:
    return [
        {
            "source": source,
            "number": order.number,
            "line_no": line.line_no,
            "sku": line.sku,
            "title": line.title,
            "units": line.units,
            "paid_fen": line.paid_fen,
        }
        for line in order.lines
    ]


def _refund_row(source: Marketplace, refund: OutsideRefund, *, now: datetime) -> dict[str, Any]:
    return {
        "source": source,
        "refund_no": refund.refund_no,
        "refund_id": new_id(),
        "number": refund.number,
        "line_no": refund.line_no,
        "amount_fen": refund.amount_fen,
        "refunded_at": refund.refunded_at,
        "received_at": now,
        "bottles": 0,
        "difference_fen": 0,
        "next_try_at": now,
    }


async def _update(
    session: AsyncSession,
    row: ExternalOrder,
    said: OutsideOrder,
    canvasser_id: UUID | None,
    *,
    now: datetime,
) -> None:
    row.modified_at = said.modified_at
    if row.state not in OPEN:
        await session.flush()
        return
    row.raw_sealed = seal_order("raw", row.external_id, said.raw)
    row.receiver_sealed = seal_order("receiver", row.external_id, said.receiver.as_json())
    row.canvasser_id = canvasser_id or row.canvasser_id
    if said.paid_fen > row.paid_fen:
        # never less: marketplaces take what they have given back off the amount paid
        row.paid_fen, row.accepted_at = said.paid_fen, None
    row.paid_at = said.paid_at
    await rows.replace_lines(session, row, _line_rows(row.source, said))
    if row.state is not ExternalState.RECEIVED:
        await rows.change_state(
            session, row, ExternalState.RECEIVED, at=now, actor="system", reason="updated"
        )
    await session.flush()
