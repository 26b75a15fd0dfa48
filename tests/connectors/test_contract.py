"""Four facts that hold for every tracker folder and every example found, present and future."""

from __future__ import annotations

import copy
import inspect
import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, SecretStr

import connectors
from connectors.contract import Change, Connector, RawRecord, Source, UnreadableRecord, kinds, tracker

HOME = Path(connectors.__file__).parent
EXAMPLES = sorted(HOME.glob("*/examples/*/answer.json"))
ODD: list[Any] = [
    None,
    "",
    0,
    -1,
    3.5,
    True,
    [],
    {},
    "x" * 60_000,
    "\x00\ud800",
    [[[]]],
    {"id": {}},
    10**30,
    float("nan"),
]
OURS = ("site", "roles", "blocking", "row_key", "spreadsheet", "tab", "scope", "connection")
"""Parts of an example that are the department's configuration, not the tracker's answer."""
every_kind = pytest.mark.parametrize("kind", kinds())
every_example = pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parts[-4]}:{p.parts[-2]}")


@every_kind
def test_a_folder_offers_what_the_house_looks_for(kind: str) -> None:
    """The other rooms know a tracker by its contract alone."""
    folder: Any = tracker(kind)
    for model in (folder.Connection, folder.Scope):
        assert issubclass(model, BaseModel)
        assert model.model_config.get("extra") == "forbid"
    assert "url" in folder.Connection.model_fields
    assert folder.DEFAULT_FIELDS
    assert _secrets(folder.Connection), "a credential must be a SecretStr, so that it is in no text"
    readme = (HOME / kind / "README.md").read_text(encoding="utf-8")
    for part in ("## Which token", "## Which rights", "## Known limits", "## Quality"):
        assert part in readme
    rows = [
        line for line in readme.partition("## Quality")[2].splitlines() if line.startswith("| ") and "---" not in line
    ]
    for row in rows[1:]:
        assert any(word in row for word in ("| done", "| todo", "| exempt because ")), row
    assert len(rows) > 10
    assert any(path.parts[-4] == kind for path in EXAMPLES)


@every_kind
def test_connecting_sends_nothing_and_offers_every_question(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`config check` connects too, on machines without a network."""

    def refuse(*_: Any) -> None:
        raise AssertionError("connecting opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    folder: Any = tracker(kind)
    example = json.loads((HOME / kind / "examples" / "connection.json").read_text(encoding="utf-8"))
    connector = folder.connect(Source("x", kind, folder.Connection.model_validate(example)))
    assert isinstance(connector, Connector)
    for name, method in inspect.getmembers(Connector, inspect.isfunction):
        if not name.startswith("_"):
            theirs = inspect.signature(getattr(type(connector), name)).parameters
            assert list(theirs) == list(inspect.signature(method).parameters), name
    assert connector.requests == 0
    connector.close()


@every_example
def test_an_example_reads_as_its_records(path: Path) -> None:
    """Test, documentation and offline replay at once."""
    records, changes = tracker(path.parts[-4]).replay(json.loads(path.read_text(encoding="utf-8")))
    expected = json.loads((path.parent / "records.json").read_text(encoding="utf-8"))
    told = json.loads(msgspec.json.encode({"records": records, "changes": changes}))
    assert told == expected
    for record in records:
        assert msgspec.json.decode(msgspec.json.encode(record), type=RawRecord) == record
    for made in changes.values():
        assert list(made) == sorted(made, key=lambda c: c.at)
        assert msgspec.json.decode(msgspec.json.encode(made), type=tuple[Change, ...]) == tuple(made)


@every_example
def test_a_damaged_answer_raises_nothing_but_unreadable(path: Path) -> None:
    """One odd value of one record must never end a run; whatever is read is storable."""
    answer = json.loads(path.read_text(encoding="utf-8"))
    kind, chance = tracker(path.parts[-4]), random.Random(7)
    damageable = [key for key in answer if key not in OURS]
    places = [p for key in damageable for p in _places(answer[key], (key,))]
    for _ in range(1500):
        broken = copy.deepcopy(answer)
        place = chance.choice(places)
        _put(broken, place, chance.choice(ODD))
        try:
            records, changes = kind.replay(broken)
        except UnreadableRecord:
            continue
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            if place[0] in ("fields", "statuses") or len(place) == 1:
                continue  # the site's own lists are checked where they are asked for
            raise AssertionError(f"{place} broke the reader: {error!r}") from error
        encoded = msgspec.json.encode([records, changes])
        assert b"\\u0000" not in encoded


def _places(value: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*at, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _places(inner, (*at, n))


def _put(answer: Any, place: tuple[Any, ...], value: Any) -> None:
    for part in place[:-1]:
        answer = answer[part]
    answer[place[-1]] = value


def _secrets(model: type[BaseModel]) -> bool:
    return SecretStr.__name__ in repr(model.model_json_schema()) or "writeOnly" in repr(model.model_json_schema())
