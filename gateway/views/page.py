"""The page and the documentation, from memory.

Strategy: a dozen small files are read at the start and answered without a thread or a disk. Their ETag is
their content's; browsers ask each time and get 304, so that no old page meets a new gateway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

_FOLDER: Final = Path(__file__).parent.parent / "page"
_TYPES: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "json": "application/json",
    "md": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page."""

    content: bytes
    media_type: str
    etag: str


def page_files() -> dict[str, PageFile]:
    """The files of the page by their path."""
    found: dict[str, PageFile] = {}
    for path in _FOLDER.rglob("*"):
        media_type = _TYPES.get(path.suffix.removeprefix("."))
        if media_type is not None:
            content = path.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
            found[path.relative_to(_FOLDER).as_posix()] = PageFile(content, media_type, etag)
    return found


def routes(document: Callable[[], tuple[bytes, str]]) -> APIRouter:
    """The views of the page; `document` gives the OpenAPI document with its ETag."""
    router = APIRouter(include_in_schema=False)
    known = page_files()

    @router.get("/")
    async def index(request: Request) -> Response:
        return answer(request, known["index.html"])

    @router.get("/page/{path:path}")
    async def part(request: Request, path: str) -> Response:
        if path not in known:
            raise HTTPException(404, "there is no such file")
        return answer(request, known[path])

    @router.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        content, etag = document()
        return answer(request, PageFile(content, "application/json", etag))

    return router


def answer(request: Request, file: PageFile) -> Response:
    """A file, or 304 to who has it."""
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, 200, headers, file.media_type)
