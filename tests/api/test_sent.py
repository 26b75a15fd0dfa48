"""Answers that are written without pydantic have the shape that the contract tells all the same."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from pydantic import BaseModel, Field

from api.planning import board_at, standing
from api.v1.sent import sent
from api.v1.shapes_plan import StandingOut
from tests.apart import told_apart
from tests.companies import Scripted


class Colour(StrEnum):
    RED = "red"


class PartOut(BaseModel):
    """A part."""

    name: Annotated[str, Field(description="Its name.")]
    on: date | None = None


class WholeOut(BaseModel):
    """Everything that shapes have."""

    at: datetime
    colour: Colour | None
    kind: Literal["a", "b"]
    parts: list[PartOut]
    by_name: dict[str, PartOut]
    share: float | None = Field(None, description="0-1.")
    anything: dict[str, Any] = {}


class Part(msgspec.Struct):
    name: str
    on: date | None = None
    secret: str = "not in the shape"


class Whole(msgspec.Struct):
    at: datetime
    colour: Colour | None
    parts: tuple[Part, ...]
    by_name: dict[str, Part]
    share: float | None
    kind: str = "a"
    anything: dict[str, Any] = {}


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))])
def test_it_is_written_as_pydantic_writes_it(zone: Any) -> None:
    """Clients cannot tell who wrote it; what the shape does not name is not sent."""
    parts = (Part("one", date(2026, 11, 21)), Part("two\u2028</script>"))
    whole = Whole(
        datetime(2026, 11, 21, 9, 30, tzinfo=zone),
        Colour.RED,
        parts,
        {"one": parts[0]},
        0.5,
        anything={"deep": [1, None, "é"]},
    )
    body = sent(whole, WholeOut).body
    assert json.loads(body) == json.loads(WholeOut.model_validate(msgspec.to_builtins(whole)).model_dump_json())
    assert b"secret" not in body


def test_what_has_another_shape_is_not_sent() -> None:
    """A wrong word is an error of ours, and no answer."""
    whole = Whole(datetime(2026, 11, 21, tzinfo=UTC), None, (), {}, None, kind="c")
    with pytest.raises(msgspec.ValidationError, match="kind"):
        sent(whole, WholeOut)


FIRST_AT_ONCE = """
import threading
from pydantic import create_model
from api.v1.sent import sent

sys.setswitchinterval(1e-6)
answers = []

def answer(shape, line):
    told = shape(**{name: {} for name in shape.model_fields})
    line.wait()
    answers.append(sent(told, shape))

for n in range(30):
    part = create_model("Part", **{f"p{n}": (int | None, None) for n in range(20)})
    shape = create_model("Shape", **{f"f{n}": (part | None, None) for n in range(40)})
    line = threading.Barrier(4)
    threads = [threading.Thread(target=answer, args=(shape, line)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(json.dumps(len(answers)))
"""


def test_several_that_are_the_first_to_ask_are_all_answered(tmp_path: Path) -> None:
    """A struct that one thread makes ready while another fills it ends the process, with everybody's answers."""
    assert told_apart(FIRST_AT_ONCE, folder=tmp_path) == 120


def test_no_struct_is_first_read_by_whoever_comes_first() -> None:
    """Its decoder is made with its module, which is loaded once."""
    root = Path(__file__).resolve().parents[2]
    rooms = ("connectors", "normalizer", "ledger", "signals", "sync", "api")
    for path in (path for room in rooms for path in (root / room).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        late = re.findall(r"json\.decode\([^\n]*\btype=\w+\)", text)  # a container of builtins may be named there
        assert late == [], path


def test_a_standing_is_sent_in_its_shape(tmp_path: Path) -> None:
    company = Scripted(tmp_path, workstreams=21, items=300)
    company.fill()
    for key in ("company", "pillar0", "kr0", "w3"):
        body = sent(standing(board_at(company.ledger, company.configuration), key), StandingOut).body
        assert json.loads(StandingOut.model_validate_json(body, strict=True).model_dump_json()) == json.loads(body)
    company.close()
