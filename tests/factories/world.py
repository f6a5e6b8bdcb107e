"""A small city for tests, written straight into the tables."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.catalog.models import Product, ProductPrice, ProductVatRate, StorageClass
from app.core.clock import local_instant, wall_now
from app.core.crypto import Cell, KeyRing
from app.core.ids import new_id
from app.customers.models import Address, AddressVersion, Customer, CustomerKind
from app.identity.access import token_hash
from app.identity.models import AccountKind, PhoneAccount, Role, SessionRow, StaffAccount
from app.network.models import (
    AddressBlock,
    Block,
    BlockDeliverer,
    City,
    CoverageKind,
    CoverageRule,
    HouseParity,
    PlanDay,
    PlanDayState,
    Station,
    StationCutoff,
    Vehicle,
)
from app.orders.models import OrderAgreement
from app.workforce.models import Deliverer

MORNING = datetime(2026, 3, 15, 2, 0, tzinfo=UTC)
"""10:00 in Shanghai, a Sunday."""
TODAY = date(2026, 3, 15)
ALWAYS = Range(date(2020, 1, 1), None, bounds="[)")
CUTOFF = time(16, 0)
STAYS_LOGGED_IN = timedelta(hours=1)


@dataclass
class Household:
    """A customer with one address and a token."""

    customer_id: UUID
    address_id: UUID
    address_version_id: UUID
    phone: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """Authorization of this customer."""
        return bearer(self.token)


@dataclass
class StaffMember:
    """A member of staff with a token."""

    account_id: UUID
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """Authorization of this member of staff."""
        return bearer(self.token)


def bearer(token: str) -> dict[str, str]:
    """The header of an access token."""
    return {"Authorization": f"Bearer {token}"}


def once() -> dict[str, str]:
    """A fresh Idempotency-Key header."""
    return {"Idempotency-Key": secrets.token_hex(16)}


@dataclass
class World:
    """What the tests' city holds."""

    keys: KeyRing
    station_id: UUID = field(default_factory=new_id)
    blocks: list[UUID] = field(default_factory=list)
    deliverers: list[UUID] = field(default_factory=list)
    vehicle_id: UUID = field(default_factory=new_id)
    milk_id: UUID = field(default_factory=new_id)
    yogurt_id: UUID = field(default_factory=new_id)
    staff: dict[Role, StaffMember] = field(default_factory=dict)
    deliverer_staff: list[StaffMember] = field(default_factory=list)
    household: Household = None  # type: ignore[assignment]  # set by build
    _phone: int = 13900000000

    @classmethod
    async def build(cls, session: AsyncSession, keys: KeyRing) -> "World":
        """Write the city."""
        world = cls(keys=keys)
        await world._network(session)
        await world._catalogue(session)
        for role in Role:
            if role not in {Role.CUSTOMER, Role.DELIVERER}:
                station = world.station_id if role is Role.STATION_MANAGER else None
                world.staff[role] = await world.add_staff(session, role, station_id=station)
        for deliverer_id in world.deliverers:
            world.deliverer_staff.append(
                await world.add_staff(
                    session,
                    Role.DELIVERER,
                    station_id=world.station_id,
                    deliverer_id=deliverer_id,
                )
            )
        world.staff[Role.DELIVERER] = world.deliverer_staff[0]
        session.add(
            OrderAgreement(version="2026-01", text="订奶协议……", effective_date=date(2026, 1, 1))
        )
        world.household = await world.add_household(session)
        await session.flush()
        return world

    def copy(self, keys: KeyRing) -> "World":
        """The same city for another test, which may change what it gets."""
        return replace(
            self,
            keys=keys,
            blocks=self.blocks[:],
            deliverers=self.deliverers[:],
            staff={role: replace(member) for role, member in self.staff.items()},
            deliverer_staff=[replace(member) for member in self.deliverer_staff],
            household=replace(self.household),
        )

    async def _network(self, session: AsyncSession) -> None:
        session.add(City(code="310000", name="上海市"))
        await session.flush()
        session.add(
            Station(
                id=self.station_id,
                code="ST01",
                name="徐汇奶站",
                city_code="310000",
                created_at=MORNING,
            )
        )
        await session.flush()
        session.add(
            StationCutoff(id=new_id(), station_id=self.station_id, valid=ALWAYS, cutoff_time=CUTOFF)
        )
        session.add(Vehicle(id=self.vehicle_id, plate="沪A12345", station_id=self.station_id))
        for number in (1, 2):
            block_id, deliverer_id = new_id(), new_id()
            self.blocks.append(block_id)
            self.deliverers.append(deliverer_id)
            session.add(
                Deliverer(
                    id=deliverer_id,
                    employee_no=f"D{number:03}",
                    name=f"送奶员{number}",
                    created_at=MORNING,
                )
            )
            session.add(
                Block(
                    id=block_id,
                    code=f"ST01-{number:02}",
                    name=f"区块{number}",
                    station_id=self.station_id,
                )
            )
            await session.flush()
            session.add(
                BlockDeliverer(
                    id=new_id(), block_id=block_id, deliverer_id=deliverer_id, valid=ALWAYS
                )
            )
        self._coverage(session)
        await session.flush()

    def _coverage(self, session: AsyncSession) -> None:
        session.add(
            CoverageRule(
                id=new_id(),
                block_id=self.blocks[0],
                city_code="310000",
                kind=CoverageKind.COMPOUND,
                district="徐汇区",
                compound="梅陇一村",
                first_stop_no=100,
                valid=ALWAYS,
                parity=HouseParity.ALL,
            )
        )
        session.add(
            CoverageRule(
                id=new_id(),
                block_id=self.blocks[1],
                city_code="310000",
                kind=CoverageKind.STREET,
                district="徐汇区",
                street="漕溪北路",
                house_from=1,
                house_to=199,
                parity=HouseParity.ODD,
                first_stop_no=200,
                valid=ALWAYS,
            )
        )
        for ahead in range(-2, 120):
            day = TODAY + timedelta(days=ahead)
            session.add(
                PlanDay(
                    station_id=self.station_id,
                    service_date=day,
                    state=PlanDayState.OPEN,
                    cutoff_at=local_instant(day - timedelta(days=1), CUTOFF),
                )
            )

    async def _catalogue(self, session: AsyncSession) -> None:
        for product_id, code, name, price in (
            (self.milk_id, "MILK-195", "鲜牛奶", 350),
            (self.yogurt_id, "YOG-200", "风味酸牛奶", 420),
        ):
            session.add(
                Product(
                    id=product_id,
                    code=code,
                    name=name,
                    specification="195ml 玻璃瓶",
                    aliases=[],
                    storage_class=StorageClass.CHILLED,
                    max_celsius=Decimal("6.0"),
                    shelf_life_days=7,
                    lead_days=0,
                    created_at=MORNING,
                )
            )
            await session.flush()
            session.add(
                ProductPrice(id=new_id(), product_id=product_id, valid=ALWAYS, price_fen=price)
            )
            session.add(
                ProductVatRate(id=new_id(), product_id=product_id, valid=ALWAYS, permille=90)
            )

    async def add_staff(
        self,
        session: AsyncSession,
        role: Role,
        *,
        station_id: UUID | None = None,
        deliverer_id: UUID | None = None,
    ) -> StaffMember:
        """A member of staff who is logged in."""
        account_id = new_id()
        session.add(
            StaffAccount(
                id=account_id,
                login=f"{role.value}-{account_id.hex[-6:]}",
                display_name=role.value,
                password_hash="!",
                roles=[role.value],
                station_id=station_id,
                deliverer_id=deliverer_id,
                created_at=MORNING,
            )
        )
        token = await self._log_in(session, account_id, AccountKind.STAFF)
        return StaffMember(account_id=account_id, token=token)

    @staticmethod
    async def _log_in(session: AsyncSession, account_id: UUID, kind: AccountKind) -> str:
        token = secrets.token_urlsafe(32)
        session.add(
            SessionRow(
                access_hash=token_hash(token),
                session_id=new_id(),
                account_id=account_id,
                kind=kind,
                access_expires_at=wall_now() + STAYS_LOGGED_IN,
            )
        )
        await session.flush()
        return token

    def _version(
        self,
        session: AsyncSession,
        customer_id: UUID,
        address_id: UUID,
        version_id: UUID,
        phone: str,
        building: tuple[str, str, str],
    ) -> None:
        street, house_no, compound = building

        def sealed(column: str, plain: str) -> bytes:
            return self.keys.seal(plain, Cell("address_versions", column, version_id))

        session.add(
            AddressVersion(
                customer_id=customer_id,
                address_version_id=version_id,
                address_id=address_id,
                city_code="310000",
                district="徐汇区",
                street=street,
                house_no=house_no,
                compound=compound,
                door_sealed=sealed("door", "301室"),
                recipient_sealed=sealed("recipient", "王女士"),
                phone_sealed=sealed("phone", phone),
                note_sealed=None,
                created_at=MORNING,
            )
        )

    async def add_household(
        self,
        session: AsyncSession,
        *,
        compound: str = "梅陇一村",
        street: str = "梅陇路",
        house_no: str = "12",
        block: int | None = 0,
        stop_no: int | None = None,
        kind: CustomerKind = CustomerKind.HOUSEHOLD,
    ) -> Household:
        """A household with an address, served by a block unless `block` is None."""
        self._phone += 1
        phone = str(self._phone)
        customer_id, address_id, version_id = new_id(), new_id(), new_id()
        session.add(
            PhoneAccount(phone_index=self.keys.blind_index("phone", phone), account_id=customer_id)
        )
        session.add(
            Customer(
                customer_id=customer_id,
                kind=kind,
                name_sealed=self.keys.seal("王女士", Cell("customers", "name", customer_id)),
                phone_sealed=self.keys.seal(phone, Cell("customers", "phone", customer_id)),
                phone_tail=phone[-2:],
                created_at=MORNING,
            )
        )
        await session.flush()
        session.add(
            Address(
                customer_id=customer_id,
                address_id=address_id,
                current_version_id=version_id,
                created_at=MORNING,
            )
        )
        await session.flush()

        self._version(
            session, customer_id, address_id, version_id, phone, (street, house_no, compound)
        )
        if block is not None:
            session.add(
                AddressBlock(
                    customer_id=customer_id,
                    address_id=address_id,
                    valid_from=date(2020, 1, 1),
                    valid=ALWAYS,
                    block_id=self.blocks[block],
                    stop_no=stop_no if stop_no is not None else self._phone % 1000,
                )
            )
        token = await self._log_in(session, customer_id, AccountKind.CUSTOMER)
        return Household(customer_id, address_id, version_id, phone, token)
