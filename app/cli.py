"""`python -m app`: serve, worker, migrate, import, import-marketplace, keys, backup, restore, openapi."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn
from sqlalchemy import text

from app import registry
from app.billing.channels.accounts import check_payment_settings
from app.core import backup as backups
from app.core import migrate as migrations
from app.core.clock import wall_now
from app.core.config import DatabaseSettings, InstallationSettings
from app.core.crypto import write_key_file
from app.core.db import Database
from app.core.demo import require_same_kind
from app.core.embedded import EmbeddedPostgres
from app.core.errors import AppError, SetupError
from app.core.logging import set_up_logging
from app.core.reseal import reseal
from app.core.runtime import Runtime, leave_start_uncollected, set_runtime
from app.identity.models import Role
from app.identity.service import create_staff
from app.main import create_app, make_runtime, openapi_document
from app.marketplaces.channels.accounts import top_address
from app.notifications.channels import check_sms_accounts
from app.web.common.assets import manifest
from app.worker import run_worker

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="随心订"
)
keys = typer.Typer(no_args_is_help=True, help="Keys that protect personal data")
app.add_typer(keys, name="keys")
staff = typer.Typer(no_args_is_help=True, help="The first administrator")
app.add_typer(staff, name="staff")

BULK_TIMEOUT = timedelta(hours=2)


def main() -> None:
    """Run; an installation that cannot start says one sentence and ends with 1."""
    try:
        app()
    except AppError as error:
        sys.stderr.write(f"{error.title} {error.detail or ''} ({error.code})\n")
        raise SystemExit(1) from error
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from error


@contextlib.contextmanager
def _database_at_hand() -> Iterator[None]:
    """DATABASE_URL as given; else the embedded server, which is started when it is not running."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    var = InstallationSettings().var_dir
    if not (var / "pg18").exists():
        raise SetupError(
            f"There is no database in {var} yet: start once with `make run`, or set DATABASE_URL "
            "to a PostgreSQL 18 server."
        )
    embedded = EmbeddedPostgres(var)
    os.environ["DEMO"] = "1"
    if embedded.is_running():
        os.environ["DATABASE_URL"] = embedded.dsn
        yield
        return
    with embedded:
        os.environ["DATABASE_URL"] = embedded.dsn
        yield


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def _check_channels() -> None:
    """Refuse to start with half an account, or with a simulator's outside of a demo."""
    installed = InstallationSettings()
    check_payment_settings(installed)
    check_sms_accounts(installed)
    if not installed.demo:
        top_address(installed)


async def _checked_runtime(application: str, *, bulk: bool = False) -> Runtime:
    settings = DatabaseSettings()
    if bulk:
        settings.database_statement_timeout_ms = int(BULK_TIMEOUT.total_seconds() * 1000)
    runtime = await make_runtime(application=application, database_settings=settings)
    async with runtime.database.engine.connect() as connection:
        revision = await migrations.current_revision(connection)
    if revision != migrations.head():
        raise SetupError(
            f"The database is at revision {revision or 'none'}, this code needs "
            f"{migrations.head()}: run `python -m app migrate`."
        )
    async with runtime.database.transaction() as session:
        await require_same_kind(session, demo=runtime.installation.demo)
        await runtime.clock.refresh(session)
    return runtime


@app.command()
def serve() -> None:
    """Run the HTTP process on HOST and PORT."""
    set_up_logging()

    _check_channels()
    manifest()

    async def run() -> None:
        runtime = await _checked_runtime("suixinding-web")
        installed = runtime.installation
        created = create_app(runtime)
        leave_start_uncollected()
        server = uvicorn.Server(
            uvicorn.Config(
                created,
                host=installed.host,
                port=installed.port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=3,  # open event streams end only then
            )
        )
        await server.serve()

    _run(run())


@app.command()
def worker() -> None:
    """Run jobs and the clock."""
    set_up_logging()

    _check_channels()

    async def run() -> None:
        await run_worker(await _checked_runtime("suixinding-worker"))

    _run(run())


@app.command()
def migrate() -> None:
    """Bring the database to this code's schema and make partitions ahead."""

    with _database_at_hand():
        _run(migrations.bring_up_to_date(demo=InstallationSettings().demo))


