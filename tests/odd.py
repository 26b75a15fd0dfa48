"""A company whose every text is odd: markup, right-to-left names, titles of 300 characters; in its plan, its people, its trackers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from ledger.model import Recorded, Unmapped, Version, Word
from signals.plan import Plan
from sync.configuration import Configuration, load
from tests.companies import Scripted


class Odd(Scripted):
    """`text` stands in every field that somebody may write; `url` is where every record says that it lies."""

    def __init__(self, folder: Path, text: str, *, url: str = "https://x.example/1", **size: int) -> None:
        self.text, self.address = text, url
        super().__init__(folder, **{"workstreams": 12, "items": 240, **size})

    def _configured(self, folder: Path) -> Configuration:
        super()._configured(folder)
        for path in (folder / "config").rglob("*.yaml"):
            body = json.loads(path.read_text(encoding="utf-8"))
            for part in (body, *body.get("people", ())):
                if "name" in part:
                    part["name"] += self.text[:60]
            path.write_text(json.dumps(body), encoding="utf-8")
        return replace(load(folder / "config", credentials=False), plan=self._plan())

    def _plan(self) -> Plan:
        plan = super()._plan()
        parts: dict[str, Any] = {
            kind: tuple(_named(node, self.text) for node in getattr(plan, kind))
            for kind in ("pillars", "objectives", "key_results", "workstreams", "dependencies", "decision_rights")
        }
        return msgspec.structs.replace(plan, **parts)

    def _recorded(self, n: int, *, first: bool) -> Recorded:
        made = super()._recorded(n, first=first)
        versions = [self._odd(v) for v in made.versions]
        events = tuple(msgspec.structs.replace(e, actor_name=self.text) for e in made.events)
        links = tuple(msgspec.structs.replace(link, original=self.text) for link in made.links)
        return Recorded(tuple(versions), events, links)

    def _odd(self, v: Version) -> Version:
        said = {"health": str(v.item.reported_health), "lifecycle": str(v.item.lifecycle)}
        words = tuple(Word(field, self.text, became, "", finding=self.text) for field, became in said.items())
        item = msgspec.structs.replace(
            v.item, title=f"{self.text} {v.item.title}", url=self.address, type=self.text, owner_name=self.text,
            blocked_on=self.text, decision_needed=self.text, biggest_risk=self.text, need_from_others=self.text, words=words,
            unmapped=(Unmapped("health", self.text),),
        )  # fmt: skip
        raw = {**json.loads(v.raw), "title": item.title}
        return msgspec.structs.replace(v, item=item, raw=json.dumps(raw).encode())


def _named(node: Any, text: str) -> Any:
    """A part of the plan with the text in all that people call it by."""
    fields = {f: getattr(node, f) + text for f in ("name", "title", "deliverable", "response") if hasattr(node, f)}
    if points := getattr(node, "milestones", ()):
        fields["milestones"] = tuple(_named(p, text) for p in points)
    return msgspec.structs.replace(node, **fields)
