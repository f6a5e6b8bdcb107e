"""What a confirmation means for the deliveries of its stop, or why it is refused."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from uuid import UUID

from app.core.clock import local_instant
from app.delivery.models import DeliveryStatus, StopState
from app.delivery.repository.confirming import DueDelivery, DueStop, Outcome
from app.delivery.rules import OUR_FAULT, Refusal, stop_state
from app.delivery.service.phone import ACCEPTED, AtStop, Confirmation, EventAnswer

Rounds = Collection[tuple[UUID, date, date | None]]


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer to an event, and the bottles it brought of each delivery of its stop."""

    answer: EventAnswer
    stop: DueStop | None = None
    done_at: datetime | None = None
    brought: tuple[int, ...] = ()


@cache
def _begins_at(service_date: date) -> datetime:
    return local_instant(service_date, time())


def refuse_place(
    event: AtStop, stop: DueStop, *, deliverer_id: UUID, rounds: Rounds, done_at: datetime
) -> Refusal | None:
    """Why a stop cannot be confirmed: on somebody else's round, or not due yet."""
    if stop.deliverer_id != deliverer_id and not any(
        block_id == stop.block_id
        and first <= event.service_date
        and (last is None or event.service_date <= last)
        for block_id, first, last in rounds
    ):
        return Refusal.NOT_YOUR_ROUTE
    if done_at < _begins_at(event.service_date):
        return Refusal.NOT_DUE_YET
    return None


def judge(event: Confirmation, stop: DueStop, *, done_at: datetime) -> Judged:
    """Bottles brought of each delivery of the stop; what the event does not name was in full."""
    brought = _brought(event, stop)
    planned = sum(delivery.quantity for delivery in stop.deliveries)
    if isinstance(brought, Refusal):
        return Judged(EventAnswer.refused(brought, planned=planned))
    if event.reason is None and sum(brought) < planned:
        return Judged(EventAnswer.refused(Refusal.REASON_MISSING, planned=planned))
    return Judged(ACCEPTED, stop, done_at, tuple(brought))


def _brought(event: Confirmation, stop: DueStop) -> list[int] | Refusal:
    if event.outcome == "not_delivered":
        return [0] * len(stop.deliveries)
    if not event.lines and event.bottles is None:
        return [delivery.quantity for delivery in stop.deliveries]
    counts = {(line.order_line_id, line.delivery_no): line.delivered for line in event.lines}
    if event.bottles is not None and not counts and len(stop.deliveries) == 1:
        only = stop.deliveries[0]
        counts[only.order_line_id, only.delivery_no] = event.bottles
    brought = [
        counts.pop((delivery.order_line_id, delivery.delivery_no), delivery.quantity)
        for delivery in stop.deliveries
    ]
    if counts or any(line.customer_id != event.customer_id for line in event.lines):
        return Refusal.UNKNOWN_DELIVERY
    if any(
        count > delivery.quantity for count, delivery in zip(brought, stop.deliveries, strict=True)
    ):
        return Refusal.TOO_MANY_BOTTLES
    if event.bottles is not None and event.bottles != sum(brought):
        return Refusal.BOTTLES_DIFFER
    return brought


def apply(event: Confirmation, judged: Judged) -> bool:
    """Put what an accepted event says on the locked deliveries; answers whether it changed any.

    The latest corrected device time wins, the event's id decides a tie: any order of arrival ends
    in the same state.
    """
    if judged.stop is None or judged.done_at is None:
        return False
    changed = False
    for delivery, count in zip(judged.stop.deliveries, judged.brought, strict=True):
        if (
            delivery.done_at is None
            or delivery.event_id is None
            or ((delivery.done_at, delivery.event_id) < (judged.done_at, event.event_id))
        ):
            _put(delivery, event, count, judged.done_at)
            changed = True
    return changed


def _put(delivery: DueDelivery, event: Confirmation, count: int, done_at: datetime) -> None:
    if count == delivery.quantity or event.reason is None:
        delivery.status, delivery.reason = DeliveryStatus.DELIVERED, None
        delivery.our_fault = None
    else:
        delivery.status = DeliveryStatus.SHORT if count else DeliveryStatus.FAILED
        delivery.reason = event.reason.value
        delivery.our_fault = OUR_FAULT[event.reason]
    delivery.delivered = count
    delivery.done_at = done_at
    delivery.bulk = event.bulk
    delivery.celsius = event.celsius
    delivery.event_id = event.event_id
    delivery.changed = True


def outcome_of(stop: DueStop) -> Outcome:
    """What became of a stop, from its deliveries."""
    state = stop_state([delivery.status for delivery in stop.deliveries])
    made_at = None
    if state is StopState.MADE:
        made_at = max(filter(None, (delivery.done_at for delivery in stop.deliveries)))
    return state, made_at, any(delivery.bulk for delivery in stop.deliveries)
