"""A `var` directory that every user may reach, and nothing left running on it afterwards."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from app.core.embedded import EmbeddedPostgres
from tests.launcher.watching import processes_of


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty directory; pytest's own are closed to the account that root steps down to."""
    made = Path(tempfile.mkdtemp(prefix="launcher-")).resolve()
    made.chmod(0o755)
    yield made
    for process in processes_of(made):
        with suppress(psutil.NoSuchProcess):  # it may end by itself meanwhile
            process.kill()
    shutil.rmtree(made)


@pytest.fixture(scope="session")
def first_data() -> Iterator[Path]:
    """A data directory as the first start makes it, to be copied."""
    made = Path(tempfile.mkdtemp(prefix="launcher-")).resolve()
    made.chmod(0o755)
    with EmbeddedPostgres(made / "var"):
        pass
    yield made / "var" / "pg18"
    shutil.rmtree(made)


@pytest.fixture
def new_var(home: Path) -> Path:
    """A `var` that does not exist yet."""
    return home / "var"


@pytest.fixture
def var(new_var: Path, first_data: Path) -> Path:
    """A `var` whose server has been started before."""
    new_var.mkdir()
    subprocess.run(["cp", "-a", first_data, new_var], check=True)
    return new_var


@pytest.fixture
def locked_home(home: Path) -> Iterator[Path]:
    """A home in which the test may not write, not even when it runs as root."""
    as_root = os.geteuid() == 0
    if as_root:
        os.seteuid(65534)
    else:
        home.chmod(0o555)
    yield home
    if as_root:
        os.seteuid(0)
    else:
        home.chmod(0o755)
