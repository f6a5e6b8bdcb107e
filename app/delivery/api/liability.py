"""What is owed in milk, and the custody of prepaid money, over HTTP."""

from datetime import date
from typing import Annotated

from fastapi import Depends, Query, Response

from app.core.db import SessionDep
from app.core.exporting import file_answer
from app.core.unit import Router
from app.delivery.api.settlement_schemas import LiabilityOut, Policies, PolicyIn
from app.delivery.service import liability as service
from app.delivery.service.settlement_files import write_liability
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role

router = Router(tags=["billing"])

Books = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.AUDITOR))]
PolicyReaders = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.MANAGER, Role.AUDITOR))]
PolicySetters = Annotated[Principal, Depends(Allow(Role.MANAGER))]
On = Annotated[date | None, Query(alias="date", ge=date(2000, 1, 1), le=date(2199, 12, 31))]


@router.get("/ledger/prepaid")
async def get_prepaid(
    _: Books, session: SessionDep, clock: ClockDep, on: On = None
) -> LiabilityOut:
    """What is owed in milk to the end of a date, by default today; 400 for a date to come."""
    return LiabilityOut.of(await service.read_liability(session, on=on, now=clock.now()))


@router.get("/ledger/prepaid/file.xlsx", response_class=Response)
async def take_prepaid(
    caller: Books, session: SessionDep, clock: ClockDep, on: On = None
) -> Response:
    """The same as a file; it is noted who takes it."""
    now = clock.now()
    found = await service.read_liability(session, on=on, now=now)
    file = await write_liability(session, found, actor=caller.actor, now=now)
    return file_answer(file, f"预收款余额-{found.date.isoformat()}.xlsx")


@router.get("/custody-policies")
async def list_custody_policies(_: PolicyReaders, session: SessionDep) -> Policies:
    """Which part of balances is held in custody, and by which rule."""
    return Policies.of(await service.list_custody_policies(session))


@router.put("/custody-policies")
async def set_custody_policy(
    caller: PolicySetters, body: PolicyIn, session: SessionDep, clock: ClockDep
) -> Policies:
    """Set the part from a date on."""
    await service.set_custody_policy(
        session,
        valid_from=body.valid_from,
        permille=body.permille,
        article=body.article,
        by=caller.account_id,
        now=clock.now(),
    )
    return Policies.of(await service.list_custody_policies(session))
