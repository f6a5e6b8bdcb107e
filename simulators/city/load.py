"""Load the demo city: rows by COPY, history by set-based SQL."""

import asyncio
import sys
import time as wall_time
from datetime import date, time, timedelta
from pathlib import Path

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.bulk import copy_rows
from app.core.clock import local_date, local_instant, wall_now
from app.core.config import DatabaseSettings, InstallationSettings, KeySettings
from app.core.crypto import write_key_file
from app.core.db import Database
from app.core.demo import DemoMark, find_mark
from app.core.errors import SetupError
from app.core.migrate import bring_up_to_date
from app.core.runtime import load_key_ring
from app.network.service import ensure_plan_days
from app.notifications.service import approve_first_texts
from simulators.channels.credentials import ensure_credentials
from simulators.city import names
from simulators.city.homes import write_homes
from simulators.city.market import write_market
from simulators.city.plan import HISTORY_DAYS, OPENED, CityPlan
from simulators.city.staff import draw_logins, write_staff
from simulators.city.terms import write_terms

ALWAYS = Range(date(2025, 1, 1), None, bounds="[)")
CUTOFF = time(16, 0)
VAT_PERMILLE = 90
SQL = Path(__file__).parent / "sql"
HISTORY = ("deliveries", "routes", "readings", "trips", "tickets")


def say(message: str, since: float) -> None:
    """One line of progress."""
    sys.stderr.write(f"  {message} ({wall_time.monotonic() - since:.1f} s)\n")


async def load_city(*, households: int, seed: int, districts: int) -> None:
    """Make keys, migrate, and write the city once; a loaded one is left alone.

    `districts` keeps the city small: so many stations of the list. Raises SetupError outside a demo.
    """
    installed = InstallationSettings()
    if not installed.demo:
        raise SetupError("The demo city is only for demos: set DEMO=1 on an empty database.")
    key_file = installed.demo_dir / "keys.json"
    if not key_file.exists():
        write_key_file(key_file)
    await bring_up_to_date(demo=True)
    accounts = ensure_credentials(
        installed.var_dir, f"http://{installed.host}:{installed.sim_port}"
    )
    keys = load_key_ring(installed, KeySettings())
    database = Database(
        DatabaseSettings(database_statement_timeout_ms=600_000), application="suixinding-city"
    )
    started = wall_time.monotonic()
    try:
        async with database.transaction() as session:
            mark = await find_mark(session)
            if mark is None:
                raise SetupError("This database is not marked as a demo: nothing was written.")
            if mark.loaded_at is not None:
                say("演示城市已在 demo city is there", started)
                return
            plan = CityPlan(
                seed=seed,
                today=local_date(wall_now()),
                households=households,
                districts=districts,
            )
            logins = asyncio.create_task(draw_logins(plan))
            await write_network(session, plan)
            say("奶站与区块 stations and blocks", started)
            await write_homes(session, plan, keys)
            say(f"{households:,} 户 households with running orders", started)
            await write_history(session, plan, started)
            await write_market(session, plan, keys, accounts["taobao"], now=wall_now())
            await write_staff(session, plan, await logins, installed.demo_dir / "logins.json")
            await approve_first_texts(session)
            await session.execute(update(DemoMark).values(loaded_at=wall_now()))
        async with database.connection() as connection:
            for table in ("deliveries", "stops", "order_terms", "order_lines", "orders"):
                await connection.execute(text(f"ANALYZE {table}"))
        say("演示城市就绪 demo city is ready", started)
    finally:
        await database.dispose()


async def write_network(session: AsyncSession, plan: CityPlan) -> None:
    """Catalogue, stations, blocks, coverage, deliverers, thermometers, days of the plan."""
    await _catalogue(session, plan)
    await copy_rows(session, "cities", ("code", "name"), [(names.CITY_CODE, names.CITY_NAME)])
    await copy_rows(
        session,
        "stations",
        ("id", "code", "name", "city_code", "is_active", "created_at"),
        [
            (one.station_id, f"ST{i:02}", f"{one.district}奶站", names.CITY_CODE, True, OPENED)
            for i, one in enumerate(plan.stations, 1)
        ],
    )
    await copy_rows(
        session,
        "station_cutoffs",
        ("id", "station_id", "valid", "cutoff_time"),
        [(plan.uuid(), one.station_id, ALWAYS, CUTOFF) for one in plan.stations],
    )
    await _blocks(session, plan)
    await _cold_chain(session, plan)
    await write_terms(session, plan)
    await ensure_plan_days(session, today=plan.today - timedelta(days=HISTORY_DAYS + 1))
    await ensure_plan_days(session, today=plan.today)
    await session.execute(
        text(
            "UPDATE plan_days SET state = 'frozen', frozen_at = cutoff_at, planned_at = cutoff_at"
            " WHERE service_date <= :today"
        ),
        {"today": plan.today},
    )


