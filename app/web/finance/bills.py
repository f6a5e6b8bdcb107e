"""Routes: one bill of a channel with the rows that could not be read, and bringing it as a file."""

from typing import Annotated, Final

from fastapi import File, Path, Request, UploadFile
from fastapi.responses import Response

from app.billing import service as billing
from app.billing.states import BILL_LABELS, CHANNEL_LABELS
from app.core.db import SessionDep
from app.core.ids import read_single
from app.core.pagination import BadCursor, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import ClockDep
from app.web.common.forms import Made, MadeBefore, go_to, once
from app.web.finance import words
from app.web.finance.rights import Finance, Reader
from app.web.finance.showing import HOME, ROWS_A_PAGE, show

BILLS: Final = f"{HOME}/bills"
router = Router(prefix=BILLS, include_in_schema=False)

BillId = Annotated[str, Path(max_length=60)]


@router.get("/{bill}")
async def bill_page(
    request: Request, bill: BillId, _: Reader, session: SessionDep, page: PageDep
) -> Response:
    """A bill with its figures and the rows set aside, in the order of the file."""
    bill_id = read_single("bil", bill)
    view = await billing.view_bill(session, bill_id=bill_id)
    found = await billing.list_faults(
        session, bill_id=bill_id, after_line=_after_line(page), limit=ROWS_A_PAGE + 1
    )
    faults = found[:ROWS_A_PAGE]
    return show(
        request,
        "bill.html",
        id=bill,
        bill=view.bill,
        work=view.work,
        faults=[(one.line_no, words.FAULTS.get(one.reason, one.reason)) for one in faults],
        channels=CHANNEL_LABELS,
        states=BILL_LABELS,
        comes_as_file=view.bill.channel in billing.AS_FILES,
        file_kind=words.BILL_FILES.get(view.bill.channel, ""),
        next_cursor=cursor_of(faults[-1].line_no) if len(found) > ROWS_A_PAGE else None,
        is_first=page.after is None,
        address=f"{BILLS}/{bill}",
    )


def _after_line(page: PageRequest) -> int:
    match page.after:
        case None:
            return 0
        case [int() as line_no]:
            return line_no
    raise BadCursor


@router.post("/{bill}/file")
async def bring_file(
    request: Request,
    bill: BillId,
    caller: Finance,
    session: SessionDep,
    clock: ClockDep,
    file: Annotated[UploadFile, File()],
) -> Response:
    """Take the bill from a file that a person got from the channel's own pages."""
    address = f"{BILLS}/{bill}"
    try:
        async with once(request, caller) as call:
            await billing.import_bill(
                session,
                bill_id=read_single("bil", bill),
                content=await file.read(),
                by=caller.account_id,
                now=clock.now(),
            )
            await call.remember(session, 201, Made(address=address))
    except MadeBefore as made:
        address = made.address
    return go_to(request, address, "账单已导入，并已对账")
