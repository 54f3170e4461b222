"""The profiles of the plant with their tags and actions."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ...client.protocol.errors import Code, failure
from ..front.flight import flight_of
from ..front.problems import problem
from .actions import ProfileName
from .asking import Asking, Timeout, respond


def routes(asking: Asking) -> APIRouter:
    """The views of profiles."""
    router = APIRouter(tags=["plant"])

    @router.get("/api/v1/profiles", operation_id="list_profiles")
    async def list_profiles(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
        match: Annotated[str, Query(max_length=200)] = "",
        timeout: Timeout = None,
    ) -> Response:
        """The profiles with their tags and actions."""
        rqargs = {"limit": limit, "offset": offset, "match": match}
        reply = await asking.reply(request, "profiles", rqargs, timeout=timeout)
        result = reply.value()
        headers = {}
        if offset + limit < result["total"]:
            query = f"limit={limit}&offset={offset + limit}&match={quote(match)}"
            headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
        return respond(request, result, headers)

    @router.get("/api/v1/profiles/{profile}", operation_id="get_profile")
    async def get_profile(request: Request, profile: ProfileName, timeout: Timeout = None) -> Response:
        """One profile with its tags and actions."""
        reply = await asking.reply(request, "profiles", {"match": profile, "limit": 1000}, timeout=timeout)
        for one in reply.value()["profiles"]:
            if one["name"] == profile:
                return respond(request, one)
        detail = f"there is no profile {profile!r:.100}"
        return problem(failure(Code.BAD_REQUEST, detail), flight_of(request.scope).id, 404)

    return router
