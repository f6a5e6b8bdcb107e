"""What belongs to the household that looks; of another's it is told nothing."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Path
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.core.ids import read_pair
from app.customers.service import Building, get_address
from app.identity.access import Principal

PublicId = Annotated[str, Path(max_length=90)]
ServiceDate = Annotated[date, Path(ge=date(2000, 1, 1), le=date(2100, 1, 1))]


def own_id(caller: Principal, prefix: str, text: str) -> UUID:
    """The row behind a public id of the caller's; raises NotFound."""
    owner, row_id = read_pair(prefix, text)
    if owner != caller.customer_id:
        raise NotFound
    return row_id


async def own_building(session: AsyncSession, caller: Principal, text: str) -> Building:
    """One of the caller's addresses, down to the building; raises NotFound."""
    return await get_address(
        session, customer_id=caller.customer_id, address_id=own_id(caller, "adr", text)
    )
