"""Which price list an order is bought by: that of its city and of the channel it came through."""

from collections.abc import Mapping
from typing import Final

from app.catalog.markets import Market
from app.catalog.models import PriceChannel
from app.customers.service import Building
from app.orders.states import OrderSource

CHANNELS: Final[Mapping[OrderSource, PriceChannel]] = {
    OrderSource.WEB: PriceChannel.WEB,
    OrderSource.APP: PriceChannel.WEB,
    OrderSource.MINI_PROGRAM: PriceChannel.WEB,
    OrderSource.TMALL: PriceChannel.MARKETPLACE,
    OrderSource.JD: PriceChannel.MARKETPLACE,
    OrderSource.PHONE: PriceChannel.PHONE,
    OrderSource.DOOR: PriceChannel.DOOR,
    OrderSource.SHOP: PriceChannel.SHOP,
}


def market_of(building: Building, source: OrderSource | None) -> Market:
    """Where an order for a building is bought; no channel where its source is not known."""
    return Market(building.city_code, None if source is None else CHANNELS[source])
