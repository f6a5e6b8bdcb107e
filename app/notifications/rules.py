"""Pure rules: how long a message is useful, what one number may get, what a reply means."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from app.core.clock import OPERATOR_ZONE, local_date, local_instant
from app.notifications.states import ReplyMeaning

SPANS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(hours=24),
}
"""Rolling, as the provider counts (submissions of the last 24 hours, not of the date)."""
LONGEST_SPAN = SPANS["day"]
_STOP_WORDS = frozenset({"R", "T", "TD", "退订", "拒收"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one number may get of a category; None is no limit. Hours in the operator's time."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    opens_at: time | None = None
    closes_at: time | None = None

    def most(self, span: str) -> int | None:
        """The limit of a span."""
        limit: int | None = getattr(self, f"per_{span}")
        return limit


def useful_until(*, now: datetime, useful: timedelta, until: time | None) -> datetime:
    """When a message written now is of no use any more; `until` is a time of the same day."""
    end = now + useful
    return end if until is None else min(end, local_instant(local_date(now), until))


def wait_for_number(
    sent: Sequence[datetime], *, limits: Limits, now: datetime
) -> tuple[timedelta, str] | None:
    """How long until one more fits, and the span that says so; None when it fits now."""
    newest = sorted(sent, reverse=True)
    waits = []
    for name, span in SPANS.items():
        most = limits.most(name)
        if most is None:
            continue
        inside = [at for at in newest if at > now - span]
        if len(inside) >= most:
            waits.append((inside[most - 1] + span - now, name))
    return max(waits, default=None)


def wait_for_hours(now: datetime, *, limits: Limits) -> timedelta | None:
    """How long until the hours in which a category may be sent; None within them."""
    if limits.opens_at is None or limits.closes_at is None:
        return None
    clock = now.astimezone(OPERATOR_ZONE).time()
    if limits.opens_at <= clock < limits.closes_at:
        return None
    day = local_date(now) if clock < limits.opens_at else local_date(now) + timedelta(days=1)
    return local_instant(day, limits.opens_at) - now


def back_off(seconds: int, rounds: int, *, most: int) -> timedelta:
    """Doubling pauses: `seconds` after the first round, never above `most`."""
    return timedelta(seconds=min(seconds * 2 ** min(rounds, 10), most))


def meaning_of(content: str) -> ReplyMeaning:
    """What a reply asks: R, TD and the like end promotions."""
    word = unicodedata.normalize("NFKC", content).strip().strip(".。!！").upper()
    return ReplyMeaning.STOP if word in _STOP_WORDS else ReplyMeaning.OTHER
