"""Whether the state's calendar of festivals reaches as far as days are promised.

It is published once a year, in autumn, and comes with a release: an installation that is not kept
up would count next year's festivals as days on which the dairy produces.
"""

from datetime import date, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.alerts import raise_alert, resolve_alert
from app.network.rules import find_year_without_festivals

PROMISED_AHEAD = timedelta(days=60)
"""Lead days of at most 30, the festivals among them, and a month to bring the calendar in."""
UNKNOWN = "festivals_unknown"
"""Alert: lead days near a festival of that year would be counted wrong."""
SUBJECT = "calendar"


def find_festival_gap(today: date) -> int | None:
    """The year whose festivals are not known although its days are promised soon, if there is one."""
    return find_year_without_festivals(today, today + PROMISED_AHEAD)


async def watch_festivals(session: AsyncSession, *, today: date) -> None:
    """Raise the alert while there is a gap, and resolve it once the calendar is there."""
    year = find_festival_gap(today)
    if year is None:
        await resolve_alert(session, UNKNOWN, SUBJECT)
    else:
        await raise_alert(session, UNKNOWN, SUBJECT, year=year)
