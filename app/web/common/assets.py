"""Files that browsers keep: hashed names, served for ever, gzipped ahead."""

import functools
import json
import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

from app.core.errors import SetupError

STATIC = Path(__file__).parent.parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
NOT_BUILT = (
    "The pages' scripts and styles are not built: run `make product`, or "
    "`.venv/bin/python tools/build_assets.py`. 网页资源尚未构建。"
)


@functools.cache
def manifest() -> dict[str, str]:
    """Plain name -> hashed name; raises SetupError when nothing was built."""
    try:
        found: dict[str, str] = json.loads((STATIC / "manifest.json").read_text())
    except FileNotFoundError as error:
        raise SetupError(NOT_BUILT) from error
    return found


def asset(name: str) -> str:
    """Address of a built file, by its plain name."""
    return f"/static/{manifest()[name]}"


class StaticAssets(StaticFiles):
    """`/static/…`: the gzipped copy for whoever takes it."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file; raises HTTPException 404."""
        if path == "manifest.json" or path.endswith(".gz"):
            raise HTTPException(404)
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = FOR_EVER
        return answer

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, or its gzipped copy under the plain one's type."""
        headers = Headers(scope=scope)
        small = Path(f"{os.fspath(full_path)}.gz")
        if not small.exists():
            return super().file_response(full_path, stat_result, scope, status_code)
        if "gzip" in headers.get("accept-encoding", "") and "range" not in headers:
            plain = FileResponse(full_path)
            answer: Response = FileResponse(
                small,
                status_code=status_code,
                stat_result=small.stat(),
                media_type=plain.media_type,
            )
            answer.headers["content-encoding"] = "gzip"
            if self.is_not_modified(answer.headers, headers):
                answer = NotModifiedResponse(answer.headers)
        else:
            answer = super().file_response(full_path, stat_result, scope, status_code)
        answer.headers["vary"] = "accept-encoding"
        return answer


def fixed_file(name: str, *, media_type: str, scope_path: str = "") -> Response:
    """A built file at an address of its own that must be asked for each time: a service worker.

    `scope_path` widens what the worker may control (`Service-Worker-Allowed`).
    """
    headers = {"cache-control": "no-cache"}
    if scope_path:
        headers["service-worker-allowed"] = scope_path
    return FileResponse(STATIC / name, media_type=media_type, headers=headers)
