"""The HTTP API of what was published: packs, the diagnosis, the calibration."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.deps import NO_SUCH_PACK, ConfigurationDep, LedgerDep, NoSuchPublished
from api.markdown import as_markdown
from api.packs import NoSuchPack, calibrated, diagnosed, pack_named, published_packs
from api.v1.listing import Ranked, answer_at_hand, matching, row_as
from api.v1.question import Question
from api.v1.shapes_packs import (
    AnyPackOut,
    CalibratedOut,
    DiagnosedOut,
    OnePack,
    OneVersion,
    PackRow,
    PacksAsked,
    PacksOut,
    pack_out,
)
from ledger.model import to_ms
from ledger.read import Reads
from sync.configuration import Configuration
from sync.packs import AnyPack

packs = APIRouter(prefix="/v1", tags=["packs"], route_class=Question)
MARKDOWN: dict[int | str, dict[str, Any]] = {200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}}


def _pack(name: str, asked: OneVersion, ledger: Reads, configuration: Configuration) -> AnyPack:
    try:
        return pack_named(ledger, configuration, name, asked.version)
    except NoSuchPack as error:
        raise NoSuchPublished(str(error)) from error


@packs.get("/packs", summary="Every published week, month and period", response_model=PacksOut)
def list_packs(asked: Annotated[PacksAsked, Query()], ledger: LedgerDep) -> Response:
    """Names and dates, what closed last first."""
    rows: list[Ranked] = [
        ((-to_ms(p.last.closes_at), p.last.name), row_as(PackRow, p.last, kind=p.kind)) for p in published_packs(ledger)
    ]
    return answer_at_hand("packs", matching(rows, asked, "kind"), asked, as_of=ledger.clock())


@packs.get(
    "/packs/{name}.md",
    summary="One pack as Markdown",
    response_class=Response,
    responses={**MARKDOWN, **NO_SUCH_PACK},
)
def get_pack_text(
    name: str, asked: Annotated[OneVersion, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> Response:
    """The same sentences as the pack, to be read, mailed or printed."""
    text = as_markdown(_pack(name, asked, ledger, configuration))
    return Response(text, media_type="text/markdown; charset=utf-8")


@packs.get("/packs/{name}", summary="One pack: a week, a month or a period as it was published", responses=NO_SUCH_PACK)
def get_pack(
    name: str, asked: Annotated[OneVersion, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> AnyPackOut:
    """What was known at the close; the same whenever it is asked."""
    return pack_out(_pack(name, asked, ledger, configuration))


@packs.get("/diagnosis", summary="Is the way of working the problem?", responses=NO_SUCH_PACK)
def get_diagnosis(
    asked: Annotated[OnePack, Query()], ledger: LedgerDep, configuration: ConfigurationDep
) -> DiagnosedOut:
    """Four signs with their evidence, as published with the last week or another pack."""
    try:
        found = diagnosed(ledger, configuration, asked.pack)
    except NoSuchPack as error:
        raise NoSuchPublished(str(error)) from error
    return DiagnosedOut.model_validate(msgspec.to_builtins(found))


@packs.get("/calibration", summary="What became of what each department said")
def get_calibration(ledger: LedgerDep) -> CalibratedOut:
    """Each department's colours against outcomes, over every period that was scored; never of a person."""
    return CalibratedOut.model_validate(msgspec.to_builtins(calibrated(ledger)))
