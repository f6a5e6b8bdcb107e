"""The doors of a deliverer's blocks that get no milk today, or not all of it."""

from datetime import date

from app.core.clock import local_date
from app.core.db import SessionDep
from app.core.ids import public_pair
from app.core.schemas import Answer
from app.core.unit import Router
from app.delivery.service.resting import RestingDoor, open_resting_doors
from app.identity.access import ClockDep, DelivererCaller
from app.identity.rules import mask_phone

router = Router(prefix="/me")


class RestingLineOut(Answer):
    """A line without a delivery today; no `next_date`: it waits for a resume."""

    line_id: str
    order_no: str
    product: str
    specification: str
    next_date: date | None


class RestingDoorOut(Answer):
    """An address, named as in the route book."""

    stop: str
    street: str
    house_no: str
    compound: str
    door: str | None
    recipient: str | None
    phone: str | None
    lines: list[RestingLineOut]

    @classmethod
    def of(cls, found: RestingDoor) -> "RestingDoorOut":
        """From the service."""
        building, details = found.lines[0][0], found.details
        return cls(
            stop=public_pair("adr", found.customer_id, found.address_id),
            street=building.street,
            house_no=building.house_no,
            compound=building.compound,
            door=details and details.door,
            recipient=details and details.recipient,
            phone=details and mask_phone(details.phone),
            lines=[
                RestingLineOut(
                    line_id=public_pair("lin", line.customer_id, line.order_line_id),
                    order_no=line.order_no,
                    product=line.product,
                    specification=line.specification,
                    next_date=following,
                )
                for line, following in found.lines
            ],
        )


class RestingDoorsOut(Answer):
    """All of them, in the order of the rounds."""

    service_date: date
    items: list[RestingDoorOut]


@router.get("/resting-doors")
async def read_resting_doors(
    caller: DelivererCaller, session: SessionDep, clock: ClockDep
) -> RestingDoorsOut:
    """Where the caller's blocks have running orders with lines that bring nothing today.

    Paused, on another day of its pattern, or not begun: a change may be written down for each.
    """
    now = clock.now()
    found = await open_resting_doors(session, caller=caller, now=now)
    return RestingDoorsOut(
        service_date=local_date(now), items=[RestingDoorOut.of(door) for door in found]
    )
