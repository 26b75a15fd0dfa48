"""Where the files stand."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.conditional import answer
from api.deps import FILE_REFUSALS, PARTS, ConfigurationDep, KeeperDep, LedgerDep, NotReady, served_to
from api.files.formats import FORMATS
from api.files.tables import in_dialect, making, named, only
from api.retold import state_of
from ledger.engine import LedgerError
from ledger.published import TABLES

log = logging.getLogger("sightline.http")
files = APIRouter(prefix="/files", tags=["files"])


class ColumnOut(BaseModel):
    name: str
    type: str
    nullable: bool
    description: str


class FileOut(BaseModel):
    name: str
    description: str
    key: list[str]
    columns: list[ColumnOut]
    urls: dict[str, str]


class FilesOut(BaseModel):
    items: list[FileOut]


@files.head("", include_in_schema=False)
@files.get("", summary="Every table, its columns, and where it stands as a file", responses=FILE_REFUSALS)
def list_files(request: Request) -> FilesOut:
    """Every published table with its columns, its key and the address of each format."""
    only(request.query_params, [])
    return FilesOut(items=[_told(t, str(request.base_url)) for t in TABLES])


def _told(table: Any, root: str) -> FileOut:
    columns = [
        ColumnOut(name=c.name, type=c.kind, nullable=c.nullable, description=c.description) for c in table.columns
    ]
    urls = {ending: f"{root}files/{table.view}.{ending}" for ending in FORMATS}
    return FileOut(name=table.view, description=table.description, key=list(table.key), columns=columns, urls=urls)


@files.head("/{file}", include_in_schema=False)
@files.get(
    "/{file}",
    summary="A whole table as CSV, JSON Lines or Parquet",
    response_class=Response,
    responses={
        **FILE_REFUSALS,
        **PARTS,
        200: {"content": {f.media_type.partition(";")[0]: {} for f in FORMATS.values()}},
    },
)
def get_file(
    file: str,
    request: Request,
    ledger: LedgerDep,
    configuration: ConfigurationDep,
    keeper: KeeperDep,
) -> Response:
    """The whole table as it is now; by ranges too, and with a strong ETag."""
    table, format = named(file)
    format = in_dialect(format, request.query_params)
    ledger.veil.note_all()  # a whole table holds every row: that they were read is noted
    key, part = (table.view, format, ledger.veil.sight), "range" in request.headers
    try:
        make = making(served_to(request), table, format)
        kept = keeper.get(key, lambda: state_of(ledger, configuration), make, part=part)
    except LedgerError as error:
        log.warning("%s", error)  # where the database lies is nobody's business who asks
        raise NotReady("the database does not answer: the service's log says why") from error
    except OSError as error:
        log.warning("%s cannot be written: %s", file, error)
        raise NotReady("there is no room to make this file: the service's log says why") from error
    return answer(request, kept, format.media_type, {"Content-Disposition": f'attachment; filename="{file}"'})
