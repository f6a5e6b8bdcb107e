"""A parsed row against the catalogue, the stations and the coverage: what it becomes, or why not."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.rules import ProductMatch
from app.catalog.service import match_products
from app.customers.service import Building
from app.network.service import Coverage, match_many
from app.orders.book.columns import Column
from app.orders.book.errors import RowError, masked_text
from app.orders.book.patterns import ByWeekday, EveryDay, EveryNDays
from app.orders.book.rows import BookRow
from app.orders.changes.destinations import ServedBy
from app.orders.importing.addresses import AddressParts, cut_address
from app.orders.importing.places import Places, find_places
from app.orders.rules import MAX_BOTTLES, ONE_DAY, Pattern, bottles_between

NIL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class MatchedRow:
    """A row that can be written; `bottles` are paid ones."""

    row: BookRow
    product_id: UUID
    parts: AddressParts
    served_by: ServedBy
    pattern: Pattern
    bottles: int
    gift_bottles: int
    paid_fen: int


@dataclass(frozen=True, slots=True)
class Matched:
    """Rows of a batch that can be written, and what is wrong with the others."""

    rows: list[MatchedRow]
    errors: list[RowError]


async def match_rows(
    session: AsyncSession, rows: Sequence[BookRow], *, city_code: str, today: date
) -> Matched:
    """Match a batch; set-based, a handful of statements whatever its size."""
    products = await match_products(session, {(row.product, row.spec) for row in rows})
    parts = [cut_address(row.address) for row in rows]
    coverage = await match_many(
        session, buildings=[_building(part, city_code) for part in parts], on=today
    )
    places = await find_places(
        session,
        stations={row.station for row in rows if row.station},
        deliverers={row.deliverer for row in rows if row.deliverer},
        on=today,
    )
    matched = Matched([], [])
    for row, part, covered in zip(rows, parts, coverage, strict=True):
        errors: list[RowError] = []
        product_id = _product(row, products, errors)
        served_by = _served_by(row, covered, places, errors)
        bottles, gifts, paid = _amounts(row, today, errors)
        if errors or product_id is None or served_by is None:
            matched.errors.extend(errors)
            continue
        matched.rows.append(
            MatchedRow(
                row=row,
                product_id=product_id,
                parts=part,
                served_by=served_by,
                pattern=_pattern(row),
                bottles=bottles,
                gift_bottles=gifts,
                paid_fen=paid,
            )
        )
    return matched


def _building(parts: AddressParts, city_code: str) -> Building:
    return Building(
        address_id=NIL,
        address_version_id=NIL,
        city_code=city_code,
        district=parts.district,
        street=parts.street,
        house_no=parts.house_no,
        compound=parts.compound,
        longitude=None,
        latitude=None,
    )


def _product(
    row: BookRow,
    products: Mapping[tuple[str, str | None], ProductMatch],
    errors: list[RowError],
) -> UUID | None:
    found = products[row.product, row.spec]
    if found.product_id is not None:
        return found.product_id
    shown = masked_text(f"{row.product} {row.spec or ''}".strip())
    reason = (
        "产品目录里没有这个产品，请先建产品或别名"
        if not found.candidates
        else "有多个产品同名，请写明规格"
    )
    errors.append(RowError(row.row_no, Column.PRODUCT.value, shown, reason))
    return None


def _served_by(
    row: BookRow, covered: Coverage, places: Places, errors: list[RowError]
) -> ServedBy | None:
    stop_no = covered.stop_no if covered.stop_no is not None else 9999
    station_ids: Collection[UUID] | None = None
    if row.station:
        station_ids = places.stations.get(row.station, ())
        if not station_ids:
            errors.append(RowError(row.row_no, Column.STATION.value, row.station, "没有这个奶站"))
            return None
    if row.deliverer:
        blocks = [
            (block, station)
            for block, station in places.deliverer_blocks.get(row.deliverer, ())
            if station_ids is None or station in station_ids
        ]
        mine = [pair for pair in blocks if pair[0] == covered.block_id] or blocks
        if len(mine) == 1:
            block_id, station_id = mine[0]
            return ServedBy(station_id, block_id, stop_no)
        reason = (
            "没有这个送奶员的区块" if not mine else "这个送奶员有多个区块，地址又不能确定是哪一个"
        )
        errors.append(RowError(row.row_no, Column.DELIVERER.value, row.deliverer[:1] + "*", reason))
        return None
    if covered.verdict == "covered" and covered.block_id and covered.station_id:
        if station_ids is not None and covered.station_id not in station_ids:
            errors.append(
                RowError(
                    row.row_no, Column.STATION.value, row.station or "", "地址属于另一个奶站的区块"
                )
            )
            return None
        return ServedBy(covered.station_id, covered.block_id, stop_no)
    reason = (
        "地址不在任何区块内，请写明送奶员或先补区块"
        if covered.verdict == "uncovered"
        else "地址不能确定属于哪个区块，请写明送奶员"
    )
    errors.append(RowError(row.row_no, Column.ADDRESS.value, masked_text(row.address), reason))
    return None


def _pattern(row: BookRow) -> Pattern:
    match row.pattern:
        case EveryDay(quantity):
            return Pattern.every(1, quantity)
        case EveryNDays(every_days, quantity):
            return Pattern.every(every_days, quantity)
        case ByWeekday(quantities):
            return Pattern.weekly(quantities)


def _amounts(row: BookRow, today: date, errors: list[RowError]) -> tuple[int, int, int]:
    pattern = _pattern(row)
    bottles = row.remaining_bottles
    if bottles is None:
        bottles = _until_end(row, pattern, today)
    if not 0 < bottles <= MAX_BOTTLES:
        errors.append(
            RowError(
                row.row_no,
                Column.REMAINING.value,
                str(bottles),
                f"剩余数量要在 1 到 {MAX_BOTTLES} 之间",
            )
        )
    if row.remaining_fen is None:
        errors.append(
            RowError(
                row.row_no,
                Column.REMAINING_AMOUNT.value,
                "",
                "没有单价，也没有剩余金额，无法确定余款",
            )
        )
    gifts = _gift_bottles(pattern, row.gift_days, anchor=row.start_date)
    return bottles, gifts, row.remaining_fen or 0


def _until_end(row: BookRow, pattern: Pattern, today: date) -> int:
    first = max(row.start_date, today + ONE_DAY)
    if row.end_date is None or row.end_date < first:
        return 0
    days = (row.end_date - first).days + 1
    total = bottles_between(pattern, start=first, days=days, anchor=row.start_date)
    for pause_first, pause_last in row.pauses:
        start = max(first, pause_first)
        last = min(row.end_date, pause_last or row.end_date)
        if start <= last:
            total -= bottles_between(
                pattern, start=start, days=(last - start).days + 1, anchor=row.start_date
            )
    return total


def _gift_bottles(pattern: Pattern, gift_days: int, *, anchor: date) -> int:
    """赠送天数 are delivery days: their bottles at value 0 come after the paid ones."""
    total, day, left = 0, anchor, gift_days
    while left > 0:
        if count := pattern.on(day, anchor=anchor):
            total += count
            left -= 1
        day += ONE_DAY
    return total
