"""Which prices a page shows before an address is chosen."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.markets import Market
from app.catalog.models import PriceChannel
from app.customers import service as customers
from app.identity.access import Principal
from app.identity.models import AccountKind
from app.network.service import list_cities


async def market_for(session: AsyncSession, visitor: Principal | None) -> Market:
    """The city of the household's newest address, or the only city there is; the quote is exact."""
    if visitor is not None and visitor.kind is AccountKind.CUSTOMER:
        found = await customers.list_addresses(session, customer_id=visitor.customer_id)
        if found:
            return Market(found[-1].building.city_code, PriceChannel.WEB)
    cities = await list_cities(session)
    return Market(cities[0].code if len(cities) == 1 else None, PriceChannel.WEB)
