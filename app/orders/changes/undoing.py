"""Taking a change back that has not begun: its days, bottles and money as they were."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.service import post, request_refund, require_balance, transfer_id
from app.customers.service import contact_phone
from app.network.errors import DayClosed, NoOpenDay
from app.network.service import hold_open_days
from app.notifications.service import send_sms
from app.orders import repository
from app.orders.changes.following import follow_renewed
from app.orders.changes.footprints import stock_from_json, term_from_json, terms_from
from app.orders.changes.gifting import refit_gifts
from app.orders.changes.kinds import KINDS
from app.orders.changes.loading import read_situation
from app.orders.changes.relocating import bring_back, take_waiting_back
from app.orders.changes.situation import LineState, Situation
from app.orders.changes.stays import Stays, read_stays
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import write_moves
from app.orders.errors import ChangeBuiltUpon, ChangeNotUndoable, ChangeUnknown, UndoTooLate
from app.orders.models import Order, OrderChange
from app.orders.repository import renewals
from app.orders.rules import Rebuilt, Term
from app.orders.states import ORDER_MOVES, WAITING_MOVES, ChangeStatus, OrderStatus

OPPOSITE = {
    "bought": "refunded",
    "gift": "forfeited",
    "credited": "restored",
    "swapped_out": "swapped_in",
    "swapped_in": "swapped_out",
}


async def undo_change(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_id: UUID,
    change_id: UUID,
    actor: str,
    now: datetime,
    to: ChangeStatus = ChangeStatus.UNDONE,
) -> OrderChange:
    """Put an order back to what it was before a change that has not begun; a move that waits for
    its review or its box is taken back. A move may be put back `to` waiting for its box.

    Raises ChangeUnknown, ChangeNotUndoable, UndoTooLate, ChangeBuiltUpon.
    """
    found = await repository.get_change(session, customer_id, change_id)
    if found.order_id != order_id:
        raise ChangeUnknown
    _require_undoable(found, await repository.get_order(session, customer_id, order_id))
    if found.status is ChangeStatus.APPLIED:
        await _hold_days(session, found, now=now)
    order = await repository.lock_order(session, customer_id, order_id)
    change = await repository.get_change(session, customer_id, change_id, lock=True)
    _require_undoable(change, order)
    if change.status in WAITING_MOVES:
        await take_waiting_back(session, order, change, actor=actor, now=now)
        return change
    await _take_back(session, order, change, to=to, actor=actor, now=now)
    await _leave_followers(session, change, actor=actor, now=now)
    await _return_money(session, change, now=now)
    if change.kind == "move":
        await bring_back(session, order, change, actor=actor, now=now)
    if to is ChangeStatus.AWAITING_BOX:
        change.footprint = None
    await session.flush()
    if to is ChangeStatus.UNDONE:
        await _tell(session, order, change, now=now)
    return change


async def _take_back(
    session: AsyncSession,
    order: Order,
    change: OrderChange,
    *,
    actor: str,
    now: datetime,
    to: ChangeStatus = ChangeStatus.UNDONE,
) -> None:
    wanted = WantedChange.from_json(change.request)
    situation = await read_situation(session, order, replace(wanted, product_id=None), now=now)
    if change.effective_date < _first_possible(situation):
        raise UndoTooLate
    if change.kind == "move":
        situation = replace(situation, stays=await _stays_without(session, order, change, now=now))
        if change.effective_date < _first_possible(situation):
            raise UndoTooLate
    if await repository.find_later_change(session, change) is not None:
        raise ChangeBuiltUpon
    repository.move_change(session, change, to, at=now, actor=actor)
    order.version += 1
    await session.flush()
    await _put_back(session, situation, change, now=now)


async def _stays_without(
    session: AsyncSession, order: Order, change: OrderChange, *, now: datetime
) -> Stays:
    """Where the order stays when a move is not."""
    doors = await repository.list_doors(session, [(order.customer_id, order.order_id)])
    kept = [door for door in doors[order.order_id] if door.change_id != change.change_id]
    return await read_stays(session, order, kept, now=now)


async def _leave_followers(
    session: AsyncSession, change: OrderChange, *, actor: str, now: datetime
) -> None:
    """Renewals that a move took along, or that were made after it, go back with it.

    Raises ChangeBuiltUpon when one is brought to the new address already.
    """
    if change.kind != "move":
        return
    said = change.footprint or {}
    for text in said.get("moved", ()):
        found = await repository.get_change(session, change.customer_id, UUID(text))
        renewal = await repository.lock_order(session, found.customer_id, found.order_id)
        follower = await repository.get_change(session, found.customer_id, UUID(text), lock=True)
        if follower.status is ChangeStatus.APPLIED and renewal.status is OrderStatus.DELIVERING:
            await _take_back(session, renewal, follower, actor=actor, now=now)
    doors = await repository.list_doors(session, [(change.customer_id, change.order_id)])
    left, back = change.request["address_id"], doors[change.order_id][-1].address_id
    order_id = change.order_id
    while after := await renewals.find_renewal(session, change.customer_id, order_id):
        renewal = await repository.lock_order(session, after.customer_id, after.order_id)
        order_id = renewal.order_id
        if str(renewal.address_id) != left or ORDER_MOVES.is_final(renewal.status):
            continue
        if renewal.status is OrderStatus.DELIVERING:
            raise ChangeBuiltUpon
        renewal.address_id = back
        renewal.version += 1


def _require_undoable(change: OrderChange, order: Order) -> None:
    kind = KINDS.get(change.kind)
    waits = change.kind == "move" and change.status in WAITING_MOVES
    if waits and order.status is OrderStatus.DELIVERING:
        return
    if (
        change.status is not ChangeStatus.APPLIED
        or kind is None
        or not kind.undoable
        or change.footprint is None
        or order.status is not OrderStatus.DELIVERING
    ):
        raise ChangeNotUndoable(status=change.status.value)


async def _hold_days(session: AsyncSession, change: OrderChange, *, now: datetime) -> None:
    """Keep open what the undo touches, of a move at both stations; raises UndoTooLate."""
    order = await repository.get_order(session, change.customer_id, change.order_id)
    doors = await repository.list_doors(session, [(order.customer_id, order.order_id)])
    stays = await read_stays(session, order, doors[order.order_id], now=now)
    without = await _stays_without(session, order, change, now=now)
    try:
        first = change.effective_date
        holds = {*stays.holds(first), *without.holds(first)}
        await hold_open_days(session, holds=holds, now=now)
    except (DayClosed, NoOpenDay) as error:
        raise UndoTooLate from error


def _first_possible(situation: Situation) -> date:
    products = {product for state in situation.lines for product in state.product_ids}
    return situation.first_possible(products=products)


async def _put_back(
    session: AsyncSession, situation: Situation, change: OrderChange, *, now: datetime
) -> None:
    footprints: dict[str, Any] = (change.footprint or {})["lines"]
    rebuilt = []
    for state in situation.lines:
        line = state.line
        kept = footprints.get(str(line.order_line_id))
        if kept is None:
            continue
        waiting = repository.unscheduled_of(line)
        stands = terms_from(state.terms, change.effective_date) == kept["after"]
        if not stands or +waiting != stock_from_json(kept["waiting_after"]):
            raise ChangeBuiltUpon
        fresh = _terms_before(situation, state, kept["before"])
        rebuilt.append((line.customer_id, line.order_line_id, Rebuilt((), fresh)))
        repository.set_unscheduled(line, stock_from_json(kept["waiting_before"]))
        made = await repository.list_moves_of(session, line, change_id=change.change_id)
        opposite = [replace(move, kind=OPPOSITE[move.kind]) for move in reversed(made)]
        write_moves(session, line, opposite, change_id=change.change_id, now=now)
    await repository.drop_turns(session, customer_id=change.customer_id, change_id=change.change_id)
    await session.flush()
    await repository.replace_terms(session, from_date=change.effective_date, rebuilt=rebuilt)
    await repository.join_terms(
        session, [(one[0], one[1]) for one in rebuilt], at=change.effective_date
    )
    changed = [one.line for one in situation.lines if str(one.line.order_line_id) in footprints]
    await refit_gifts(session, changed, since=change.effective_date)
    await follow_renewed(session, [(one[0], one[1]) for one in rebuilt], now=now)


def _terms_before(
    situation: Situation, state: LineState, said: Sequence[dict[str, Any]]
) -> tuple[Term, ...]:
    """The days of a line before the change; raises ChangeBuiltUpon when one was withdrawn since."""
    versions = {term.address_id: term.address_version_id for term in state.terms}
    for _, placement in state.course.phases:
        versions[placement.address_id] = placement.address_version_id
    terms = tuple(term_from_json(term, versions=versions) for term in said)
    if any(day in situation.days.closed for term in terms for day, _ in term.deliveries()):
        raise ChangeBuiltUpon
    return terms


async def _return_money(session: AsyncSession, change: OrderChange, *, now: datetime) -> None:
    """What it cost goes back to where it came from, what it credited leaves the balance."""
    await request_refund(
        session,
        customer_id=change.customer_id,
        reference_id=change.change_id,
        amount_fen=change.pay_fen,
        cause=f"change_undone:{change.change_id}",
        now=now,
    )
    if change.credit_fen:
        await require_balance(session, customer_id=change.customer_id, amount_fen=change.credit_fen)
        await post(
            session,
            customer_id=change.customer_id,
            debit="balance",
            credit="prepaid",
            amount_fen=change.credit_fen,
            cause="change_undone",
            reference_id=change.change_id,
            source_id=change.change_id,
            now=now,
            reverses_id=transfer_id(change.change_id, "change_credited"),
        )


async def _tell(session: AsyncSession, order: Order, change: OrderChange, *, now: datetime) -> None:
    await send_sms(
        session,
        customer_id=order.customer_id,
        phone=await contact_phone(session, customer_id=order.customer_id),
        template="order_change",
        parameters={
            "order": order.order_no,
            "what": f"撤销{KINDS[change.kind].label}",
            "date": change.effective_date.isoformat(),
        },
        cause=f"order_change_undone:{change.change_id}",
        now=now,
    )
