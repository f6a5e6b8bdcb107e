"""How values look on a page: money, times, shares, masks. Chinese, Asia/Shanghai."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from app.core.clock import OPERATOR_ZONE
from app.core.money import yuan_text
from app.customers.rules import mask_name
from app.identity.rules import mask_phone

NOTHING = "—"
_WEEKDAYS = "一二三四五六日"
_MINUTE = 60
_HOUR = 3600
_DAY = 86400


def yuan(fen: int | None) -> str:
    """Fen as ¥ with thousands: 1234567 -> "¥12,345.67"."""
    if fen is None:
        return NOTHING
    whole, _, rest = yuan_text(abs(fen)).partition(".")
    return f"{'−' if fen < 0 else ''}¥{int(whole):,}.{rest}"


def number(value: float | Decimal | None) -> str:
    """A count with thousands."""
    return NOTHING if value is None else f"{value:,}"


def percent(value: float | Decimal | None, digits: int = 1) -> str:
    """A share of 100 with its sign: 97.42 -> "97.4 %"."""
    return NOTHING if value is None else f"{value:.{digits}f} %"


def day(value: date | datetime | None, *, weekday: bool = False) -> str:
    """A date: "2026-03-15", or "2026-03-15 周日"."""
    if value is None:
        return NOTHING
    local = value.astimezone(OPERATOR_ZONE).date() if isinstance(value, datetime) else value
    return f"{local.isoformat()} 周{_WEEKDAYS[local.weekday()]}" if weekday else local.isoformat()


def clock_time(value: datetime | None) -> str:
    """The time of day: "06:42"."""
    return NOTHING if value is None else value.astimezone(OPERATOR_ZONE).strftime("%H:%M")


def exact(value: datetime | None) -> str:
    """An instant to the minute: "2026-03-15 06:42"."""
    return NOTHING if value is None else value.astimezone(OPERATOR_ZONE).strftime("%Y-%m-%d %H:%M")


def relative(value: datetime | None, now: datetime) -> str:
    """How long ago, or how long from now; the browser goes on counting (`time.ts`)."""
    if value is None:
        return NOTHING
    seconds = int((value - now).total_seconds())
    word = "后" if seconds > 0 else "前"
    distance = abs(seconds)
    if distance < _MINUTE:
        return "刚刚" if seconds <= 0 else "马上"
    if distance < _HOUR:
        return f"{distance // _MINUTE} 分钟{word}"
    if distance < _DAY:
        return f"{distance // _HOUR} 小时{word}"
    return f"{distance // _DAY} 天{word}"


def duration(value: timedelta | None) -> str:
    """A length of time: "2 小时 05 分"."""
    if value is None:
        return NOTHING
    minutes = int(value.total_seconds()) // _MINUTE
    hours, rest = divmod(minutes, 60)
    return f"{hours} 小时 {rest:02d} 分" if hours else f"{rest} 分"


FILTERS = {
    "yuan": yuan,
    "number": number,
    "percent": percent,
    "day": day,
    "clock_time": clock_time,
    "exact": exact,
    "duration": duration,
    "mask_phone": mask_phone,
    "mask_name": mask_name,
}
