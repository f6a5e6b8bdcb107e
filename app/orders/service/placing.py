"""Quote and order: what will come on which days, for how much (S1 4.2.2, 4.2.4)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.deposits import DepositNeed
from app.catalog.service import Offer, get_offers
from app.core.clock import local_date
from app.core.ids import new_id, speakable_number
from app.core.money import MAX_FEN
from app.customers.service import Building
from app.network.service import Coverage, check_coverage, first_open_date, list_closed_dates
from app.orders import repository
from app.orders.depositing import ask, most_at_once, read_needs
from app.orders.errors import (
    AgreementMissing,
    AgreementOutdated,
    AgreementVersionTaken,
    AmountTooLarge,
    StartTooEarly,
    StartTooLate,
)
from app.orders.gifts import first_promise
from app.orders.markets import market_of
from app.orders.models import Deposit, Order, OrderAgreement, OrderLine
from app.orders.pricing import LinePrice, price_line
from app.orders.rules import (
    MAX_BOTTLES,
    Pattern,
    Placement,
    Term,
    bottles_between,
    lay_out,
)
from app.orders.states import AgreementChannel, ConfirmationKind, OrderSource, OrderStatus

TIME_TO_PAY = timedelta(minutes=30)
MAX_START_AHEAD = timedelta(days=180)
NIL = UUID(int=0)


@dataclass(frozen=True)
class WantedLine:
    """A line as the customer asks for it; `bottles` or `cycle_days` says how long."""

    product_id: UUID
    pattern: Pattern
    start_date: date | None
    bottles: int | None
    cycle_days: int | None


@dataclass(frozen=True)
class QuotedLine:
    """A line with its days and price."""

    wanted: WantedLine
    offer: Offer
    start_date: date
    end_date: date
    bottles: int
    price: LinePrice
    deliveries: list[tuple[date, int]]
    """Its own bottles: bought, and gifts that come last."""
    gifts: dict[date, int]
    """On which days how many gifts come, last or beside the line's own."""

    @property
    def price_fen(self) -> int:
        """What is to pay for it."""
        return self.price.price_fen


@dataclass(frozen=True)
class QuoteResult:
    """What an order would bring and cost. `coverage` may be a warning."""

    coverage: Coverage
    first_possible_date: date
    lines: list[QuotedLine]
    price_fen: int
    deposits: Sequence[DepositNeed] = ()
    """What is asked beside the price for box and bottles."""

    @property
    def deposit_fen(self) -> int:
        """Deposits, given back at the end."""
        return sum(need.amount_fen for need in self.deposits)

    @property
    def due_fen(self) -> int:
        """What is paid at once: price and deposits."""
        return self.price_fen + self.deposit_fen

    @property
    def needs_box(self) -> bool:
        """Whether what is ordered is left in a milk box at the door."""
        return any(line.offer.needs_box for line in self.lines)

    @property
    def full_fen(self) -> int:
        """At the list price."""
        return sum(line.price.full_fen for line in self.lines)

    @property
    def discount_fen(self) -> int:
        """What is taken from it."""
        return sum(line.price.discount_fen for line in self.lines)


@dataclass(frozen=True)
class Placed:
    """A placed order, waiting to be paid."""

    order: Order
    lines: list[OrderLine] = field(default_factory=list)
    deposits: Sequence[Deposit] = ()


