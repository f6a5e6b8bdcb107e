"""Where Taobao's open platform is asked, and the guard between a demo and the real one."""

from typing import Final
from urllib.parse import urlsplit

from app.core.config import InstallationSettings, TaobaoSettings
from app.core.demo_channels import demo_channel
from app.core.errors import SetupError

_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def top_address(installation: InstallationSettings, settings: TaobaoSettings | None = None) -> str:
    """The address of the platform: a demo's simulator, else the real one. Raises SetupError.

    A demo never reaches the real platform, and an installation that is none never a simulator.
    """
    if installation.demo:
        demo = demo_channel(installation, "taobao")
        if demo is None:
            raise SetupError(
                "This demo has no simulated Taobao: start with `make run`, which brings one."
            )
        return str(demo["base_url"])
    given = (settings or TaobaoSettings()).base_url
    parts = urlsplit(given)
    if parts.scheme != "https" or parts.hostname in _LOCAL:
        raise SetupError(
            f"TAOBAO_BASE_URL {given} is no https address of the open platform: unset it to "
            "reach Taobao itself."
        )
    return given
