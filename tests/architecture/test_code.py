"""Habits of the code, read from its text and syntax."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = [
    path
    for folder in ("app", "simulators", "bench", "tools", "tests")
    for path in sorted(Path(folder).rglob("*.py"))
]
PRODUCT = [path for path in SOURCES if path.parts[0] == "app"]
MOST_LINES = 400
MOST_FUNCTION_LINES = 60
SQL_CLOCK = re.compile(r"\b(now\(\)|CURRENT_DATE|CURRENT_TIMESTAMP|LOCALTIMESTAMP)", re.IGNORECASE)


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_files_and_functions_are_small(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= MOST_LINES
    for node in functions(ast.parse(source)):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        assert lines <= MOST_FUNCTION_LINES, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", PRODUCT, ids=str)
def test_only_the_database_module_commits(path: Path) -> None:
    if path == Path("app/core/db.py") or path == Path("app/core/migrate.py"):
        return
    assert not re.search(r"\.(commit|rollback)\(\)", path.read_text())


@pytest.mark.parametrize("path", PRODUCT, ids=str)
def test_sql_reads_no_clock(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not SQL_CLOCK.search(node.value) or _is_docstring_like(node.value)
        if isinstance(node, ast.Attribute) and node.attr in {"now", "current_timestamp"}:
            assert not (isinstance(node.value, ast.Name) and node.value.id == "func")


def _is_docstring_like(text: str) -> bool:
    return not re.search(r"\b(SELECT|INSERT|UPDATE|DELETE)\b", text)


@pytest.mark.parametrize("path", PRODUCT, ids=str)
def test_what_is_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{path} has no docstring"
    for node in tree.body:
        if isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path}: {node.name} has no docstring"


@pytest.mark.parametrize("path", PRODUCT, ids=str)
def test_jobs_never_leave_through_the_raw_connection(path: Path) -> None:
    if path not in {Path("app/core/jobs.py"), Path("app/core/enqueueing.py")}:
        assert not re.search(r"(from|import) pgqueuer", path.read_text())


def test_lock_files_name_no_registry_host() -> None:
    for lock in ("requirements.lock", "requirements-build.lock", "requirements-dev.lock"):
        assert "://" not in Path(lock).read_text()
    packages = json.loads(Path("package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