async def quote(
    session: AsyncSession,
    *,
    building: Building,
    lines: Sequence[WantedLine],
    source: OrderSource,
    now: datetime,
    customer_id: UUID | None = None,
) -> QuoteResult:
    """Every delivery date and the price (fen, VAT included), without placing anything.

    Prices are those of the building's city and of the channel it is bought through; deposits are
    less what the door of a known customer has already.
    Raises ProductUnknown, ProductNotOnSale, StartTooEarly, StartTooLate, AmountTooLarge.
    """
    today = local_date(now)
    coverage = await check_coverage(session, building=building, on=today)
    offers = await get_offers(
        session,
        product_ids={line.product_id for line in lines},
        on=today,
        market=market_of(building, source),
    )
    first_dates = {
        lead: await _first_date(session, coverage, lead_days=lead, now=now)
        for lead in {offers[line.product_id].lead_days for line in lines}
    }
    blocked = await _closed_dates(session, coverage, min(first_dates.values()), now=now)
    quoted = [
        _quote_line(line, offers[line.product_id], first_dates, blocked=blocked, today=today)
        for line in lines
    ]
    price = sum(line.price_fen for line in quoted)
    needs = await read_needs(
        session,
        door=None if customer_id is None else (customer_id, building.address_id),
        bottles=most_at_once((line.offer.product_id, line.deliveries) for line in quoted),
        box=any(line.offer.needs_box for line in quoted),
        on=today,
    )
    if price + sum(need.amount_fen for need in needs) > MAX_FEN:
        raise AmountTooLarge
    return QuoteResult(
        coverage=coverage,
        first_possible_date=min(first_dates.values()),
        lines=quoted,
        price_fen=price,
        deposits=needs,
    )


async def _first_date(
    session: AsyncSession, coverage: Coverage, *, lead_days: int, now: datetime
) -> date:
    if coverage.station_id is None:
        # Nobody serves it yet: the day after tomorrow is what a reviewer can promise at best.
        return local_date(now) + timedelta(days=2 + lead_days)
    return await first_open_date(
        session, station_id=coverage.station_id, now=now, lead_days=lead_days
    )


def _quote_line(
    line: WantedLine,
    offer: Offer,
    first_dates: dict[int, date],
    *,
    blocked: Collection[date],
    today: date,
) -> QuotedLine:
    first_possible = first_dates[offer.lead_days]
    start = line.start_date or first_possible
    if start < first_possible:
        raise StartTooEarly(first_possible_date=first_possible.isoformat())
    if start > today + MAX_START_AHEAD:
        raise StartTooLate(last_possible_date=(today + MAX_START_AHEAD).isoformat())
    bottles = line.bottles or bottles_between(
        line.pattern, start=start, days=line.cycle_days or 0, anchor=start
    )
    if not 0 < bottles <= MAX_BOTTLES:
        raise AmountTooLarge(bottles=bottles, most=MAX_BOTTLES)
    price = price_line(offer, bottles=bottles, days=line.cycle_days, on=today)
    terms = terms_for(
        line.pattern,
        product_id=line.product_id,
        start=start,
        bottles=price.own_bottles,
        blocked=blocked,
    )
    deliveries = [day for term in terms for day in term.deliveries()]
    return QuotedLine(
        wanted=line,
        offer=offer,
        start_date=start,
        end_date=deliveries[-1][0],
        bottles=bottles,
        price=price,
        deliveries=deliveries,
        gifts=first_promise(
            terms, last=price.last_gifts, dated=price.dated_gifts, every=price.gift_every
        ),
    )


async def _closed_dates(
    session: AsyncSession, coverage: Coverage, first: date, *, now: datetime
) -> Collection[date]:
    """Days the station brings nothing."""
    if coverage.station_id is None:
        return ()
    return await list_closed_dates(
        session, station_id=coverage.station_id, from_date=first, now=now
    )


def terms_for(
    pattern: Pattern,
    *,
    product_id: UUID,
    start: date,
    bottles: int,
    blocked: Collection[date] = (),
) -> list[Term]:
    """Terms of a line whose address is not known yet; raises AmountTooLarge."""
    placement = Placement(pattern, start, product_id, NIL, NIL)
    try:
        return lay_out(placement, start=start, bottles=bottles, blocked=blocked)
    except ValueError as error:
        raise AmountTooLarge from error


async def require_agreement(session: AsyncSession, version: str, *, on: date) -> None:
    """Raise AgreementOutdated or AgreementMissing unless `version` is the agreement in force."""
    current = await repository.current_version(session, on=on)
    if current is None:
        raise AgreementMissing
    if current != version:
        raise AgreementOutdated(current_version=current)


