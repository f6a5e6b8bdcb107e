"""What the provider answers to a batch: each row an invoice issued, or refused with a reason."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.errors import AppError, NotFound
from app.core.ids import read_pair
from app.invoices.answering import AnswerRow, read_answers
from app.invoices.errors import InvoiceUnknown
from app.invoices.repository import batches, requests
from app.invoices.rules import INVOICE_NUMBER
from app.invoices.service.handling import Issued, issue_invoice, reject_invoice
from app.invoices.states import InvoiceState

LONGEST_REASON: Final = 100
PDF_URL: Final = r"^https://[^\s]{1,480}$"


@dataclass(frozen=True, slots=True)
class WrongRow:
    """A row that had no effect: its number in the file, and why, in Chinese."""

    line_no: int
    reason: str


@dataclass(slots=True)
class TakenAnswers:
    """Rows by what became of them; `known` said what we knew."""

    issued: int = 0
    rejected: int = 0
    known: int = 0
    wrong: list[WrongRow] = field(default_factory=list)


class _RowWrong(Exception):
    """Why a row has no effect."""


async def take_answers(
    session: AsyncSession, *, batch_id: UUID, body: bytes, actor: str, now: datetime
) -> TakenAnswers:
    """Take over the answer file of a batch; wrong rows are listed, the others have their effect.

    A file taken before changes nothing. Raises BatchUnknown, AnswerFileUnreadable.
    """
    await batches.get_batch(session, batch_id)
    rows = await asyncio.to_thread(read_answers, body)
    taken = TakenAnswers()
    done: dict[str, AnswerRow] = {}
    for row in rows:
        before = done.setdefault(row.request, row)
        if before is not row:
            # An invoice of several lines has a row for each.
            if (before.number, before.failure) != (row.number, row.failure):
                taken.wrong.append(WrongRow(row.line_no, f"与第 {before.line_no} 行不一致"))
            continue
        try:
            async with session.begin_nested():
                await _take(session, row, taken, batch_id=batch_id, actor=actor, now=now)
        except _RowWrong as error:
            taken.wrong.append(WrongRow(row.line_no, str(error)))
        except AppError as error:
            taken.wrong.append(WrongRow(row.line_no, error.title))
    return taken


async def _take(
    session: AsyncSession,
    row: AnswerRow,
    taken: TakenAnswers,
    *,
    batch_id: UUID,
    actor: str,
    now: datetime,
) -> None:
    try:
        customer_id, request_id = read_pair("inv", row.request)
    except NotFound as error:
        raise _RowWrong("申请编号有误") from error
    request = await requests.find_request(session, customer_id, request_id)
    if request is None or request.batch_id != batch_id:
        raise InvoiceUnknown
    if not row.number:
        if not row.failure:
            raise _RowWrong("缺少发票号码或失败原因")
        if request.state is InvoiceState.REJECTED:
            taken.known += 1
            return
        await reject_invoice(
            session,
            customer_id=customer_id,
            request_id=request_id,
            reason=row.failure[:LONGEST_REASON],
            actor=actor,
            now=now,
        )
        taken.rejected += 1
        return
    known = request.state is InvoiceState.ISSUED
    await issue_invoice(
        session,
        customer_id=customer_id,
        request_id=request_id,
        issued=_issued(row, today=local_date(now)),
        actor=actor,
        now=now,
    )
    taken.known += known
    taken.issued += not known


def _issued(row: AnswerRow, *, today: date) -> Issued:
    if re.fullmatch(INVOICE_NUMBER, row.number) is None:
        raise _RowWrong("发票号码应为20位数字")
    day = row.day()
    if day is None or not date(2020, 1, 1) <= day <= today:
        raise _RowWrong("开票日期有误")
    if row.url and re.fullmatch(PDF_URL, row.url) is None:
        raise _RowWrong("下载地址应以 https:// 开头")
    return Issued(number=row.number, on=day, pdf_url=row.url or None)
