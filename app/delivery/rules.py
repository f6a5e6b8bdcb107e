"""Pure rules of the morning: why a delivery fails and whose fault it is, and what a phone's clock says."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from app.delivery.models import DeliveryStatus, StopState


class FailureReason(StrEnum):
    """Why bottles did not reach the door; deliverers choose from this list."""

    NO_BOX = "no_box"
    LOCKED_GATE = "locked_gate"
    CUSTOMER_ABSENT = "customer_absent"
    ADDRESS_NOT_FOUND = "address_not_found"
    MILK_SHORT = "milk_short"
    MILK_DAMAGED = "milk_damaged"
    VEHICLE_LATE = "vehicle_late"
    REFUSED_BY_CUSTOMER = "refused_by_customer"
    OTHER = "other"


FAILURE_TITLES = {
    FailureReason.NO_BOX: "没有奶箱",
    FailureReason.LOCKED_GATE: "门禁进不去",
    FailureReason.CUSTOMER_ABSENT: "顾客不在",
    FailureReason.ADDRESS_NOT_FOUND: "找不到地址",
    FailureReason.MILK_SHORT: "奶不够",
    FailureReason.MILK_DAMAGED: "奶破损",
    FailureReason.VEHICLE_LATE: "车晚到",
    FailureReason.REFUSED_BY_CUSTOMER: "顾客拒收",
    FailureReason.OTHER: "其他",
}

OUR_FAULT = {
    FailureReason.NO_BOX: False,
    FailureReason.LOCKED_GATE: False,
    FailureReason.CUSTOMER_ABSENT: False,
    FailureReason.ADDRESS_NOT_FOUND: False,
    FailureReason.MILK_SHORT: True,
    FailureReason.MILK_DAMAGED: True,
    FailureReason.VEHICLE_LATE: True,
    FailureReason.REFUSED_BY_CUSTOMER: False,
    FailureReason.OTHER: False,
}
"""Bottles that our fault kept from the door are given back to the line."""

ON_TIME_LIMIT = time(7, 0)
"""Household milk is at the door before this local time (S1 5.2.1)."""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far a tap may lie behind the moment its phone sent it, by that phone's own clock."""
LATEST = timedelta(days=14)
"""How late a phone may report."""
OLDEST_SERVICE_DATE = timedelta(days=31)
"""How old the deliveries may be that a phone speaks of."""


class Refusal(StrEnum):
    """Why one event of a phone is not accepted."""

    MALFORMED_EVENT = "malformed_event"
    EVENT_ID_REUSED = "event_id_reused"
    DEVICE_TIME_IMPOSSIBLE = "device_time_impossible"
    TOO_OLD = "too_old"
    NOT_DUE_YET = "not_due_yet"
    UNKNOWN_STOP = "unknown_stop"
    UNKNOWN_DELIVERY = "unknown_delivery"
    NOT_YOUR_ROUTE = "not_your_route"
    TOO_MANY_BOTTLES = "too_many_bottles"
    BOTTLES_DIFFER = "bottles_differ"
    REASON_MISSING = "reason_missing"
    NOT_STORABLE = "not_storable"


TITLES = {
    Refusal.MALFORMED_EVENT: "记录格式有误",
    Refusal.EVENT_ID_REUSED: "记录编号已用于另一条记录",
    Refusal.DEVICE_TIME_IMPOSSIBLE: "记录时间晚于上传时间，请检查手机时钟",
    Refusal.TOO_OLD: "记录已超过14天，请联系奶站补录",
    Refusal.NOT_DUE_YET: "未到配送日期",
    Refusal.UNKNOWN_STOP: "没有找到这一户的配送",
    Refusal.UNKNOWN_DELIVERY: "没有找到这一项配送",
    Refusal.NOT_YOUR_ROUTE: "不在您的路线上",
    Refusal.TOO_MANY_BOTTLES: "送达数量多于应送数量",
    Refusal.BOTTLES_DIFFER: "瓶数与配送单不一致，请逐项填写",
    Refusal.REASON_MISSING: "请选择未送达的原因",
    Refusal.NOT_STORABLE: "记录无法保存，已通知管理员",
}


def refuse_time(*, device_at: datetime, sent_at: datetime) -> Refusal | None:
    """Why a tap's time cannot be believed, by the phone's own clock; None when it can."""
    if device_at - sent_at > CLOCK_TOLERANCE:
        return Refusal.DEVICE_TIME_IMPOSSIBLE
    if sent_at - device_at > LATEST:
        return Refusal.TOO_OLD
    return None


def corrected_time(*, device_at: datetime, sent_at: datetime, now: datetime) -> datetime:
    """Business instant of a tap: as long before `now` as it lay before the sending.

    Both times of the phone carry the same error, which cancels out; never later than `now`.
    """
    return min(now - (sent_at - device_at), now)


def clock_offset_ms(*, sent_at: datetime, received_at: datetime) -> int:
    """Server time minus phone time in milliseconds; the way there counts as offset too."""
    return round((received_at - sent_at) / timedelta(milliseconds=1))


def can_be_confirmed(service_date: date, *, today: date) -> bool:
    """Whether a phone may still speak of a service date; tomorrow's is refused as not due yet."""
    return today - OLDEST_SERVICE_DATE <= service_date <= today + timedelta(days=1)


def door_details_are_open(service_date: date, *, today: date) -> bool:
    """Doors and phones are shown on the route of today and of tomorrow only."""
    return today <= service_date <= today + timedelta(days=1)


def stop_state(statuses: Sequence[DeliveryStatus]) -> StopState:
    """What became of a stop with these deliveries: made only when all were made in full."""
    first = statuses[0]
    if any(status is not first for status in statuses):
        return StopState.PARTLY
    return {
        DeliveryStatus.DELIVERED: StopState.MADE,
        DeliveryStatus.PLANNED: StopState.PLANNED,
        DeliveryStatus.FAILED: StopState.FAILED,
    }.get(first, StopState.PARTLY)