async def publish_agreement(
    session: AsyncSession, *, version: str, text: str, effective_date: date
) -> OrderAgreement:
    """Publish a version of the order agreement; raises AgreementVersionTaken."""
    if await session.get(OrderAgreement, version) is not None:
        raise AgreementVersionTaken
    agreement = OrderAgreement(version=version, text=text, effective_date=effective_date)
    session.add(agreement)
    await session.flush()
    return agreement


async def place_order(
    session: AsyncSession,
    *,
    customer_id: UUID,
    building: Building,
    lines: Sequence[WantedLine],
    source: OrderSource,
    agreement_version: str,
    now: datetime,
) -> Placed:
    """Place an online order; it waits for its payment until `pay_before_at`.

    An uncovered address does not hinder it: the review decides. Raises what `quote` raises and
    AgreementOutdated.
    """
    await require_agreement(session, agreement_version, on=local_date(now))
    return await write_placed(
        session,
        customer_id=customer_id,
        building=building,
        lines=lines,
        source=source,
        agreement_version=agreement_version,
        time_to_pay=TIME_TO_PAY,
        actor="customer",
        now=now,
    )


async def write_placed(
    session: AsyncSession,
    *,
    customer_id: UUID,
    building: Building,
    lines: Sequence[WantedLine],
    source: OrderSource,
    agreement_version: str | None,
    time_to_pay: timedelta,
    actor: str,
    now: datetime,
) -> Placed:
    """Write an online order whose agreement is accepted, or yet to be; raises what `quote` raises."""
    quoted = await quote(
        session,
        building=building,
        lines=lines,
        source=source,
        now=now,
        customer_id=customer_id,
    )
    accepted = agreement_version is not None
    order = Order(
        customer_id=customer_id,
        order_id=new_id(),
        order_no="",
        status=OrderStatus.PENDING_PAYMENT,
        confirmation=ConfirmationKind.ONLINE,
        source=source,
        address_id=building.address_id,
        price_fen=quoted.price_fen,
        deposit_fen=quoted.deposit_fen,
        agreement_version=agreement_version,
        agreed_at=now if accepted else None,
        agreed_through=OWN_CHANNELS.get(source) if accepted else None,
        placed_at=now,
        pay_before_at=now + time_to_pay,
        version=1,
    )
    placed = await _write(session, order, quoted.lines, actor=actor, now=now)
    if not quoted.deposits:
        return placed
    return replace(placed, deposits=await ask(session, order, quoted.deposits, now=now))


OWN_CHANNELS = {
    OrderSource.WEB: AgreementChannel.WEB,
    OrderSource.APP: AgreementChannel.APP,
    OrderSource.MINI_PROGRAM: AgreementChannel.MINI_PROGRAM,
}


async def _write(
    session: AsyncSession,
    order: Order,
    quoted: Sequence[QuotedLine],
    *,
    actor: str,
    now: datetime,
) -> Placed:
    order.order_no = await take_order_no(
        session, customer_id=order.customer_id, order_id=order.order_id
    )
    rows = [line_row(order, line) for line in quoted]
    await repository.insert_order(session, order, rows, at=now, actor=actor)
    return Placed(order=order, lines=rows)


def line_row(order: Order, line: QuotedLine) -> OrderLine:
    """The row of a quoted line; price and VAT rate are copied onto it."""
    pattern = line.wanted.pattern
    weekdays = pattern.weekday_quantities
    return OrderLine(
        customer_id=order.customer_id,
        order_line_id=new_id(),
        order_id=order.order_id,
        product_id=line.offer.product_id,
        quantity=pattern.quantity,
        interval_days=pattern.interval_days,
        weekday_quantities=None if weekdays is None else list(weekdays),
        start_date=line.start_date,
        cycle_days=line.wanted.cycle_days,
        bottles_bought=line.bottles,
        unscheduled_bottles=0,
        **line.price.columns(),
    )


async def take_order_no(session: AsyncSession, *, customer_id: UUID, order_id: UUID) -> str:
    """A fresh order number, unique over all customers."""
    while True:
        number = speakable_number()
        if await repository.claim_number(
            session, number, customer_id=customer_id, order_id=order_id
        ):
            return number
