"""A demo Jira Cloud with very many issues, quick enough that a benchmark measures its reader: python -m demo.volume --issues N

Its answers are those of demo.jira_http, remembered as bytes while nothing changes. It prints its address and answers
/_volume/change?count=N by editing that many issues.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from demo.jira_http import Api, JiraServer
from demo.jira_site import Issue, JiraSite
from demo.story import POINTS, RAG

_encode = msgspec.json.Encoder().encode


def volume(count: int) -> JiraSite:
    """A site with `count` issues over the last year, each with three changes behind it."""
    site = JiraSite("cloud")
    steps = [
        site.status("10000", "To Do", "new"),
        site.status("3", "In Progress", "indeterminate"),
        site.status("10001", "Done", "done"),
    ]
    people = [site.user(f"5b10a{n:019d}", f"Person {n}", f"p{n}@northwind.example") for n in range(40)]
    site.custom_field(RAG, "RAG", "option", "com.atlassian.jira.plugin.system.customfieldtypes:select")
    site.custom_field(POINTS, "Story point estimate", "number", "com.pyxis.greenhopper.jira:jsw-story-points")
    project = site.project("ENG", "Engineering")
    begin = datetime.now(UTC) - timedelta(days=365)
    pace = timedelta(days=364) / max(count, 1)
    for n in range(count):
        at = begin + pace * n
        issue = site.create(
            project,
            f"Issue {n} with a title of usual length",
            steps[0],
            at=at,
            due=date(2026, 1 + n % 12, 1 + n % 28),
            fields={POINTS: float(n % 8)},
        )
        site.edit(issue, people[n % 40], at=at + timedelta(hours=1), assignee=people[n * 7 % 40])
        site.edit(issue, people[n % 40], at=at + timedelta(hours=2), status=steps[1 + n % 2])
        site.edit(issue, people[n % 40], at=at + timedelta(hours=3), **{RAG: ("Green", "Amber", "Red")[n % 3]})
    return site


class VolumeServer(JiraServer):
    """Remembers results and renderings until an issue changes."""

    def __init__(self, site: JiraSite, **more: Any) -> None:
        super().__init__(site, **more)
        self.revision = -1
        self.found: dict[str, list[Issue]] = {}
        self.rendered: dict[tuple[str, ...], msgspec.Raw] = {}

    @property
    def api(self) -> type[Api]:
        if self.revision != self.site.revision:
            self.found, self.rendered, self.revision = {}, {}, self.site.revision
        return VolumeApi

    def answer(self, method: str, path: str, params: Mapping[str, Any], body: Any, authorization: str | None) -> bytes:
        if path != "/_volume/change":
            return super().answer(method, path, params, body, authorization)
        issues = list(self.site.issues.values())
        for n in range(int(params["count"])):
            self.site.edit(issues[n * 7919 % len(issues)], None, title=f"Changed {n}")
        return b"{}"


class VolumeApi(Api):
    server: VolumeServer

    def search(self, jql: str) -> list[Issue]:
        if jql not in self.server.found:
            self.server.found[jql] = super().search(jql)
        return self.server.found[jql]

    def issue(self, issue: Issue, names: list[str], expand: str) -> Any:
        key = (issue.id, expand, *names)
        if key not in self.server.rendered:
            self.server.rendered[key] = msgspec.Raw(_encode(super().issue(issue, names, expand)))
        return self.server.rendered[key]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--issues", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to every answer")
    asked = parser.parse_args()
    with VolumeServer(volume(asked.issues), token="volume-token") as server:
        server.faults.latency = asked.latency
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
