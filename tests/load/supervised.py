"""`python -m tests.load.supervised`: what `make run` is, on a `var` whose city is loaded already."""

import asyncio
import os
import sys

from tools.run import Commands, Supervisor
from tools.run_settings import Settings


async def run() -> int:
    """Run until the end; the exit code."""
    commands = Commands(load_city=("/bin/true",))
    return await Supervisor(Settings.from_environment(os.environ), commands=commands).run()


if __name__ == "__main__":
    sys.exit(asyncio.run(run()))
