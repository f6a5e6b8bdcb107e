"""The import as a person runs it: check, progress, error file, summary."""

import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_date
from app.core.runtime import Runtime
from app.orders.book.errors import BookError
from app.orders.book.parse import ParsedRow, parse_book
from app.orders.book.reader import read_book
from app.orders.book.report import ErrorFile
from app.orders.importing.loading import Loader, book_key
from app.orders.importing.matching import Matched, match_rows
from app.orders.importing.people import People
from app.orders.repository import known_numbers

BATCH = 2000


@dataclass
class Summary:
    """Lines by what became of them."""

    good: int = 0
    written: int = 0
    repeated: int = 0
    wrong: int = 0
    warnings: int = 0
    skipped: int = 0

    def text(self, *, check_only: bool) -> str:
        """One Chinese line."""
        done = f"可导入 {self.good:,} 行" if check_only else f"已导入 {self.written:,} 行"
        return (
            f"{done}，以前已导入 {self.repeated:,} 行，有错 {self.wrong:,} 行，"
            f"提示 {self.warnings:,} 条，跳过 {self.skipped:,} 行"
        )


async def import_file(runtime: Runtime, path: Path, *, city_code: str, check_only: bool) -> bool:
    """Import a book, or with `check_only` only report; true when no row was wrong.

    Each batch is one transaction, so a run that was stopped goes on where it ended when it is
    started again. Says everything on standard error.
    """
    console = Console(stderr=True)
    summary = Summary()
    now = runtime.clock.now()
    loader = Loader(People(keys=runtime.keys, city_code=city_code, now=now), now=now)
    try:
        book = read_book(path)
        with ErrorFile(path) as errors, _progress(console) as progress:
            task = progress.add_task("检查" if check_only else "导入", total=book.row_estimate)
            lines = parse_book(book, today=local_date(now))
            while batch := list(islice(lines, BATCH)):
                async with runtime.database.transaction() as session:
                    await _take_batch(
                        session, loader, batch, summary, errors, check_only=check_only
                    )
                progress.update(task, advance=len(batch))
            progress.update(task, total=progress.tasks[task].completed)
    except BookError as error:
        console.print(f"无法导入：{error.detail}", style="red")
        return False
    console.print(summary.text(check_only=check_only))
    if errors.count:
        console.print(f"错误与提示已写入 {errors.path}")
    return summary.wrong == 0


async def _take_batch(
    session: AsyncSession,
    loader: Loader,
    batch: list[ParsedRow],
    summary: Summary,
    errors: ErrorFile,
    *,
    check_only: bool,
) -> None:
    for parsed in batch:
        summary.skipped += parsed.skipped is not None
        summary.warnings += len(parsed.warnings)
        summary.wrong += bool(parsed.errors)
        for error in parsed.errors:
            errors.add(error)
        for warning in parsed.warnings:
            errors.add(warning)
    rows = [parsed.row for parsed in batch if parsed.row is not None]
    matched = await match_rows(
        session, rows, city_code=loader.people.city_code, today=local_date(loader.now)
    )
    for missed in sorted(matched.errors, key=lambda one: one.row_no):
        errors.add(missed)
    summary.wrong += len({error.row_no for error in matched.errors})
    repeated, written = await _write(session, loader, matched, check_only=check_only)
    summary.repeated += repeated
    summary.written += written
    summary.good += len(matched.rows) - repeated


async def _write(
    session: AsyncSession, loader: Loader, matched: Matched, *, check_only: bool
) -> tuple[int, int]:
    if not matched.rows:
        return 0, 0
    if check_only:
        known = await known_numbers(session, {book_key(row) for row in matched.rows})
        return len(known), 0
    written = await loader.load(session, matched.rows)
    return len(matched.rows) - written, written


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not sys.stderr.isatty(),
    )
