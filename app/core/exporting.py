"""Lists that people take out as .xlsx files: written row by row, answered, noted with who took them."""

import asyncio
from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import IO, Final
from urllib.parse import quote
from uuid import UUID

import structlog
from fastapi.responses import StreamingResponse
from sqlalchemy import CheckConstraint, Index, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Shared
from app.core.ids import new_id

log = structlog.get_logger()

XLSX_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHUNK: Final = 64 * 1024


class ColumnKind(StrEnum):
    """What a column holds: text, fen shown as yuan, permille shown as a percentage, dates."""

    TEXT = "text"
    YUAN = "yuan"
    PERCENT = "percent"
    DATE = "date"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list, its width in characters."""

    title: str
    kind: ColumnKind = ColumnKind.TEXT
    width: int = 16


class ExportTaken(Shared):
    """Who took which list out, when and how much of it; never changed."""

    __tablename__ = "exports_taken"
    __table_args__ = (
        CheckConstraint("rows >= 0 AND length(list) > 0", name="list"),
        Index("ix_exports_taken_subject", "list", "subject_id", "at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    list: Mapped[str]
    subject_id: Mapped[UUID | None]
    """What the list is about, where it is about one thing."""
    rows: Mapped[int]


async def write_table(
    title: str, columns: Sequence[Column], pages: AsyncIterable[Iterable[Sequence[object]]]
) -> tuple[IO[bytes], int]:
    """A list as a file without a name, and its number of rows; whoever gets the file closes it.

    Rows come page by page and are written beside the event loop, so that memory and the other
    requests do not feel how long the list is; what a page has to compute is best left to a
    generator, which then runs there too.
    """
    from app.core.spreadsheet import Table  # noqa: PLC0415  # openpyxl loads slowly

    table = await asyncio.to_thread(Table, title, columns)
    count = 0
    async for page in pages:
        count += await asyncio.to_thread(table.add, page)
    return await asyncio.to_thread(table.save), count


async def note_export(
    session: AsyncSession,
    *,
    name: str,
    subject_id: UUID | None,
    rows: int,
    actor: str,
    now: datetime,
) -> None:
    """Write down who took a list out."""
    session.add(
        ExportTaken(id=new_id(), at=now, actor=actor, list=name, subject_id=subject_id, rows=rows)
    )
    await session.flush()
    log.info("export.taken", list=name, rows=rows, actor=actor)


async def list_taken(
    session: AsyncSession, *, name: str, subject_id: UUID, limit: int = 100
) -> Sequence[ExportTaken]:
    """Who took a list out, the latest first."""
    found = await session.scalars(
        select(ExportTaken)
        .where(ExportTaken.list == name, ExportTaken.subject_id == subject_id)
        .order_by(ExportTaken.at.desc(), ExportTaken.id.desc())
        .limit(limit)
    )
    return found.all()


def file_answer(file: IO[bytes], name: str, *, media_type: str = XLSX_TYPE) -> StreamingResponse:
    """Answer a file under a Chinese name (RFC 6266) and close it; like every answer it is not cached."""
    size = file.seek(0, 2)
    file.seek(0)
    plain = "export." + name.rpartition(".")[2]
    return StreamingResponse(
        _chunks(file),
        media_type=media_type,
        headers={
            "Content-Disposition": (
                f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
            ),
            "Content-Length": str(size),
        },
    )


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk
