"""The use cases of delivery, cut by noun; other packages import from here."""

from app.delivery.service.calendar import (
    MilkCalendar,
    MilkDay,
    MilkLine,
    MilkState,
    view_calendar,
)
from app.delivery.service.exceptions import resolve_exception
from app.delivery.service.marking import mark_withdrawn
from app.delivery.service.phone import (
    BroughtLine,
    Confirmation,
    DoorOrderTaken,
    EventAnswer,
    Malformed,
    PhoneEvent,
    ShareTaken,
    TemperatureNote,
)
from app.delivery.service.planning import (
    PlanResult,
    freeze_and_plan,
    plan_day,
    plan_frozen_days,
)
from app.delivery.service.reading import list_deliveries
from app.delivery.service.syncing import Batch, sync

__all__ = [
    "Batch",
    "BroughtLine",
    "Confirmation",
    "DoorOrderTaken",
    "EventAnswer",
    "Malformed",
    "MilkCalendar",
    "MilkDay",
    "MilkLine",
    "MilkState",
    "PhoneEvent",
    "PlanResult",
    "ShareTaken",
    "TemperatureNote",
    "freeze_and_plan",
    "list_deliveries",
    "mark_withdrawn",
    "plan_day",
    "plan_frozen_days",
    "resolve_exception",
    "sync",
    "view_calendar",
]
