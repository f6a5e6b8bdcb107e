"""Runs migrations on one connection, under a lock so that two starts do not race."""

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.schema import SchemaItem

from app.core.base import Base, EnumText, UtcDateTime
from app.core.placement import JOB_TABLES
from app.registry import MODEL_MODULES

assert MODEL_MODULES  # noqa: S101  # importing them fills the metadata
_LOCK = 7_300_700


def belongs_to_us(item: SchemaItem, name: str | None, kind: str, *_: object) -> bool:
    """Leave out partitions and the job queue's tables."""
    if kind == "table" and name is not None:
        return name not in JOB_TABLES and not item.info.get("is_partition", False)
    return True


def _partitions(connection: Connection) -> set[str]:
    return set(connection.scalars(text("SELECT relname FROM pg_class WHERE relispartition")))


def plain_type(kind: str, item: object, _context: object) -> str | bool:
    """Write our column types into migrations as the plain types they are."""
    if kind == "type" and isinstance(item, EnumText):
        return "sa.Text()"
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    """Upgrade or compare on this connection."""
    partitions = _partitions(connection)

    def included(item: SchemaItem, name: str | None, kind: str, *rest: object) -> bool:
        if kind == "table" and name in partitions:
            return False
        return belongs_to_us(item, name, kind, *rest)

    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=included,
        render_item=plain_type,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise SystemExit("use `python -m app migrate`, which knows the database")
    with create_engine(url).connect() as own:
        run(own)
