"""The schema keeps the way to several machines open: rules of placement, read from the catalogue."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.placement import JOB_TABLES, Placement
from app.registry import placements

UNIQUE_AND_EXCLUSION = """
SELECT c.conrelid::regclass::text AS "table", c.conname AS name, c.contype::text AS kind,
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(c.conkey) WITH ORDINALITY k(att, n)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.att) AS columns
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE c.contype IN ('p', 'u', 'x') AND NOT t.relispartition
  AND t.relnamespace = 'public'::regnamespace
UNION ALL
SELECT i.indrelid::regclass::text, i.indexrelid::regclass::text, 'i',
       (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(i.indkey::int[]) WITH ORDINALITY k(att, n)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.att)
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
WHERE i.indisunique AND NOT t.relispartition AND t.relnamespace = 'public'::regnamespace
"""
FOREIGN_KEYS = """
SELECT c.conname AS name, c.conrelid::regclass::text AS child, c.confrelid::regclass::text AS parent,
       c.confdeltype::text AS on_delete,
       (SELECT array_agg(a.attname::text) FROM unnest(c.conkey) k(att)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.att) AS columns
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE c.contype = 'f' AND c.conparentid = 0 AND NOT t.relispartition
"""


@pytest.fixture
async def tables(session: AsyncSession) -> set[str]:
    rows = await session.scalars(
        text(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace"
        )
    )
    return set(rows)


async def test_every_table_has_a_place_and_a_key(session: AsyncSession, tables: set[str]) -> None:
    assert tables == set(placements())
    keyed = await session.scalars(
        text("SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'p'")
    )
    assert not tables - set(keyed)


async def test_customer_tables_carry_customer_id_in_every_key(session: AsyncSession) -> None:
    owned = {name for name, place in placements().items() if place is Placement.CUSTOMER}
    for row in await session.execute(text(UNIQUE_AND_EXCLUSION)):
        if row.table in owned:
            assert "customer_id" in row.columns, f"{row.name} of {row.table} lacks customer_id"


async def test_foreign_keys_stay_inside_their_family(session: AsyncSession) -> None:
    places = placements()
    for row in await session.execute(text(FOREIGN_KEYS)):
        child, parent = places[row.child], places[row.parent]
        assert row.on_delete in {"a", "r", "c"}, f"{row.name}: SET NULL cannot be distributed"
        if parent is Placement.CUSTOMER:
            assert child is Placement.CUSTOMER, f"{row.name} points into customers' rows"
            assert "customer_id" in row.columns, f"{row.name} lacks customer_id"
        elif parent is not Placement.SHARED:
            assert child is parent, f"{row.name} crosses key families"


async def test_there_are_no_triggers_but_the_queue_s(session: AsyncSession) -> None:
    triggered = await session.scalars(
        text("SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
    )
    assert set(triggered) <= set(JOB_TABLES)


async def test_money_and_entitlements_are_append_only(session: AsyncSession) -> None:
    for table in (
        "ledger_transfers",
        "entitlement_entries",
        "cash_day_moves",
        "dealer_statement_lines",
        "dealer_statement_days",
    ):
        granted = await session.scalars(
            text(
                "SELECT privilege FROM (SELECT relacl, relowner FROM pg_class WHERE oid = :name ::regclass) c"
                " CROSS JOIN LATERAL aclexplode(c.relacl) a(grantor, grantee, privilege, grantable)"
                " WHERE a.grantee = c.relowner"
            ),
            {"name": table},
        )
        assert not {"UPDATE", "DELETE", "TRUNCATE"} & set(granted)
