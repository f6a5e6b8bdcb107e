"""One batch of a deliverer's phone: each event accepted exactly once, late, repeated or shuffled.

Events are kept under (deliverer, event id) with the answer they got; a repeated event gets that
answer again and has no other effect. A refused event does not hinder the others. The number of
statements does not grow with the batch, except for offline orders and handovers at the station:
each stands in a savepoint.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from app.coldchain.service import record_share
from app.core.alerts import raise_alert
from app.core.clock import local_date
from app.core.errors import AppError
from app.delivery.repository import confirming, phone_events
from app.delivery.repository.confirming import DueStop, StopKey
from app.delivery.rules import (
    Refusal,
    can_be_confirmed,
    clock_offset_ms,
    corrected_time,
    refuse_time,
)
from app.delivery.service.giving_back import settle
from app.delivery.service.judging import Judged, Rounds, apply, judge, outcome_of, refuse_place
from app.delivery.service.phone import (
    ACCEPTED,
    AtStop,
    ByItself,
    Confirmation,
    DoorOrderTaken,
    EventAnswer,
    Malformed,
    PhoneEvent,
    ShareTaken,
    TemperatureNote,
)
from app.orders.service import place_door_order

log = structlog.get_logger()

_OUR_DATA = ("22", "23")
"""Classes of SQLSTATE that say the same data will be refused again: data and integrity."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a phone sent. `sent_at` is its clock, `received_at` ours (wall), `now` business time."""

    deliverer_id: UUID
    sent_at: datetime
    received_at: datetime
    now: datetime
    events: Sequence[PhoneEvent | Malformed]
    account_id: UUID | None = None

    def done_at(self, event: PhoneEvent) -> datetime:
        """Business instant of the tap."""
        return corrected_time(device_at=event.device_at, sent_at=self.sent_at, now=self.now)


async def sync(session: AsyncSession, batch: Batch) -> list[EventAnswer]:
    """Take a batch in; one answer per event, in the order of the batch."""
    first_of: dict[UUID, PhoneEvent] = {}
    for event in batch.events:
        if not isinstance(event, Malformed):
            first_of.setdefault(event.event_id, event)
    events = list(first_of.values())
    judged = await _judge_all(session, batch, events)
    fresh = await phone_events.accept_events(
        session,
        deliverer_id=batch.deliverer_id,
        clock_offset=clock_offset_ms(sent_at=batch.sent_at, received_at=batch.received_at),
        received_at=batch.now,
        events=events,
        answers=[None if one.answer is ACCEPTED else one.answer.stored() for one in judged],
    )
    answers: dict[UUID, EventAnswer] = {}
    accepted: list[tuple[PhoneEvent, Judged]] = []
    repeated: list[PhoneEvent] = []
    for event, one in zip(events, judged, strict=True):
        if event.event_id not in fresh:
            repeated.append(event)
            continue
        answers[event.event_id] = one.answer
        if one.answer is ACCEPTED:
            accepted.append((event, one))
    await _confirm(session, batch, accepted)
    answers |= await _record_each(session, batch, accepted)
    answers |= await _answers_given_before(session, batch, repeated)
    return list(_in_order(batch.events, first_of, answers))


async def _judge_all(
    session: AsyncSession, batch: Batch, events: Sequence[PhoneEvent]
) -> list[Judged]:
    number_of: dict[StopKey, int] = {}
    today = local_date(batch.now)
    refusals = [_refuse_early(event, sent_at=batch.sent_at, today=today) for event in events]
    for event, refusal in zip(events, refusals, strict=True):
        if refusal is None and not isinstance(event, ByItself):
            number_of.setdefault(event.stop, len(number_of))
    stops = await confirming.lock_stops(session, list(number_of))
    rounds = await _rounds(session, batch, stops)
    judged: list[Judged] = []
    for event, refusal in zip(events, refusals, strict=True):
        if refusal is not None:
            judged.append(Judged(EventAnswer.refused(refusal)))
        elif isinstance(event, ByItself):
            judged.append(Judged(ACCEPTED))
        else:
            judged.append(_judge_at_stop(batch, event, stops[number_of[event.stop]], rounds))
    return judged


def _refuse_early(event: PhoneEvent, *, sent_at: datetime, today: date) -> Refusal | None:
    refusal = refuse_time(device_at=event.device_at, sent_at=sent_at)
    if refusal is not None or isinstance(event, ByItself):
        return refusal
    if not can_be_confirmed(event.service_date, today=today):
        return Refusal.UNKNOWN_STOP
    return None


def _judge_at_stop(batch: Batch, event: AtStop, stop: DueStop | None, rounds: Rounds) -> Judged:
    if stop is None:
        return Judged(EventAnswer.refused(Refusal.UNKNOWN_STOP))
    done_at = batch.done_at(event)
    refusal = refuse_place(
        event, stop, deliverer_id=batch.deliverer_id, rounds=rounds, done_at=done_at
    )
    if refusal is not None:
        return Judged(EventAnswer.refused(refusal))
    if isinstance(event, Confirmation):
        return judge(event, stop, done_at=done_at)
    return Judged(ACCEPTED, stop)