async def _catalogue(session: AsyncSession, plan: CityPlan) -> None:
    await copy_rows(
        session,
        "products",
        ("id", "code", "name", "specification", "aliases", "storage_class", "max_celsius")
        + ("shelf_life_days", "lead_days", "on_sale", "needs_box", "created_at"),
        [
            (product_id, code, name, spec, names.ALIASES[code], "chilled", 6, shelf, lead, True)
            + (code in names.BOX_PRODUCTS, OPENED)
            for product_id, (code, name, spec, shelf, _, lead) in zip(
                plan.products, names.PRODUCTS, strict=True
            )
        ],
    )
    await copy_rows(
        session,
        "product_prices",
        ("id", "product_id", "valid", "price_fen"),
        [
            (plan.uuid(), product_id, ALWAYS, product[4])
            for product_id, product in zip(plan.products, names.PRODUCTS, strict=True)
        ],
    )
    await copy_rows(
        session,
        "product_vat_rates",
        ("id", "product_id", "valid", "permille"),
        [(plan.uuid(), product_id, ALWAYS, VAT_PERMILLE) for product_id in plan.products],
    )
    await copy_rows(
        session,
        "order_agreements",
        ("version", "text", "effective_date"),
        [(names.AGREEMENT_VERSION, names.AGREEMENT_TEXT, date(2025, 1, 1))],
    )


async def _blocks(session: AsyncSession, plan: CityPlan) -> None:
    await copy_rows(
        session,
        "deliverers",
        ("id", "employee_no", "name", "station_id", "is_active", "created_at"),
        [
            (
                one.deliverer_id,
                f"D{i:04}",
                f"送奶员{i:03}",
                plan.stations[one.station].station_id,
                True,
                OPENED,
            )
            for i, one in enumerate(plan.blocks, 1)
        ],
    )
    await copy_rows(
        session,
        "blocks",
        ("id", "code", "name", "station_id", "is_active"),
        [
            (
                one.block_id,
                f"ST{one.station + 1:02}-{one.number:02}",
                f"{one.compound}片",
                plan.stations[one.station].station_id,
                True,
            )
            for one in plan.blocks
        ],
    )
    await copy_rows(
        session,
        "block_deliverers",
        ("id", "block_id", "deliverer_id", "valid"),
        [(plan.uuid(), one.block_id, one.deliverer_id, ALWAYS) for one in plan.blocks],
    )
    common = ("id", "block_id", "city_code", "kind", "district", "parity", "first_stop_no", "valid")
    await copy_rows(
        session,
        "coverage_rules",
        (*common, "compound"),
        [
            (plan.uuid(), one.block_id, names.CITY_CODE, "compound")
            + (plan.stations[one.station].district, "all", 0, ALWAYS, one.compound)
            for one in plan.blocks
        ],
    )
    await copy_rows(
        session,
        "coverage_rules",
        (*common, "street", "house_from", "house_to"),
        [
            (plan.uuid(), one.block_id, names.CITY_CODE, "street")
            + (plan.stations[one.station].district, "all", 100, ALWAYS)
            + (one.street, one.house_from, one.house_from + 199)
            for one in plan.blocks
        ],
    )


async def _cold_chain(session: AsyncSession, plan: CityPlan) -> None:
    await copy_rows(
        session,
        "cold_stores",
        ("id", "station_id", "name"),
        [(one.store_id, one.station_id, f"{one.district}冷库") for one in plan.stations],
    )
    await copy_rows(
        session,
        "vehicles",
        ("id", "plate", "station_id", "is_active"),
        [
            (one.vehicle_id, f"沪D{10000 + i}", one.station_id, True)
            for i, one in enumerate(plan.stations)
        ],
    )
    since = local_instant(plan.today - timedelta(days=HISTORY_DAYS), time(0))
    devices = ("id", "code", "store_id", "vehicle_id", "max_celsius", "slot_seconds")
    await copy_rows(
        session,
        "devices",
        (*devices, "in_service_from"),
        [
            row
            for i, one in enumerate(plan.stations, 1)
            for row in (
                (one.store_device_id, f"CS-{i:02}", one.store_id, None, 6, 600, since),
                (one.van_device_id, f"VAN-{i:02}", None, one.vehicle_id, 6, 300, since),
            )
        ],
    )


async def write_history(session: AsyncSession, plan: CityPlan, started: float) -> None:
    """Thirty days with late mornings, complaints, a warm van and a silent sensor."""
    first = plan.today - timedelta(days=HISTORY_DAYS)
    parameters = {
        "first": first,
        "today": plan.today,
        "now": wall_now(),
        "seed": plan.seed,
        "warm_vehicle": plan.stations[2 % len(plan.stations)].vehicle_id,
        "warm_date": plan.today - timedelta(days=9),
        "silent_device": plan.stations[5 % len(plan.stations)].store_device_id,
        "silent_from": local_instant(plan.today - timedelta(days=5), time(2)),
        "silent_until": local_instant(plan.today - timedelta(days=5), time(11)),
    }
    for name in HISTORY:
        for statement in (SQL / f"{name}.sql").read_text().split(";\n"):
            if statement.strip():
                clause = text(statement)
                used = {key: parameters[key] for key in clause.compile().params}
                await session.execute(clause, used)
        say(f"{HISTORY_DAYS} 天历史 history: {name}", started)
