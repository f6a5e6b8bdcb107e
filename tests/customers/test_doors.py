"""What other packages call."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.core.db import Database
from app.core.ids import new_id
from app.customers import service
from app.customers.errors import AddressUnknown, CustomerUnknown, TooManyAddresses
from app.customers.models import Customer, CustomerKind
from app.customers.service import DoorDetails, NewCustomer
from app.identity.errors import PhoneInvalid
from tests.factories.customers import address_text
from tests.factories.world import MORNING, World
from tests.fixtures.application import SetClock, make_test_runtime


async def test_a_customer_is_opened_once_per_phone_and_named_when_nameless(
    database: Database, world: World
) -> None:
    async with database.transaction() as session:
        first = await service.ensure_customer(
            session, phone="+86 135 0000 0001", name=None, now=MORNING, heard_from="传单"
        )
        again = await service.ensure_customer(
            session, phone="13500000001", name="陈静", now=MORNING, kind=CustomerKind.SCHOOL
        )
        third = await service.ensure_customer(
            session, phone="13500000001", name="别人", now=MORNING
        )
        assert first == again == third
        profile = await service.get_profile(session, customer_id=first)
        assert (profile.name, profile.phone, profile.heard_from) == ("陈静", "13500000001", "传单")
        assert await service.customer_kind(session, customer_id=first) is CustomerKind.HOUSEHOLD
        assert await service.display_name(session, customer_id=first) == "陈**"
        assert await service.contact_phone(session, customer_id=first) == "13500000001"
        known = await service.ensure_customer(
            session, phone=world.household.phone, name=None, now=MORNING
        )
        assert known == world.household.customer_id


async def test_a_book_of_customers_is_opened_in_a_fixed_number_of_statements(
    database: Database, world: World
) -> None:
    people = [
        NewCustomer(phone=f"137{number:08}", name=f"订户{number}", kind=CustomerKind.HOUSEHOLD)
        for number in range(1500)
    ]
    people += [
        NewCustomer(phone="021-62345678", name="某小学", kind=CustomerKind.SCHOOL),
        NewCustomer(phone=people[0].phone),
        NewCustomer(phone=world.household.phone, name="新名"),
    ]
    async with database.transaction() as session:
        ids = await service.ensure_customers(session, people=people, now=MORNING)
        assert await service.ensure_customers(session, people=people, now=MORNING) == ids
        assert ids[0] == ids[1501]
        assert len(set(ids)) == 1502
        assert ids[-1] == world.household.customer_id
        assert await session.scalar(select(func.count()).select_from(Customer)) == 1502
        assert (await service.get_profile(session, customer_id=ids[0])).name == "订户0"
        assert (await service.get_profile(session, customer_id=ids[1500])).phone == "021-62345678"
        # the name the customer has is not the book's to change
        assert (await service.get_profile(session, customer_id=ids[-1])).name == "王女士"
        refs = await service.add_addresses(
            session,
            addresses=[
                (customer_id, address_text(door=f"{n}室"))
                for n, customer_id in enumerate(ids[:1200])
            ],
            now=MORNING,
        )
        doors = await service.open_door_details(
            session, pairs=[(ids[n], refs[n].address_version_id) for n in range(1200)]
        )
    assert [doors[ref.address_version_id].door for ref in refs] == [f"{n}室" for n in range(1200)]
    assert await _nothing(database) == ([], [], {})


async def _nothing(database: Database) -> tuple[list[UUID], list[Any], dict[UUID, DoorDetails]]:
    async with database.transaction() as session:
        return (
            await service.ensure_customers(session, people=[], now=MORNING),
            await service.add_addresses(session, addresses=[], now=MORNING),
            await service.open_door_details(session, pairs=[]),
        )


async def test_doors_open_only_for_their_own_customer(database: Database, world: World) -> None:
    async with database.transaction() as session:
        other = await world.add_household(session)
        crossed = await service.open_door_details(
            session,
            pairs=[
                (other.customer_id, world.household.address_version_id),
                (new_id(), other.address_version_id),
            ],
        )
        assert crossed == {}
        details = await service.open_door_details(
            session, pairs=[(other.customer_id, other.address_version_id)]
        )
    assert details == {
        other.address_version_id: DoorDetails(
            door="301室", recipient="王女士", phone=other.phone, note=None
        )
    }
    assert "301" not in repr(details)


async def test_a_building_is_answered_plain(database: Database, world: World) -> None:
    household = world.household
    async with database.transaction() as session:
        place = await service.get_address(
            session, customer_id=household.customer_id, address_id=household.address_id
        )
        assert place.address_version_id == household.address_version_id
        assert (place.district, place.street, place.house_no) == ("徐汇区", "梅陇路", "12")
        with pytest.raises(AddressUnknown):
            await service.get_address(
                session, customer_id=new_id(), address_id=household.address_id
            )


async def test_nobody_has_no_address_phone_or_name(database: Database, world: World) -> None:
    async with database.transaction() as session:
        with pytest.raises(CustomerUnknown):
            await service.add_address(
                session, customer_id=new_id(), address=address_text(), now=MORNING
            )
        for ask in (service.contact_phone, service.display_name, service.customer_kind):
            with pytest.raises(CustomerUnknown):
                await ask(session, customer_id=new_id())
        with pytest.raises(PhoneInvalid):
            await service.ensure_customer(session, phone="12", name=None, now=MORNING)


async def test_two_at_once_do_not_pass_the_limit_of_addresses(
    live_database: Database, clock: SetClock, tmp_path: Any
) -> None:
    make_test_runtime(live_database, clock, tmp_path)
    async with live_database.transaction() as session:
        customer_id = await service.ensure_customer(
            session, phone="13500000001", name=None, now=MORNING
        )
        for _ in range(18):
            await service.add_address(
                session, customer_id=customer_id, address=address_text(), now=MORNING
            )

    async def add() -> bool:
        try:
            async with live_database.transaction() as session:
                await service.add_address(
                    session, customer_id=customer_id, address=address_text(), now=MORNING
                )
        except TooManyAddresses:
            return False
        return True

    results = await asyncio.gather(*(add() for _ in range(5)))
    assert results.count(True) == 2