async def _rounds(session: AsyncSession, batch: Batch, stops: Sequence[DueStop | None]) -> Rounds:
    """Usually every stop is planned for the caller, and nothing has to be asked."""
    foreign = [
        stop.key[1]
        for stop in stops
        if stop is not None and stop.deliverer_id != batch.deliverer_id
    ]
    if not foreign:
        return ()
    return await confirming.list_rounds(
        session, deliverer_id=batch.deliverer_id, first=min(foreign), last=max(foreign)
    )


async def _confirm(
    session: AsyncSession, batch: Batch, accepted: Sequence[tuple[PhoneEvent, Judged]]
) -> None:
    touched: dict[int, DueStop] = {}
    temperatures: dict[StopKey, Decimal] = {}
    for event, one in accepted:
        if isinstance(event, TemperatureNote):
            temperatures[event.stop] = event.celsius
        elif isinstance(event, Confirmation) and one.stop is not None and apply(event, one):
            touched[id(one.stop)] = one.stop
    stops = list(touched.values())
    await confirming.confirm(session, deliverer_id=batch.deliverer_id, stops=stops, now=batch.now)
    await confirming.set_stops(
        session,
        deliverer_id=batch.deliverer_id,
        stops=stops,
        outcomes=[outcome_of(stop) for stop in stops],
        now=batch.now,
    )
    await confirming.note_temperatures(session, temperatures)
    await settle(session, stops, now=batch.now)


async def _record_each(
    session: AsyncSession, batch: Batch, accepted: Sequence[tuple[PhoneEvent, Judged]]
) -> dict[UUID, EventAnswer]:
    answers = {
        event.event_id: await _record(session, batch, event)
        for event, _ in accepted
        if isinstance(event, ByItself)
    }
    await phone_events.store_answers(
        session,
        deliverer_id=batch.deliverer_id,
        answers={event_id: answer.stored() for event_id, answer in answers.items()},
    )
    return answers


async def _record(session: AsyncSession, batch: Batch, event: ByItself) -> EventAnswer:
    try:
        async with session.begin_nested():
            if isinstance(event, DoorOrderTaken):
                return await _place_order(session, batch, event)
            return await _take_share(session, batch, event)
    except AppError as error:
        return EventAnswer.refused_by(error)
    except DBAPIError as error:
        sqlstate = getattr(error.orig, "sqlstate", None) or ""
        if not sqlstate.startswith(_OUR_DATA):
            raise
        log.warning("sync.event_not_storable", event_id=str(event.event_id), sqlstate=sqlstate)
        amount = {"amount_fen": event.order.amount_fen} if isinstance(event, DoorOrderTaken) else {}
        await raise_alert(
            session,
            "sync_event_not_storable",
            str(event.event_id),
            deliverer_id=str(batch.deliverer_id),
            sqlstate=sqlstate,
            **amount,
        )
        return EventAnswer.refused(Refusal.NOT_STORABLE)


async def _place_order(session: AsyncSession, batch: Batch, event: DoorOrderTaken) -> EventAnswer:
    placed = await place_door_order(
        session, taken=replace(event.order, taken_at=batch.done_at(event)), now=batch.now
    )
    return EventAnswer(
        "accepted",
        facts={
            "order_id": placed.order_public_id,
            "order_no": placed.order_no,
            "first_date": placed.first_date.isoformat(),
        },
    )


async def _take_share(session: AsyncSession, batch: Batch, event: ShareTaken) -> EventAnswer:
    rounds = await confirming.list_rounds(
        session,
        deliverer_id=batch.deliverer_id,
        first=event.service_date,
        last=event.service_date,
    )
    if event.block_id not in {block_id for block_id, _, _ in rounds}:
        return EventAnswer.refused(Refusal.NOT_YOUR_ROUTE)
    check = await record_share(
        session,
        block_id=event.block_id,
        service_date=event.service_date,
        celsius=event.celsius,
        product_id=event.product_id,
        at=batch.done_at(event),
        checked_by=batch.account_id,
        now=batch.now,
    )
    limit = check.limit_celsius
    return EventAnswer(
        "accepted",
        facts={"passed": check.passed, "limit_celsius": None if limit is None else float(limit)},
    )


async def _answers_given_before(
    session: AsyncSession, batch: Batch, repeated: Sequence[PhoneEvent]
) -> dict[UUID, EventAnswer]:
    stored = await phone_events.read_events(
        session,
        deliverer_id=batch.deliverer_id,
        event_ids=[event.event_id for event in repeated],
    )
    answers: dict[UUID, EventAnswer] = {}
    for event in repeated:
        content, answer = stored[event.event_id]
        answers[event.event_id] = (
            EventAnswer.read(answer)
            if event.content == content
            else EventAnswer.refused(Refusal.EVENT_ID_REUSED)
        )
    return answers


def _in_order(
    events: Iterable[PhoneEvent | Malformed],
    first_of: Mapping[UUID, PhoneEvent],
    answers: Mapping[UUID, EventAnswer],
) -> Iterable[EventAnswer]:
    for event in events:
        if isinstance(event, Malformed):
            yield EventAnswer.refused(Refusal.MALFORMED_EVENT, problems=list(event.problems))
            continue
        first = first_of[event.event_id]
        if first is event:
            yield answers[event.event_id]
        elif first.content == event.content:
            yield replace(answers[event.event_id], repeated=True)
        else:
            yield EventAnswer.refused(Refusal.EVENT_ID_REUSED)
