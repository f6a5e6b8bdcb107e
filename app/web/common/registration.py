"""What a group of pages hands to the registry."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.unit import Router
from app.identity.models import Role


@dataclass(frozen=True)
class Entry:
    """One line of the navigation, and one tile of the first page, for these roles."""

    label: str
    path: str
    icon: str
    roles: frozenset[Role]
    summary: str = ""
    home_of: frozenset[Role] = frozenset()
    """Roles whose work begins here: it stands first, and is where a login leads."""

    def leads_to(self, path: str) -> bool:
        """Whether a page belongs to this entry."""
        return path == self.path or path.startswith(self.path.rstrip("/") + "/")


@dataclass(frozen=True)
class Face:
    """How pages under some paths look when something goes wrong, and where one logs in there."""

    layout: str
    login: str
    paths: Sequence[str] = ()

    def shows(self, path: str) -> bool:
        """Whether a page belongs to it."""
        return any(path == one or (one != "/" and path.startswith(f"{one}/")) for one in self.paths)


STAFF_FACE = Face("common/base.html", "/login")
"""Of every page that no other face shows."""


@dataclass(frozen=True)
class Pages:
    """A group of pages."""

    name: str
    router: Router
    entries: Sequence[Entry] = ()
    face: Face | None = None
