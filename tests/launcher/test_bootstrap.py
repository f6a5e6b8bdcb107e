"""Setting up `.venv`: once, and not again when nothing has changed."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import bootstrap

PIN = re.compile(r"^([a-z0-9._-]+==\S+)", re.MULTILINE)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with an environment that works and its lock files, nothing installed yet."""
    (tmp_path / "requirements.lock").write_text("milk==1.0 \\\n    --hash=sha256:aa\n")
    (tmp_path / "requirements-build.lock").write_text("churn==3.0\n")
    (tmp_path / "requirements-dev.lock").write_text(
        "churn==3.0\nmilk==1.0 \\\n    --hash=sha256:aa\ntap==2.0\n"
    )
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / "locked.stamp")
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    return tmp_path


def stamp(*, dev: bool) -> None:
    bootstrap.STAMP.write_text(bootstrap.wanted_stamp(dev=dev))


def test_nothing_is_ready_without_a_stamp(tree: Path) -> None:
    assert not bootstrap.is_ready(dev=False)
    assert not bootstrap.is_ready(dev=True)


def test_the_larger_environment_serves_the_product_too(tree: Path) -> None:
    stamp(dev=True)
    assert bootstrap.is_ready(dev=True)
    assert bootstrap.is_ready(dev=False)


def test_the_smaller_environment_does_not_serve_the_developer(tree: Path) -> None:
    stamp(dev=False)
    assert bootstrap.is_ready(dev=False)
    assert not bootstrap.is_ready(dev=True)


def test_a_changed_lock_is_noticed(tree: Path) -> None:
    stamp(dev=True)
    (tree / "requirements.lock").write_text("milk==1.1\n")
    assert not bootstrap.is_ready(dev=False)
    assert bootstrap.is_ready(dev=True)
    (tree / "requirements-dev.lock").write_text("churn==3.0\nmilk==1.1\ntap==2.0\n")
    assert not bootstrap.is_ready(dev=True)


def test_an_environment_whose_python_is_gone_is_noticed(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp(dev=False)
    monkeypatch.setattr(bootstrap, "PYTHON", tree / ".venv" / "bin" / "python")
    assert not bootstrap.is_ready(dev=False)


def test_our_lock_files_agree() -> None:
    product, build, development = (
        set(PIN.findall(Path(name).read_text()))
        for name in ("requirements.lock", "requirements-build.lock", "requirements-dev.lock")
    )
    assert product
    assert build
    assert product | build <= development


def test_no_lock_file_names_an_index() -> None:
    for name in ("requirements.lock", "requirements-build.lock", "requirements-dev.lock"):
        assert "://" not in re.sub(r"(?m)^ *#.*$", "", Path(name).read_text())
        assert "--index-url" not in Path(name).read_text()


def test_python_without_venv_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else real(name)
    )
    with pytest.raises(bootstrap.BootstrapError, match="apt install python3-venv"):
        bootstrap.check_python()


def test_an_old_python_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "hexversion", 0x030A0000)
    with pytest.raises(bootstrap.BootstrapError, match=r"too old: install Python 3\.11"):
        bootstrap.check_python()


def test_the_command_is_silent_and_quick_when_all_is_there(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    shutil.copy("tools/bootstrap.py", tmp_path / "tools")
    for lock in {*bootstrap.locks(dev=False), *bootstrap.locks(dev=True)}:
        shutil.copy(lock, tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / "locked.stamp").write_text(bootstrap.wanted_stamp(dev=True))
    for arguments in ([], ["--dev"]):
        done = subprocess.run(
            [sys.executable, "tools/bootstrap.py", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
