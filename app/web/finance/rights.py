"""Who finds what here: finance works, auditors read."""

from typing import Annotated, Final

from fastapi import Depends

from app.identity.access import Allow, Principal
from app.identity.models import Role

READERS: Final = (Role.FINANCE, Role.AUDITOR)

Finance = Annotated[Principal, Depends(Allow(Role.FINANCE))]
Reader = Annotated[Principal, Depends(Allow(*READERS))]
