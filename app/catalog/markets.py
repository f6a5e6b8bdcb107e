"""Where something is sold, which says what it costs there. Pure."""

from dataclasses import dataclass

from app.catalog.models import PriceChannel


@dataclass(frozen=True, slots=True)
class Market:
    """A city and a channel; None: none in particular, so that only wider prices hold."""

    city_code: str | None = None
    channel: PriceChannel | None = None


ANYWHERE = Market()
"""Only general prices hold."""
