"""`python -m bench [--full] [--only NAME]`: every benchmark beside its limit, as JSON lines."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.core.clock import local_date, wall_now
from app.core.db import Database
from app.core.logging import set_up_logging
from bench import (
    bills,
    changes,
    dashboard,
    kpi,
    live,
    notifications,
    orders,
    pages,
    plan,
    reminders,
    revenue,
    sync,
    withdrawal,
)
from bench.database import Server, make_template, scratch_database, scratch_server
from bench.figures import Figure, print_figures

Benchmark = Callable[..., Awaitable[list[Figure]]]


@dataclass(frozen=True, slots=True)
class Measured:
    """A benchmark and its sizes: for `make bench`, and for `make bench-full`."""

    run: Benchmark
    full: tuple[float, ...]
    usual: tuple[float, ...] = (1.0,)


BENCHMARKS = {
    "plan": Measured(plan.run, full=(4.0,)),
    "sync": Measured(sync.run, full=(5.0,)),
    "orders": Measured(orders.run, full=(5.0,)),
    "changes": Measured(changes.run, full=(5.0,)),
    "notifications": Measured(notifications.run, full=(5.0,)),
    "kpi": Measured(kpi.run, full=(5.0,)),
    "dashboard": Measured(dashboard.run, usual=(0.1, 1.0), full=(1.0, 10.0)),
    "live": Measured(live.run, full=(10.0,)),
    "reminders": Measured(reminders.run, usual=(0.1,), full=(1.0,)),
    "withdrawal": Measured(withdrawal.run, usual=(0.1,), full=(1.0,)),
    "revenue": Measured(revenue.run, usual=(0.05,), full=(1.0,)),
    "bills": Measured(bills.run, usual=(0.05,), full=(1.0,)),
    "pages": Measured(pages.run, full=(1.0,)),
}
"""In full two million lines, a hundred thousand households with a month, two hundred thousand with
a morning, a bill of a million rows."""


def say(text: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"{text}\n")


async def run_one(server: Server, name: str, *, scale: float) -> None:
    """One benchmark at one size on a database of its own."""
    started = time.monotonic()
    async with scratch_database(server, f"bench_{name}") as database:
        figures = await _run(BENCHMARKS[name].run, database, scale=scale)
    print_figures(figures)
    say(f"{name}: {time.monotonic() - started:.0f} s")


async def _run(benchmark: Benchmark, database: Database, *, scale: float) -> list[Figure]:
    return await benchmark(database, scale=scale)


async def run_all(server: Server, names: list[str], *, full: bool) -> None:
    """The chosen benchmarks, one after the other."""
    await make_template(server, today=local_date(wall_now()))
    for name in names:
        measured = BENCHMARKS[name]
        for scale in measured.full if full else measured.usual:
            await run_one(server, name, scale=scale)


def main(
    *,
    full: Annotated[bool, typer.Option("--full", help="At several times the usual size")] = False,
    only: Annotated[str, typer.Option(help=f"One of {', '.join(BENCHMARKS)}")] = "",
    var: Annotated[Path, typer.Option(help="Where the scratch server keeps its data")] = Path(
        "var/bench"
    ),
) -> None:
    """Run benchmarks and print their figures."""
    names = [only] if only else list(BENCHMARKS)
    if only and only not in BENCHMARKS:
        raise typer.BadParameter(f"no benchmark {only!r}")
    var.mkdir(parents=True, exist_ok=True)
    with (var / "bench.log").open("w") as log, scratch_server(var) as server:
        with redirect_stderr(log):
            set_up_logging()
        asyncio.run(run_all(server, names, full=full))


typer.run(main)
