"""Routes: invoices in batches to the provider, and its answers back."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import File, Path, Request, UploadFile
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.repository import read_names
from app.core.db import SessionDep
from app.core.exporting import file_answer
from app.core.ids import public_single, read_single
from app.core.pagination import PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.invoices import service as invoices
from app.web.common.forms import Made, MadeBefore, go_to, once
from app.web.common.templating import is_htmx
from app.web.finance.invoices import INVOICES
from app.web.finance.rights import Finance, Reader
from app.web.finance.showing import ROWS_A_PAGE, show

BATCHES: Final = f"{INVOICES}/batches"
router = Router(prefix=BATCHES, include_in_schema=False)

STAFF: Final = "staff:"
"""How lists of who took a file name a member of staff."""
BatchId = Annotated[str, Path(max_length=60)]


@router.get("")
async def list_page(request: Request, _: Reader, session: SessionDep, page: PageDep) -> Response:
    """Batches, the latest first."""
    found = await invoices.list_batches(session, after=page.after_instant(), limit=ROWS_A_PAGE + 1)
    rows, cursor = found[:ROWS_A_PAGE], None
    if len(found) > ROWS_A_PAGE:
        cursor = cursor_of(rows[-1].made_at.isoformat(), str(rows[-1].id))
    return show(
        request,
        "batches.html",
        rows=rows,
        next_cursor=cursor,
        is_first=page.after is None,
        address=BATCHES,
    )


@router.post("")
async def make(request: Request, caller: Finance, session: SessionDep, clock: ClockDep) -> Response:
    """Take what waits into a batch, and go on to its page."""
    try:
        async with once(request, caller) as call:
            made = await invoices.make_batch(session, actor=caller.actor, now=clock.now())
            address = f"{BATCHES}/{public_single('bat', made.id)}"
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as before:
        address = before.address
    return go_to(request, address, "批次已生成")


@router.get("/{batch}")
async def batch_page(request: Request, batch: BatchId, _: Reader, session: SessionDep) -> Response:
    """A batch: its file, who took it, and where the provider's answer is handed in."""
    return await _show_batch(request, session, batch, "batch.html", taken=None)


async def _show_batch(
    request: Request,
    session: AsyncSession,
    batch: str,
    template: str,
    *,
    taken: invoices.TakenAnswers | None,
) -> Response:
    view = await invoices.view_batch(session, batch_id=read_single("bat", batch))
    people = {one.actor: UUID(one.actor.removeprefix(STAFF)) for one in view.taken}
    names = await read_names(session, set(people.values()))
    return show(
        request,
        template,
        id=batch,
        view=view,
        taken=taken,
        names={actor: names[who].display_name for actor, who in people.items() if who in names},
    )


@router.get("/{batch}/file.xlsx", response_class=Response)
async def take_out(
    caller: Finance, batch: BatchId, session: SessionDep, clock: ClockDep
) -> Response:
    """The file for the provider, the same each time; it is noted who takes it."""
    file, row = await invoices.write_batch(
        session, batch_id=read_single("bat", batch), caller=caller, now=clock.now()
    )
    return file_answer(file, f"开票申请-{row.batch_no}.xlsx")


@router.post("/{batch}/answers")
async def take_answers(
    request: Request,
    batch: BatchId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    file: Annotated[UploadFile, File()],
) -> Response:
    """Take over the provider's answer and say what became of each row; harmless when repeated."""
    taken = await invoices.take_answers(
        session,
        batch_id=read_single("bat", batch),
        body=await file.read(),
        actor=caller.actor,
        now=clock.now(),
    )
    part = "answers_part.html" if is_htmx(request) else "batch.html"
    return await _show_batch(request, session, batch, part, taken=taken)
