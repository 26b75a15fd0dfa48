"""How questions are taken: by what their endpoints say, at once or in a thread."""

from __future__ import annotations

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.testclient import TestClient
from pydantic import BaseModel

from api.v1.question import Question


class Asked(BaseModel):
    of: list[str] = []
    most: int = 3


async def host(request: Request) -> str:
    return request.headers["host"]


def test_an_endpoint_gets_what_its_signature_says() -> None:
    router = APIRouter(route_class=Question)

    @router.get("/at/{place}")
    def at(place: str, asked: Annotated[Asked, Query()], host: Annotated[str, Depends(host)]) -> Asked:
        return Asked(of=[place, host, *asked.of], most=asked.most)

    app = FastAPI()
    app.include_router(router)
    with TestClient(app) as client:
        assert client.get("/at/home?of=a&of=b&most=5").json() == {"of": ["home", "testserver", "a", "b"], "most": 5}
        assert client.get("/at/home?most=x").json()["detail"][0]["loc"] == ["query", "most"]
        assert client.get("/at/home?more=1").json()["detail"][0]["msg"] == "there is no such parameter here"
    asked = app.openapi()["paths"]["/at/{place}"]["get"]
    assert {p["name"] for p in asked["parameters"]} == {"place", "of", "most"}, "the contract tells of it"


def test_a_signature_that_cannot_be_read_is_refused_at_the_start() -> None:
    router = APIRouter(route_class=Question)
    with pytest.raises(TypeError, match="a question takes no 'page"):

        @router.get("/x")
        def x(page: int) -> Response:
            return Response(str(page))
