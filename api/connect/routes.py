"""Where the ways to connect stand."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.connect.tools import Tool, pbids, tools
from api.door.access import ANYBODY

connect = APIRouter(prefix="/connect", tags=["files"])
PBIDS = "sightline.pbids"


class SnippetOut(BaseModel):
    language: str
    text: str


class ToolOut(BaseModel):
    key: str
    name: str
    through: str
    steps: list[str]
    snippets: list[SnippetOut]


class ToolsOut(BaseModel):
    items: list[ToolOut]


def ways(request: Request) -> tuple[Tool, ...]:
    """The ways to connect to the service as it was called."""
    return tools(str(request.base_url), keyed=request.state.reader is not ANYBODY)


@connect.get(".json", summary="How each tool connects to this service, with its real address")
def get_tools(request: Request) -> ToolsOut:
    """Every tool's own steps and what to copy; YOUR_KEY stands where a key goes."""
    return ToolsOut.model_validate({"items": msgspec.to_builtins(ways(request))})


@connect.get(
    ".md", summary="The same as a text", response_class=Response, responses={200: {"content": {"text/markdown": {}}}}
)
def get_text(request: Request) -> Response:
    """Every tool's own steps and what to copy, in Markdown."""
    return Response(written(ways(request)), media_type="text/markdown; charset=utf-8")


@connect.get(
    f"/{PBIDS}",
    summary="Opens in Power BI, connected",
    response_class=Response,
    responses={200: {"content": {"application/json": {}}}},
)
def get_pbids(request: Request) -> Response:
    """A file that Power BI Desktop opens with the connection already made; it holds no key."""
    told = {"Content-Disposition": f'attachment; filename="{PBIDS}"'}
    return Response(pbids(str(request.base_url)), media_type="application/json", headers=told)


def written(found: tuple[Tool, ...]) -> str:
    """The ways to connect, as Markdown."""
    return "\n\n".join(["# Connect", *(_section(tool) for tool in found)]) + "\n"


def _section(tool: Tool) -> str:
    steps = "\n".join(f"{n}. {step}" for n, step in enumerate(tool.steps, 1))
    snippets = (f"```{s.language}\n{s.text}\n```" for s in tool.snippets)
    return "\n\n".join([f"## {tool.name} ({tool.through})", steps, *snippets])
