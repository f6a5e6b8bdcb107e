"""`python -m simulators city play`: the player over a running installation."""

import asyncio
import signal

import httpx

from app.core.config import InstallationSettings
from app.core.errors import SetupError
from simulators.city.play.api import GaveUp, Refused
from simulators.city.play.player import Cast, Player, Wishes

TIMEOUT = httpx.Timeout(30.0, connect=3.0)
CONNECTIONS = httpx.Limits(max_connections=16)


async def play(wishes: Wishes) -> int:
    """Play until the morning is over or somebody ends it; the exit code is 1 if a step failed.

    Raises SetupError.
    """
    installed = InstallationSettings()
    cast = Cast.read(installed.demo_dir / "logins.json")
    product = f"http://{installed.host}:{installed.port}/api/v1"
    channels = f"http://127.0.0.1:{installed.sim_port}"
    async with (
        httpx.AsyncClient(base_url=product, timeout=TIMEOUT, limits=CONNECTIONS) as one,
        httpx.AsyncClient(base_url=channels, timeout=TIMEOUT) as other,
    ):
        player = Player(product=one, channels=other, cast=cast, wishes=wishes)
        playing = asyncio.ensure_future(player.play())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, playing.cancel)
        try:
            failures = await playing
        except asyncio.CancelledError:
            return 0
        except GaveUp as problem:
            raise SetupError(f"The product does not answer: {problem}. 网站没有应答。") from problem
        except Refused as problem:
            raise SetupError(f"The product refuses to play along: {problem}.") from problem
    return 1 if failures else 0
