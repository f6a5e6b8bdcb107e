"""How a round is going: its projection at 07:00, and why it is at risk. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter

from app.core.clock import local_instant
from app.delivery.rules import ON_TIME_LIMIT
from app.kpi.rules import percent

USUAL_STOP = timedelta(seconds=90)
"""A round that has not begun is at risk when its stops, at this time each, no longer fit."""
LATEST_START = timedelta(minutes=90)
"""Before 07:00: no round may begin later, however short."""
SILENCE = timedelta(minutes=30)
"""A phone that has not been heard for so long, with stops still open, is offline."""
SLOT = timedelta(minutes=10)


class Risk(StrEnum):
    """Why a block may miss 07:00, the worst first."""

    NOT_STARTED = "not_started"
    BEHIND_PACE = "behind_pace"
    OFFLINE = "offline"
    FAILED_STOPS = "failed_stops"


RISK_LABELS = {
    Risk.NOT_STARTED: "未开始",
    Risk.BEHIND_PACE: "进度落后",
    Risk.OFFLINE: "手机离线",
    Risk.FAILED_STOPS: "有未送达",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Household stops of some blocks on one date; schools apart."""

    due: int = 0
    made: int = 0
    on_time: int = 0
    late: int = 0
    bulk: int = 0
    partly: int = 0
    failed: int = 0
    still_open: int = 0
    withdrawn: int = 0
    schools_due: int = 0
    schools_made: int = 0

    @property
    def done(self) -> int:
        """Stops a phone has reported, whatever became of them."""
        return self.due - self.still_open

    @property
    def share(self) -> Decimal | None:
        """On time so far, in percent of all that is due."""
        return percent(self.on_time, self.due)

    @property
    def share_of_done(self) -> Decimal | None:
        """On time so far, in percent of what was reported."""
        return percent(self.on_time, self.done)


_NUMBERS = attrgetter(*(part.name for part in fields(Counts)))


def total(parts: Iterable[Counts]) -> Counts:
    """Several blocks together."""
    return Counts(*map(sum, zip(*map(_NUMBERS, parts), strict=True)))


@dataclass(frozen=True, slots=True)
class Pulse:
    """When a block's phone was first and last at a door, and when it was last heard."""

    first_tap_at: datetime | None = None
    last_tap_at: datetime | None = None
    last_heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a block will have on time at 07:00 if it goes on as it has; None where nobody can say."""

    projected: int | None
    at_risk: int
    """Stops that are lost for 07:00, or will be."""
    risks: tuple[Risk, ...]
    offline_since: datetime | None


def limit_of(service_date: date) -> datetime:
    """07:00 of a service date, UTC."""
    return local_instant(service_date, ON_TIME_LIMIT)


def project(counts: Counts, pulse: Pulse, *, limit_at: datetime) -> int | None:
    """Stops on time at 07:00: those of now, and what the block's own pace adds until then.

    The pace is stops reported per time since the first tap, over all the phone has told of; of the
    stops it adds, the share that was on time so far is on time. None before a pace can be seen.
    """
    if counts.still_open == 0:
        return counts.on_time
    if pulse.first_tap_at is None or pulse.last_tap_at is None:
        return None
    heard_at = max(pulse.last_heard_at or pulse.last_tap_at, pulse.last_tap_at)
    known_until = min(heard_at, limit_at)
    if known_until >= limit_at:
        return counts.on_time
    took = known_until - pulse.first_tap_at
    if counts.done < 2 or took <= timedelta():
        return None
    reached = (counts.done - 1) * (limit_at - known_until) // took
    more = min(counts.still_open, reached)
    return counts.on_time + more * counts.on_time // counts.done


def look_ahead(
    counts: Counts, pulse: Pulse, *, limit_at: datetime, now: datetime, target: Decimal
) -> Outlook:
    """Projection and risks of a block against a target in percent."""
    if counts.due == 0:
        return Outlook(projected=0, at_risk=0, risks=(), offline_since=None)
    begun = counts.done > 0
    projected = project(counts, pulse, limit_at=limit_at)
    if not begun and now >= limit_at:
        projected = 0
    risks: list[Risk] = []
    if not begun and now >= limit_at - max(LATEST_START, counts.due * USUAL_STOP):
        risks.append(Risk.NOT_STARTED)
    if begun and projected is not None and projected * 100 < target * counts.due:
        risks.append(Risk.BEHIND_PACE)
    heard_at = pulse.last_heard_at
    silent = begun and counts.still_open > 0 and heard_at is not None and now - heard_at >= SILENCE
    if silent:
        risks.append(Risk.OFFLINE)
    if counts.partly or counts.failed:
        risks.append(Risk.FAILED_STOPS)
    return Outlook(
        projected=projected,
        at_risk=_at_risk(counts, projected, not_started=Risk.NOT_STARTED in risks),
        risks=tuple(risks),
        offline_since=heard_at if silent else None,
    )


def _at_risk(counts: Counts, projected: int | None, *, not_started: bool) -> int:
    if not_started:
        return counts.due
    if projected is None:
        return counts.done - counts.on_time
    return counts.due - projected


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Stops made in full until an instant, not counting those marked in bulk."""

    at: datetime
    made: int
    share: Decimal | None


def curve(
    made_by_slot: Mapping[int, int], *, due: int, midnight: datetime, now: datetime
) -> list[CurvePoint]:
    """The day by ten minutes, from the first stop made to now or the last one made."""
    if not made_by_slot:
        return []
    points = []
    made = 0
    for slot in range(min(made_by_slot), max(made_by_slot) + 1):
        made += made_by_slot.get(slot, 0)
        at = min(midnight + (slot + 1) * SLOT, max(now, midnight + slot * SLOT))
        points.append(CurvePoint(at=at, made=made, share=percent(made, due)))
    return points