@app.command(name="import")
def import_book(
    path: Annotated[Path, typer.Argument(help="The book of subscribers, .xlsx or .csv")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Only report; write nothing")] = False,
    city: Annotated[str, typer.Option(help="Administrative code of the book's city")] = "310000",
) -> None:
    """Take over an operator's book of subscribers and running orders."""
    from app.orders.importing.command import import_file  # noqa: PLC0415  # openpyxl loads slowly

    async def run() -> bool:
        runtime = await _checked_runtime("suixinding-import", bulk=True)
        try:
            return await import_file(runtime, path, city_code=city, check_only=check)
        finally:
            await runtime.http.aclose()
            await runtime.database.dispose()

    with _database_at_hand():
        raise SystemExit(0 if asyncio.run(run()) else 2)


@app.command(name="import-marketplace")
def import_marketplace(
    shop: Annotated[str, typer.Argument(help="Code of the shop")],
    path: Annotated[Path, typer.Argument(help="The seller's order file, .xlsx or .csv")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Only report; write nothing")] = False,
) -> None:
    """Take in orders of Tmall, Taobao or JD from the file a seller exports."""
    from app.marketplaces.importing import import_orders  # noqa: PLC0415  # openpyxl loads slowly

    async def run() -> bool:
        runtime = await _checked_runtime("suixinding-import", bulk=True)
        set_runtime(runtime)
        try:
            return await import_orders(runtime, path, shop=shop, check_only=check)
        finally:
            await runtime.http.aclose()
            await runtime.database.dispose()

    with _database_at_hand():
        raise SystemExit(0 if asyncio.run(run()) else 2)


@staff.command(name="add")
def add_staff(
    login: str,
    *,
    name: Annotated[str, typer.Option(help="Name that colleagues see")] = "",
    password: Annotated[str, typer.Option(prompt=True, hide_input=True)] = "",
) -> None:
    """Add an administrator, who then adds everybody else through the API."""

    async def run() -> None:
        runtime = await _checked_runtime("suixinding-staff")
        async with runtime.database.transaction() as session:
            await create_staff(
                session,
                login=login,
                display_name=name or login,
                password=password,
                roles=[Role.ADMIN],
                now=wall_now(),
            )
        await runtime.http.aclose()
        await runtime.database.dispose()

    with _database_at_hand():
        _run(run())
    typer.echo(f"{login}: admin")


@app.command()
def backup(path: Path) -> None:
    """Write a dump of the database to a file."""
    with _database_at_hand():
        backups.dump(DatabaseSettings().require_url(), to=path, var=InstallationSettings().var_dir)
    typer.echo(f"{path} {path.stat().st_size:,} bytes")


@app.command()
def restore(
    path: Path,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Replace what the database holds")] = False,
) -> None:
    """Replace the database's content by a dump's; web and worker must be stopped."""
    if not yes:
        raise SetupError("Restoring replaces everything in the database: say --yes.")

    async def nobody_works() -> None:
        database = Database(DatabaseSettings())
        async with database.engine.connect() as connection:
            others = await connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND application_name IN ('suixinding-web', 'suixinding-worker')"
                )
            )
        await database.dispose()
        if others:
            raise SetupError("Web or worker still use the database: stop them first.")

    with _database_at_hand():
        _run(nobody_works())
        backups.restore(
            DatabaseSettings().require_url(), source=path, var=InstallationSettings().var_dir
        )


@app.command()
def openapi() -> None:
    """Print the OpenAPI document; needs no database."""
    typer.echo(json.dumps(openapi_document(), ensure_ascii=False, indent=2))


@keys.command(name="new")
def new_keys(path: Path) -> None:
    """Write a fresh key file (0600); never overwrites."""
    if path.exists():
        raise SetupError(f"{path} exists: name a new file, keys are never overwritten.")
    write_key_file(path)


@keys.command(name="demo")
def demo_keys() -> None:
    """Make the demo's own keys, once."""
    path = InstallationSettings().demo_dir / "keys.json"
    if not path.exists():
        write_key_file(path)


@keys.command(name="rotate")
def rotate_keys() -> None:
    """Seal every value anew under the key file's current key."""

    async def run() -> None:
        runtime = await _checked_runtime("suixinding-rotate", bulk=True)
        counts = await reseal(runtime.database, runtime.keys, registry.sealed_tables())
        for table, count in counts.items():
            typer.echo(f"{table}: {count.resealed:,} resealed, {count.unreadable:,} unreadable")
        await runtime.http.aclose()
        await runtime.database.dispose()

    with _database_at_hand():
        _run(run())
