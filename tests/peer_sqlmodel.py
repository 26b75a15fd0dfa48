"""What a team writes over the ledger in an afternoon: FastAPI and SQLModel with response models. A contestant of tests.reading."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from sqlmodel import Field, Session, SQLModel, create_engine, func, select


class Row(SQLModel, table=True):
    __tablename__ = "bi_items"
    id: str = Field(primary_key=True)
    key: str
    title: str | None
    url: str | None
    source: str
    binding: str
    status: str
    lifecycle: str
    reported_health: str
    type: str | None
    confidence: float | None
    progress: float | None
    owner: str | None
    owner_name: str | None
    start_on: str | None
    due_on: str | None
    completed_at: str | None
    blocked: bool | None
    presence: str
    mapping_version: str | None


class Item(SQLModel, table=True):
    id: str = Field(primary_key=True)
    source: str
    binding: str
    scope: str
    key: str
    lifecycle: str
    reported_health: str
    status: str
    owner: str | None
    due_on: str | None
    blocked: bool | None
    presence: str
    first_seen_at: int
    changed_at: int
    revision: int
    mapping_version: str
    raw_hash: str
    body: str


class Health(SQLModel):
    reported_health: str
    n: int


engine = create_engine(f"sqlite:///{sys.argv[1]}")
app = FastAPI()


def session() -> Iterator[Session]:
    with Session(engine) as opened:
        yield opened


SessionDep = Annotated[Session, Depends(session)]


@app.get("/items")
def items(health: str, session: SessionDep) -> list[Item]:
    return list(session.exec(select(Item).where(Item.reported_health == health).order_by(Item.id).limit(100)))


@app.get("/items/{id}")
def item(id: str, session: SessionDep) -> Item:
    found = session.get(Item, id)
    if found is None:
        raise HTTPException(404)
    return found


@app.get("/status")
def status(session: SessionDep) -> list[Health]:
    rows = session.exec(select(Item.reported_health, func.count()).group_by(Item.reported_health))
    return [Health(reported_health=health, n=n) for health, n in rows]


@app.get("/export")
def export() -> StreamingResponse:
    def lines() -> Iterator[str]:
        with Session(engine) as session:
            for row in session.exec(select(Row).execution_options(yield_per=1000)):
                yield row.model_dump_json() + "\n"

    return StreamingResponse(lines(), media_type="application/jsonl")


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
