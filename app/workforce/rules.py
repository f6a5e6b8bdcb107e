"""Whose rows a member of staff may see."""

from uuid import UUID

from app.core.errors import Forbidden, NotFound
from app.identity.access import Principal
from app.identity.models import Role


def station_scope(caller: Principal, *wide: Role) -> UUID | None:
    """The station a caller is narrowed to; None for the `wide` roles, which see all.

    Raises Forbidden for a narrow role that has no station.
    """
    if caller.has(*wide):
        return None
    if caller.station_id is None:
        raise Forbidden
    return caller.station_id


def require_station(
    scope: UUID | None, station_id: UUID | None, error: type[NotFound] = NotFound
) -> None:
    """Raise `error` unless the row's station is in scope: foreign looks like missing."""
    if scope is not None and scope != station_id:
        raise error
