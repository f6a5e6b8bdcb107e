"""Writing matched rows: customers, addresses, orders, terms, opening balances, set by set."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.models import LedgerTransfer
from app.catalog.models import DepositKind
from app.catalog.service import list_current_vat
from app.core.bulk import insert_missing
from app.core.clock import local_date
from app.core.errors import SetupError
from app.core.ids import new_id, speakable_number
from app.customers.models import Address, AddressVersion, Customer
from app.network.service import first_open_date, list_closed_dates
from app.orders.importing.matching import MatchedRow
from app.orders.importing.people import Batch, Home, People, address_key
from app.orders.models import Deposit, EntitlementEntry, OrderHistory, OrderLine
from app.orders.repository import known_numbers, term_values
from app.orders.rules import ONE_DAY, Placement, Term, bottles_between, lay_out
from app.orders.states import ConfirmationKind, DepositState, OrderStatus


@dataclass
class Loader:
    """Writes batches; keeps what is the same for the whole import."""

    people: People
    now: datetime
    first_dates: dict[UUID, date] = field(default_factory=dict)
    closed: dict[UUID, Collection[date]] = field(default_factory=dict)

    async def load(self, session: AsyncSession, rows: Sequence[MatchedRow]) -> int:
        """Write those rows of a batch that were never imported; answers how many."""
        fresh = await self._new_rows(session, rows)
        if not fresh:
            return 0
        batch = Batch()
        customers = await self.people.customers(session, batch, [row for row, *_ in fresh])
        homes = await self.people.homes(session, batch, [row for row, *_ in fresh], customers)
        vat = await list_current_vat(
            session, product_ids={row.product_id for row, *_ in fresh}, on=local_date(self.now)
        )
        for row, order_id, order_no in fresh:
            home = homes[address_key(row.row)]
            await self._know_station(session, row.served_by.station_id)
            self._order(batch, row, home, order_id, order_no, vat=vat[row.product_id])
        await self._claim_numbers(session, fresh, homes)
        await batch.write(
            session,
            (
                Customer.__tablename__,
                Address.__tablename__,
                AddressVersion.__tablename__,
                "orders",
                "order_history",
                "order_lines",
                "order_terms",
                EntitlementEntry.__tablename__,
                LedgerTransfer.__tablename__,
                Deposit.__tablename__,
            ),
        )
        await self._address_blocks(session, fresh, homes)
        return len(fresh)

    @staticmethod
    async def _new_rows(
        session: AsyncSession, rows: Sequence[MatchedRow]
    ) -> list[tuple[MatchedRow, UUID, str]]:
        """Rows whose key (订户编号, product) is new, each with its order's id and number."""
        known = await known_numbers(session, {book_key(row) for row in rows})
        return [(row, new_id(), speakable_number()) for row in rows if book_key(row) not in known]

    @staticmethod
    async def _claim_numbers(
        session: AsyncSession,
        fresh: Sequence[tuple[MatchedRow, UUID, str]],
        homes: dict[tuple[str, str], Home],
    ) -> None:
        """Register keys and order numbers; a second import at the same moment fails here."""
        rows = [
            (number, homes[address_key(row.row)].customer_id, order_id)
            for row, order_id, order_no in fresh
            for number in (book_key(row), order_no)
        ]
        columns = {"number": "text", "customer_id": "uuid", "order_id": "uuid"}
        if len(await insert_missing(session, "order_numbers", columns, rows)) != len(rows):
            raise SetupError(
                "Another import wrote the same rows at this moment; nothing of this batch was "
                "written: start the import again."
            )

    async def _know_station(self, session: AsyncSession, station_id: UUID) -> None:
        if station_id in self.first_dates:
            return
        first = await first_open_date(session, station_id=station_id, now=self.now, lead_days=0)
        self.first_dates[station_id] = first
        self.closed[station_id] = await list_closed_dates(
            session, station_id=station_id, from_date=first, now=self.now
        )

    def _order(
        self,
        batch: Batch,
        row: MatchedRow,
        home: Home,
        order_id: UUID,
        order_no: str,
        *,
        vat: int,
    ) -> None:
        source = None if row.row.source is None else row.row.source.value
        batch.add(
            "orders",
            customer_id=home.customer_id,
            order_id=order_id,
            order_no=order_no,
            status=OrderStatus.DELIVERING.value,
            confirmation=ConfirmationKind.IMPORTED.value,
            source=source,
            address_id=home.address_id,
            price_fen=row.paid_fen,
            placed_at=self.now,
            confirmed_at=self.now,
            version=1,
        )
        batch.add(
            OrderHistory.__tablename__,
            customer_id=home.customer_id,
            entry_id=new_id(),
            order_id=order_id,
            from_status=None,
            to_status=OrderStatus.DELIVERING.value,
            at=self.now,
            actor="system",
            reason=f"imported, row {row.row.row_no}",
        )
        line_id = new_id()
        terms, unscheduled = self._terms(row, home)
        self._line(batch, row, home, order_id, line_id, vat=vat, unscheduled=unscheduled)
        for term in terms:
            batch.add("order_terms", **term_values(home.customer_id, line_id, term))
        self._entitle(batch, home, line_id, "opening", row.bottles, row.paid_fen)
        self._entitle(batch, home, line_id, "gift", row.gift_bottles, 0)
        self._opening(batch, home, order_id, line_id, "prepaid", row.paid_fen)
        self._opening(batch, home, order_id, line_id, "deposit", row.row.box_deposit_fen)
        self._deposit(batch, home, order_id, row.row.box_deposit_fen)

    def _line(
        self,
        batch: Batch,
        row: MatchedRow,
        home: Home,
        order_id: UUID,
        line_id: UUID,
        *,
        vat: int,
        unscheduled: int,
    ) -> None:
        weekdays = row.pattern.weekday_quantities
        batch.add(
            OrderLine.__tablename__,
            customer_id=home.customer_id,
            order_line_id=line_id,
            order_id=order_id,
            product_id=row.product_id,
            quantity=row.pattern.quantity,
            interval_days=row.pattern.interval_days,
            weekday_quantities=None if weekdays is None else list(weekdays),
            start_date=row.row.start_date,
            anchor_date=row.row.start_date,
            cycle_days=None,
            bottles_bought=row.bottles,
            gift_bottles=row.gift_bottles,
            unscheduled_bottles=unscheduled,
            paid_fen=row.paid_fen,
            unit_price_fen=row.row.unit_price_fen,
            vat_permille=vat,
        )

    def _terms(self, row: MatchedRow, home: Home) -> tuple[list[Term], int]:
        station_id = row.served_by.station_id
        start = max(row.row.start_date, self.first_dates[station_id])
        placement = Placement(
            row.pattern,
            row.row.start_date,
            row.product_id,
            home.address_id,
            home.address_version_id,
        )
        bottles = row.bottles + row.gift_bottles
        blocked: set[date] = set(self.closed[station_id])
        stops_at: date | None = None
        for first, last in row.row.pauses:
            if last is None:
                stops_at = first
            else:
                blocked |= {first + ONE_DAY * step for step in range((last - first).days + 1)}
        if stops_at is None:
            return lay_out(placement, start=start, bottles=bottles, blocked=blocked), 0
        before = _bottles_before(placement, start, stops_at, blocked)
        scheduled = min(bottles, before)
        if scheduled == 0:
            return [], bottles
        terms = lay_out(placement, start=start, bottles=scheduled, blocked=blocked)
        return terms, bottles - scheduled

    def _entitle(
        self, batch: Batch, home: Home, line_id: UUID, kind: str, bottles: int, value_fen: int
    ) -> None:
        if bottles:
            batch.add(
                EntitlementEntry.__tablename__,
                customer_id=home.customer_id,
                entry_id=new_id(),
                order_line_id=line_id,
                kind=kind,
                bottles=bottles,
                value_fen=value_fen,
                at=self.now,
                cause_id=None,
            )

    def _opening(
        self, batch: Batch, home: Home, order_id: UUID, line_id: UUID, account: str, fen: int
    ) -> None:
        if fen:
            batch.add(
                LedgerTransfer.__tablename__,
                customer_id=home.customer_id,
                booked_date=local_date(self.now),
                transfer_id=new_id(),
                debit_account="opening",
                credit_account=account,
                amount_fen=fen,
                cause="opening_balance",
                reference_id=order_id,
                source_id=line_id,
                booked_at=self.now,
                reverses_id=None,
            )

    def _deposit(self, batch: Batch, home: Home, order_id: UUID, fen: int) -> None:
        if fen:
            batch.add(
                Deposit.__tablename__,
                customer_id=home.customer_id,
                deposit_id=new_id(),
                order_id=order_id,
                address_id=home.address_id,
                kind=DepositKind.BOX.value,
                amount_fen=fen,
                is_opening=True,
                state=DepositState.HELD.value,
                moved_at=self.now,
            )

    async def _address_blocks(
        self,
        session: AsyncSession,
        fresh: Sequence[tuple[MatchedRow, UUID, str]],
        homes: dict[tuple[str, str], Home],
    ) -> None:
        since = local_date(self.now)
        always = Range(since, None, bounds="[)")
        rows = {}
        for row, *_ in fresh:
            home = homes[address_key(row.row)]
            key = (home.customer_id, home.address_id)
            served = row.served_by
            rows[key] = (*key, since, always, served.block_id, served.stop_no)
        columns = {"customer_id": "uuid", "address_id": "uuid", "valid_from": "date"}
        columns |= {"valid": "daterange", "block_id": "uuid", "stop_no": "int8"}
        await insert_missing(session, "address_blocks", columns, list(rows.values()))


def _bottles_before(placement: Placement, start: date, stops_at: date, blocked: set[date]) -> int:
    days = (stops_at - start) // timedelta(days=1)
    total = bottles_between(
        placement.pattern, start=start, days=max(days, 0), anchor=placement.anchor
    )
    return total - sum(
        placement.pattern.on(day, anchor=placement.anchor)
        for day in blocked
        if start <= day < stops_at
    )


def book_key(row: MatchedRow) -> str:
    """What makes a second import of a row harmless: the operator's number and the product."""
    return f"book:{row.row.customer_no}:{row.product_id}"
