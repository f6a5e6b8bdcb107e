"""Who may see and touch which ticket."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path

from app.aftersales.handling import DESK
from app.aftersales.models import Ticket
from app.aftersales.schemas import TicketOut, present_ticket
from app.core.errors import Forbidden, NotFound
from app.core.ids import read_pair, read_single
from app.identity.access import Allow, Principal
from app.identity.models import Role

READERS = (*DESK, Role.STATION_MANAGER, Role.AUDITOR)
"""Staff who read tickets; a station manager those of his station."""

Customer = Annotated[Principal, Depends(Allow(Role.CUSTOMER))]
Filer = Annotated[Principal, Depends(Allow(Role.CUSTOMER, *DESK))]
Desk = Annotated[Principal, Depends(Allow(*DESK))]
Reader = Annotated[Principal, Depends(Allow(Role.CUSTOMER, *READERS))]
StaffReader = Annotated[Principal, Depends(Allow(*READERS))]
Watcher = Annotated[Principal, Depends(Allow(*DESK, Role.AUDITOR, Role.ADMIN))]
"""Who sees how the desk is set up."""
Keeper = Annotated[Principal, Depends(Allow(Role.MANAGER, Role.ADMIN))]
"""Who sets the desk up."""
TicketId = Annotated[str, Path(max_length=80)]


def ticket_key(caller: Principal, ticket_id: str) -> tuple[UUID, UUID]:
    """`(customer_id, ticket_id)` of a public id; a customer's own only, else NotFound."""
    customer_id, row_id = read_pair("tkt", ticket_id)
    if caller.has(Role.CUSTOMER) and customer_id != caller.account_id:
        raise NotFound
    return customer_id, row_id


def own_pair(prefix: str, text: str | None, customer_id: UUID) -> UUID | None:
    """The row a public id names, if it is this customer's; raises NotFound for another's."""
    if text is None:
        return None
    owner, row_id = read_pair(prefix, text)
    if owner != customer_id:
        raise NotFound
    return row_id


def own_station(caller: Principal) -> UUID | None:
    """The station a caller is held to; None for those who see all."""
    if caller.has(Role.CUSTOMER, Role.AUDITOR, *DESK):
        return None
    if caller.station_id is None:
        raise Forbidden
    return caller.station_id


def station_filter(caller: Principal, station: str | None) -> UUID | None:
    """The station a list is narrowed to; raises NotFound for another than the caller's own."""
    held_to = own_station(caller)
    wanted = None if station is None else read_single("stn", station)
    if held_to is not None and wanted not in {None, held_to}:
        raise NotFound
    return held_to or wanted


def shown(caller: Principal, ticket: Ticket, assignee: str | None = None) -> TicketOut:
    """A ticket as its caller may see it."""
    return present_ticket(ticket, assignee=assignee, for_desk=not caller.has(Role.CUSTOMER))
