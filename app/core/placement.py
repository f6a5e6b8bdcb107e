"""Where a table lives once one machine is not enough, and the keys that follow from it.

The map is read from the models (each table's base class); a catalogue test checks it against a
migrated database.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol


class Placement(StrEnum):
    """Kinds of placement."""

    CUSTOMER = "customer"
    """Sharded by `customer_id`; every key and foreign key among such tables contains it."""
    SHARED = "shared"
    """Copied to every node: small and rarely written."""
    REGISTRY = "registry"
    """Sharded by the unique value itself."""
    DEVICE = "device"
    """Sharded by device or deliverer."""
    LOCAL = "local"
    """On the coordinating node only: queue, clock, migrations."""


class _Table(Protocol):
    __tablename__: str
    __placement__: Placement


JOB_TABLES = ("pgqueuer", "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics")
OTHER_LOCAL_TABLES = ("alembic_version",)


def placement_map(models: Iterable[type[_Table]]) -> dict[str, Placement]:
    """Table name -> placement, for all mapped tables and those of the job queue."""
    placed = {model.__tablename__: model.__placement__ for model in models}
    placed |= dict.fromkeys((*JOB_TABLES, *OTHER_LOCAL_TABLES), Placement.LOCAL)
    return placed
