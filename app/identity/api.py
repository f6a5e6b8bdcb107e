"""JSON endpoints of identity: logging in and out, staff, the access log.

Logins take the database instead of the request's session: their tries are counted in transactions
of their own, which a refusal leaves standing.
"""

from typing import Annotated

from fastapi import Depends, Query, Request

from app.core.db import Database, SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity import service
from app.identity.access import OPEN, STAFF, Allow, AnyCaller, ClockDep, Principal
from app.identity.errors import RefreshRefused
from app.identity.models import AccountKind, Role
from app.identity.schemas import (
    AccessEntryOut,
    CodeIn,
    CodeOut,
    MeOut,
    PasswordChangeIn,
    PasswordIn,
    PasswordLoginIn,
    RefreshIn,
    SmsLoginIn,
    StaffIn,
    StaffOut,
    StaffPatch,
    TokensOut,
    client_host,
    filter_uuid,
    staff_uuid,
    uuid_cursor,
)

router = Router(tags=["identity"])


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


DatabaseDep = Annotated[Database, Depends(_database)]
ClientHost = Annotated[str | None, Depends(client_host)]
StaffCaller = Annotated[Principal, Depends(Allow(*STAFF, Role.SCHOOL))]
Administrator = Annotated[Principal, Depends(Allow(Role.ADMIN))]
Auditor = Annotated[Principal, Depends(Allow(Role.AUDITOR, Role.ADMIN))]


@router.post("/auth/sms-codes", status_code=202, dependencies=[OPEN])
async def ask_for_code(body: CodeIn, database: DatabaseDep, host: ClientHost) -> CodeOut:
    """Send a login code by SMS; the answer does not tell whether the phone is known."""
    ticket = await service.issue_code(database, phone=body.phone, client_host=host)
    return CodeOut.model_validate(ticket)


@router.post("/auth/sms-login", dependencies=[OPEN])
async def log_in_by_code(
    body: SmsLoginIn, database: DatabaseDep, host: ClientHost, clock: ClockDep
) -> TokensOut:
    """Log a customer in; the first login opens the account."""
    tokens = await service.log_in_by_code(
        database,
        request_id=body.request_id,
        phone=body.phone,
        code=body.code,
        client_host=host,
        now=clock.now(),
    )
    return TokensOut.of(tokens)


@router.post("/auth/login", dependencies=[OPEN])
async def log_in(body: PasswordLoginIn, database: DatabaseDep, host: ClientHost) -> TokensOut:
    """Log a member of staff in."""
    tokens = await service.log_in_staff(
        database, login=body.login, password=body.password, client_host=host
    )
    return TokensOut.of(tokens)


@router.post("/auth/refresh", dependencies=[OPEN])
async def refresh(body: RefreshIn, database: DatabaseDep) -> TokensOut:
    """New tokens for a refresh token; using one twice ends its session."""
    async with database.transaction() as session:
        tokens = await service.rotate_tokens(session, refresh_token=body.refresh_token)
    if tokens is None:
        raise RefreshRefused
    return TokensOut.of(tokens)


@router.post("/auth/logout", status_code=204)
async def log_out(caller: AnyCaller, session: SessionDep) -> None:
    """End the caller's session."""
    await service.end_session(session, account_id=caller.account_id, session_id=caller.session_id)


@router.get("/auth/me")
async def who_am_i(caller: AnyCaller, session: SessionDep) -> MeOut:
    """The caller and what the caller may do."""
    if caller.kind is AccountKind.CUSTOMER:
        return MeOut(
            id=public_single("cus", caller.account_id), kind=caller.kind, roles=[Role.CUSTOMER]
        )
    staff = StaffOut.of(await service.get_staff(session, staff_id=caller.account_id))
    return MeOut(kind=caller.kind, **staff.model_dump(exclude={"is_active", "created_at"}))


@router.post("/auth/password", status_code=204)
async def change_own_password(
    caller: StaffCaller, body: PasswordChangeIn, database: DatabaseDep, host: ClientHost
) -> None:
    """Change one's own password; the other sessions end."""
    await service.change_own_password(
        database,
        caller=caller,
        current=body.current_password,
        fresh=body.new_password,
        client_host=host,
    )


@router.post("/staff", status_code=201, response_model=StaffOut)
async def create_staff(
    _: Administrator, call: IdempotentDep, body: StaffIn, session: SessionDep, clock: ClockDep
) -> object:
    """Add a member of staff with an initial password."""
    staff_id = await service.create_staff(
        session,
        login=body.login,
        display_name=body.display_name,
        password=body.password,
        roles=body.roles,
        station_id=body.station(),
        deliverer_id=body.deliverer(),
        now=clock.now(),
    )
    created = StaffOut.of(await service.get_staff(session, staff_id=staff_id))
    return await call.remember(session, 201, created)


@router.get("/staff")
async def list_staff(
    _: Administrator, page: PageDep, session: SessionDep, is_active: bool | None = None
) -> Page[StaffOut]:
    """Staff in the order they were added."""
    staff = await service.list_staff(
        session, after=uuid_cursor(page), limit=page.limit + 1, is_active=is_active
    )
    shown = staff[: page.limit]
    more = len(staff) > page.limit
    return Page(
        items=[StaffOut.of(member) for member in shown],
        next_cursor=cursor_of(str(shown[-1].id)) if more else None,
    )


@router.get("/staff/{staff_id}")
async def get_staff(_: Administrator, staff_id: str, session: SessionDep) -> StaffOut:
    """One member of staff."""
    return StaffOut.of(await service.get_staff(session, staff_id=staff_uuid(staff_id)))


@router.patch("/staff/{staff_id}")
async def change_staff(
    _: Administrator, staff_id: str, body: StaffPatch, session: SessionDep
) -> StaffOut:
    """Change roles, scope or standing; it holds from the next request on."""
    staff = await service.change_staff(
        session, staff_id=staff_uuid(staff_id), changes=body.changes()
    )
    return StaffOut.of(staff)


@router.post("/staff/{staff_id}/password", status_code=204)
async def set_password(
    _: Administrator, staff_id: str, body: PasswordIn, session: SessionDep
) -> None:
    """Give a member of staff another password; all their sessions end."""
    await service.set_password(session, staff_id=staff_uuid(staff_id), password=body.password)


@router.get("/access-log")
async def list_access_log(
    _: Auditor,
    page: PageDep,
    session: SessionDep,
    staff: Annotated[str | None, Query(max_length=60)] = None,
    customer: Annotated[str | None, Query(max_length=60)] = None,
) -> Page[AccessEntryOut]:
    """Who read whose personal data in full and why, newest first."""
    entries = await service.list_access_log(
        session,
        before=uuid_cursor(page),
        limit=page.limit + 1,
        account_id=filter_uuid("stf", staff),
        customer_id=filter_uuid("cus", customer),
    )
    shown = entries[: page.limit]
    more = len(entries) > page.limit
    return Page(
        items=[AccessEntryOut.of(entry) for entry in shown],
        next_cursor=cursor_of(str(shown[-1].id)) if more else None,
    )
