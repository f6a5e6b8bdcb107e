"""Building the pages' files: only when something has changed, all or nothing, one sentence on trouble."""

import json
import shutil
from pathlib import Path

import pytest

from app import cli
from app.core.errors import SetupError
from app.web.common import assets
from tools import build_assets, find_browser
from tools.build_assets import BuildError, ServiceWorker, Tree, build, icons_in

REPOSITORY = Path(build_assets.__file__).resolve().parent.parent
WORKER = """
declare const __PRECACHE__: string[];
declare const __BUILD__: string;
console.log(__BUILD__, __PRECACHE__);
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A small checkout with one page, over the packages installed here."""
    page = tmp_path / "app" / "web" / "barn"
    (page / "assets").mkdir(parents=True)
    (page / "templates").mkdir()
    (page / "assets" / "barn.ts").write_text('const cow: string = "moo";\nconsole.log(cow);\n')
    (page / "assets" / "barn.css").write_text(".cow { color: red; }\n")
    (page / "assets" / "sw.ts").write_text(WORKER)
    (page / "templates" / "barn.html").write_text('<p class="btn">{{ icon("truck") }}</p>')
    for name in ("tsconfig.json", "tsconfig.sw.json", "package-lock.json"):
        shutil.copy(REPOSITORY / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(REPOSITORY / "node_modules")
    worker = ServiceWorker(
        source="app/web/barn/assets/sw.ts",
        addresses=("/barn/",),
        assets=("barn.js",),
        texts=("app/web/barn/templates/barn.html",),
    )
    return Tree(
        tmp_path,
        entries={
            "barn.js": "app/web/barn/assets/barn.ts",
            "barn.css": "app/web/barn/assets/barn.css",
        },
        copies={"htmx.js": ("htmx.org/dist/htmx.min.js",)},
        workers={"barn-sw.js": worker},
        fonts={},
        sprites={"icons.svg": "", "barn-icons.svg": "barn"},
        app_icons={"barn-64.png": 64},
    )


def test_a_build_is_complete_and_done_once(tree: Tree) -> None:
    assert not tree.is_built()
    build(tree)
    assert tree.is_built()
    manifest = json.loads((tree.static / "manifest.json").read_text())
    assert set(manifest) == {
        "barn.js", "barn.css", "htmx.js", "icons.svg", "barn-icons.svg", "barn-64.png",
    }  # fmt: skip
    for sprite in ("icons.svg", "barn-icons.svg"):
        assert 'id="truck"' in (tree.static / manifest[sprite]).read_text()
    assert (tree.static / manifest["barn-64.png"]).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    for name in manifest.values():
        assert (tree.static / name).stat().st_size > 0
    assert 'id="truck"' in (tree.static / manifest["icons.svg"]).read_text()
    assert ".btn{" in (tree.scratch / "bootstrap.css").read_text()
    assert ".carousel" not in (tree.scratch / "bootstrap.css").read_text()
    worker = (tree.static / "barn-sw.js").read_text()
    assert f"/static/{manifest['barn.js']}" in worker
    assert "/barn/" in worker

    template = tree.web / "barn" / "templates" / "barn.html"
    template.write_text(template.read_text() + "<p>new</p>")
    assert not tree.is_built()
    build(tree)
    again = (tree.static / "barn-sw.js").read_text()
    assert again != worker, "phones would go on with the old page"
    assert json.loads((tree.static / "manifest.json").read_text()) == manifest


def test_a_mistake_leaves_what_was_there(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    build(tree)
    before = {path.name for path in tree.static.iterdir()}
    script = tree.web / "barn" / "assets" / "barn.ts"
    script.write_text("const cow: string = 7;\n")
    with pytest.raises(BuildError, match="mend what it names"):
        build(tree)
    assert "barn.ts" in capsys.readouterr().err
    assert {path.name for path in tree.static.iterdir()} == before
    assert not tree.is_built()

    script.write_text("")
    (tree.web / "barn" / "templates" / "barn.html").write_text('{{ icon("no-such-icon") }}')
    with pytest.raises(BuildError, match="no-such-icon"):
        build(tree)


def test_icons_are_found_where_they_are_named() -> None:
    text = """{{ icon("truck") }} Entry("x", icon='house') data-icon="sun" icon_name="inbox" lexicon("x")"""
    assert icons_in(text) == {"truck", "house", "sun", "inbox"}


def test_serve_refuses_without_the_pages_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    monkeypatch.setattr(cli, "_check_channels", lambda: None)
    monkeypatch.setattr(cli, "set_up_logging", lambda: None)
    assets.manifest.cache_clear()
    try:
        with pytest.raises(SetupError, match="run `make product`"):
            cli.serve()
    finally:
        assets.manifest.cache_clear()


def test_a_named_browser_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "nothing"))
    assert find_browser.find_browser() is None
    assert not find_browser.may_install()
    monkeypatch.setenv("CHROMIUM", "/bin/true")
    assert find_browser.find_browser() == "/bin/true"
