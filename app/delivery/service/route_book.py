"""Everything a deliverer's phone needs for a morning without network (S1 4.2.3, 4.4.6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.markets import Market
from app.catalog.models import PriceChannel
from app.catalog.repository import PricedProduct
from app.catalog.service import list_managed
from app.core.clock import local_date
from app.customers.models import AddressVersion
from app.customers.service import DoorDetails, open_door_details
from app.delivery.models import Delivery, RouteSheet
from app.delivery.repository import route_book as repository
from app.identity.access import Principal
from app.identity.service import log_accesses
from app.network.models import Block, CoverageRule, Station
from app.network.service import get_block, get_station, list_blocks_of_deliverer, list_rules
from app.orders.models import OrderAgreement
from app.orders.repository import current_agreement

MOST_PRODUCTS = 1000
MOST_PLACES = 200


@dataclass(frozen=True)
class BookStop:
    """One address of a round with its deliveries."""

    customer_id: UUID
    address_id: UUID
    stop_no: int
    building: AddressVersion
    deliveries: list[Delivery]
    order_nos: list[str]
    """Of the deliveries, in their order."""


@dataclass(frozen=True)
class BookBlock:
    """A block the deliverer serves today, or goes round in for somebody; `is_own` the former."""

    block: Block
    station: Station
    is_own: bool
    rules: list[CoverageRule]


@dataclass(frozen=True)
class RouteBook:
    """The rounds of today and tomorrow, and what an order at a door needs; no door is open yet."""

    today: date
    rounds: list[tuple[RouteSheet, list[BookStop]]]
    blocks: list[BookBlock]
    products: list[PricedProduct]
    agreement: OrderAgreement | None


async def view_route_book(session: AsyncSession, *, deliverer_id: UUID, now: datetime) -> RouteBook:
    """A deliverer's rounds of today and tomorrow, his blocks, today's prices at doors, the agreement.

    The number of statements grows with his blocks, not with their stops.
    """
    today = local_date(now)
    sheets = await repository.list_own_sheets(
        session, deliverer_id=deliverer_id, dates=(today, today + timedelta(days=1))
    )
    stops = _by_round(await repository.list_stops_of(session, sheets))
    blocks = await _blocks(session, sheets, deliverer_id=deliverer_id, today=today)
    city = blocks[0].station.city_code if blocks else None
    products = await list_managed(
        session, on=today, limit=MOST_PRODUCTS, market=Market(city, PriceChannel.DOOR)
    )
    planned = {delivery.product_id for rows in stops.values() for delivery in _deliveries(rows)}
    return RouteBook(
        today=today,
        rounds=[(sheet, stops.get((sheet.service_date, sheet.block_id), [])) for sheet in sheets],
        blocks=blocks,
        products=[row for row in products if _is_offered(row) or row.product.id in planned],
        agreement=await current_agreement(session, on=today),
    )


async def open_doors(
    session: AsyncSession, book: RouteBook, *, caller: Principal, now: datetime
) -> dict[UUID, DoorDetails]:
    """Doors and recipients of the book by address version, in one statement; the look is logged."""
    pairs = {
        (stop.customer_id, stop.building.address_version_id)
        for _, stops in book.rounds
        for stop in stops
    }
    details = await open_door_details(session, pairs=sorted(pairs))
    await log_accesses(
        session,
        caller=caller,
        customer_ids=sorted({customer_id for customer_id, _ in pairs}),
        subject="door",
        reason=f"route {book.today.isoformat()}",
        now=now,
    )
    return details


def _is_offered(row: PricedProduct) -> bool:
    return row.product.on_sale and row.price_fen is not None and row.vat_permille is not None


def _deliveries(stops: Sequence[BookStop]) -> list[Delivery]:
    return [delivery for stop in stops for delivery in stop.deliveries]


def _by_round(
    rows: Sequence[tuple[Delivery, AddressVersion, str]],
) -> dict[tuple[date, UUID], list[BookStop]]:
    rounds: dict[tuple[date, UUID], list[BookStop]] = {}
    for key, group in groupby(
        rows,
        key=lambda row: (
            (row[0].service_date, row[0].block_id),
            (row[0].stop_no, row[0].customer_id, row[0].address_id),
        ),
    ):
        of_round, (stop_no, customer_id, address_id) = key
        found = list(group)
        rounds.setdefault(of_round, []).append(
            BookStop(
                customer_id=customer_id,
                address_id=address_id,
                stop_no=stop_no,
                building=found[0][1],
                deliveries=[delivery for delivery, _, _ in found],
                order_nos=[order_no for _, _, order_no in found],
            )
        )
    return rounds


async def _blocks(
    session: AsyncSession, sheets: Sequence[RouteSheet], *, deliverer_id: UUID, today: date
) -> list[BookBlock]:
    own = await list_blocks_of_deliverer(session, deliverer_id=deliverer_id, on=today)
    own_ids = [block_id for block_id, _ in own]
    stations: dict[UUID, Station] = {}
    blocks = []
    for block_id in dict.fromkeys([*own_ids, *(sheet.block_id for sheet in sheets)]):
        block = await get_block(session, block_id=block_id)
        if block.station_id not in stations:
            stations[block.station_id] = await get_station(session, station_id=block.station_id)
        rules: list[CoverageRule] = []
        if block_id in own_ids:
            found = await list_rules(session, block_id=block_id, limit=MOST_PLACES)
            rules = [rule for rule, _ in found if today in rule.valid]
        blocks.append(BookBlock(block, stations[block.station_id], block_id in own_ids, rules))
    return blocks
