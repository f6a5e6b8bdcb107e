"""Requests go to the invoicing provider in batches; a batch's file is the same whenever it is made."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.exporting import (
    Column,
    ColumnKind,
    ExportTaken,
    list_taken,
    note_export,
    write_table,
)
from app.core.ids import new_id, public_pair
from app.identity.access import Principal
from app.identity.service import log_accesses
from app.invoices.errors import NothingToExport
from app.invoices.models import InvoiceBatch, InvoiceLine, InvoiceRequest
from app.invoices.repository import batches, money, requests
from app.invoices.service.moving import open_title
from app.invoices.states import TITLE_LABELS

LIST: Final = "invoice_batch"
AT_ONCE: Final = 500
COLUMNS: Final = (
    Column("批次号"),
    Column("序号", ColumnKind.NUMBER, 8),
    Column("申请编号", width=60),
    Column("订单号"),
    Column("发票种类", width=24),
    Column("抬头类型", width=10),
    Column("购买方名称", width=32),
    Column("纳税人识别号", width=24),
    Column("电子邮箱", width=28),
    Column("手机号码"),
    Column("项目名称", width=24),
    Column("规格型号"),
    Column("税率", ColumnKind.PERCENT, 8),
    Column("含税金额", ColumnKind.YUAN, 12),
    Column("不含税金额", ColumnKind.YUAN, 12),
    Column("税额", ColumnKind.YUAN, 12),
    Column("申请日期", ColumnKind.DATE, 12),
)
KIND: Final = "电子发票（普通发票）"


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch, and who took its file out, the latest first."""

    batch: InvoiceBatch
    taken: Sequence[ExportTaken]


async def make_batch(session: AsyncSession, *, actor: str, now: datetime) -> InvoiceBatch:
    """Take what waits into a batch, at most 20,000 requests, the oldest first.

    Those of orders invoiced above what is paid stay behind, as corrections. Raises NothingToExport.
    """
    await batches.lock_batches(session)
    await money.mark_waiting_over(session, now=now)
    batch = InvoiceBatch(
        id=new_id(),
        batch_no=await batches.next_number(session, on=local_date(now)),
        made_at=now,
        made_by=actor,
        requests=1,
        amount_fen=1,
    )
    session.add(batch)
    await session.flush()
    taken = await batches.take_waiting(session, batch_id=batch.id, actor=actor, now=now)
    if not taken.requests:
        raise NothingToExport
    batch.requests, batch.amount_fen = taken.requests, taken.amount_fen
    await session.flush()
    return batch


async def list_batches(
    session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[InvoiceBatch]:
    """Batches, the latest first."""
    return await batches.list_batches(session, after=after, limit=limit)


async def view_batch(session: AsyncSession, *, batch_id: UUID) -> BatchView:
    """A batch and who took it out; raises BatchUnknown."""
    batch = await batches.get_batch(session, batch_id)
    return BatchView(batch, await list_taken(session, name=LIST, subject_id=batch_id))


async def write_batch(
    session: AsyncSession, *, batch_id: UUID, caller: Principal, now: datetime
) -> tuple[IO[bytes], InvoiceBatch]:
    """The file of a batch, one row for each line of an invoice, and note who took it.

    It names households in full, so each look is in the access log too. Raises BatchUnknown.
    """
    batch = await batches.get_batch(session, batch_id)
    pages = _pages(session, batch, caller=caller, now=now)
    file, rows = await write_table(batch.batch_no, COLUMNS, pages)
    try:
        await note_export(
            session, name=LIST, subject_id=batch_id, rows=rows, actor=caller.actor, now=now
        )
    except BaseException:
        file.close()
        raise
    return file, batch


async def _pages(
    session: AsyncSession, batch: InvoiceBatch, *, caller: Principal, now: datetime
) -> AsyncIterator[Iterator[tuple[object, ...]]]:
    last = 0
    while found := await batches.list_batch_rows(session, batch.id, after_row=last, limit=AT_ONCE):
        await log_accesses(
            session,
            caller=caller,
            customer_ids={one.customer_id for one in found},
            subject="invoice",
            reason=f"开票批次 {batch.batch_no}",
            now=now,
        )
        lines = await requests.list_lines(session, found)
        yield _rows(batch.batch_no, found, lines)
        last = found[-1].batch_row or last


def _rows(
    batch_no: str, found: Sequence[InvoiceRequest], lines: Mapping[UUID, Sequence[InvoiceLine]]
) -> Iterator[tuple[object, ...]]:
    for request in found:
        title = open_title(request)
        for line in lines[request.request_id]:
            yield (
                batch_no,
                request.batch_row,
                public_pair("inv", request.customer_id, request.request_id),
                request.order_no,
                KIND,
                TITLE_LABELS[title.kind],
                title.title,
                title.tax_number,
                title.email,
                title.phone,
                line.product_name,
                line.specification,
                line.vat_permille,
                line.amount_fen,
                line.amount_fen - line.tax_fen,
                line.tax_fen,
                local_date(request.asked_at),
            )
