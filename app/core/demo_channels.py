"""Settings of the simulated channels of a demo, as the simulator wrote them."""

import json
from typing import Any

from app.core.config import InstallationSettings
from app.core.errors import SetupError


def demo_channel(installation: InstallationSettings, name: str) -> dict[str, Any] | None:
    """Settings of one channel in `demo/channels.json`; None outside a demo or when not there.

    Raises SetupError when the file exists and cannot be read.
    """
    if not installation.demo:
        return None
    path = installation.demo_dir / "channels.json"
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise SetupError(
            f"Channel settings {path} cannot be read: delete the file and start again with "
            "`make run`, which writes it anew."
        ) from error
    found = content.get(name) if isinstance(content, dict) else None
    return found if isinstance(found, dict) else None
