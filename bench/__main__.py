"""`python -m bench [--full] [--only NAME]`: every benchmark beside its limit, as JSON lines."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Annotated

import typer

from app.core.clock import local_date, wall_now
from app.core.db import Database
from app.core.logging import set_up_logging
from bench import kpi, orders, plan, sync
from bench.database import Server, make_template, scratch_database, scratch_server
from bench.figures import Figure, print_figures

Benchmark = Callable[..., Awaitable[list[Figure]]]
BENCHMARKS: dict[str, Benchmark] = {
    "plan": plan.run,
    "sync": sync.run,
    "orders": orders.run,
    "kpi": kpi.run,
}
FULL_SCALE = {"plan": 4.0, "sync": 5.0, "orders": 5.0, "kpi": 5.0}
"""Times the usual size: two million lines, a hundred thousand households."""


def say(text: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"{text}\n")


async def run_one(server: Server, name: str, *, scale: float) -> None:
    """One benchmark on a database of its own."""
    started = time.monotonic()
    async with scratch_database(server, f"bench_{name}") as database:
        figures = await _run(BENCHMARKS[name], database, scale=scale)
    print_figures(figures)
    say(f"{name}: {time.monotonic() - started:.0f} s")


async def _run(benchmark: Benchmark, database: Database, *, scale: float) -> list[Figure]:
    return await benchmark(database, scale=scale)


async def run_all(server: Server, names: list[str], *, full: bool) -> None:
    """The chosen benchmarks, one after the other."""
    await make_template(server, today=local_date(wall_now()))
    for name in names:
        await run_one(server, name, scale=FULL_SCALE[name] if full else 1.0)


def main(
    *,
    full: Annotated[bool, typer.Option("--full", help="At several times the usual size")] = False,
    only: Annotated[str, typer.Option(help="plan, sync, orders or kpi")] = "",
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
