"""One department on one demo tracker, reached by nothing but a department file, as a company would."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from demo.jira_http import JiraServer
from demo.jira_site import Issue, JiraSite, Project
from ledger.read import EVERYTHING, Filter, Kept
from ledger.store import Ledger
from normalizer.people import People
from sync.configuration import Configuration, load
from sync.presence import Breaker
from sync.run import Options, Outcome, sync_source

HOME = ZoneInfo("Europe/Berlin")
TODAY = datetime.now(HOME).date()
"""As the organisation below has it."""
ORGANISATION = f"name: Acme\ntimezone: {HOME}\n"
PEOPLE = "people:\n  - {key: ann, name: Ann Lee, emails: [ann@acme.example]}\n"
JIRA = """\
department: eng
name: Engineering
sources:
  - key: eng
    kind: jira
    connection:
      url: {url}
      deployment: {deployment}
      auth: {{{auth}, token: "${{TEST_TOKEN}}"}}
      requests_per_second: 1000
      {connection}
    bindings:
      - key: work
        scope: {{jql: "{jql}"}}
{binding}
"""


class Clock:
    """The ledger's clock, which a test may move."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Department:
    """A configuration directory of one department, a ledger and a way to sync. Close it."""

    def __init__(self, folder: Path, text: str, database: str | None = None) -> None:
        self.folder, self.clock = folder / "config", Clock()
        self.ledger = Ledger.open(database or f"sqlite:///{folder / 'l.db'}", migrate=True, clock=self.clock)
        self.text = text
        self.write(text)

    def write(self, department: str) -> None:
        write(self.folder, department)

    def configuration(self) -> Configuration:
        return load(self.folder)

    def sync(
        self,
        *,
        confirm: timedelta = timedelta(hours=24),
        at_least: int = 5,
        source: str | None = None,
        **options: Any,
    ) -> Outcome:
        """One run. `at_least`: how many must vanish at once to be a mass disappearance."""
        configuration = self.configuration()
        bound = configuration.source(source) if source else configuration.sources[0]
        chosen = Options(breaker=Breaker(confirm=confirm, at_least=at_least), **options)
        return sync_source(bound, self.ledger, People(configuration.persons()), chosen)

    def all(self) -> dict[str, Kept]:
        """Everything that the ledger knows, whatever became of it, by id in the tracker."""
        return {k.item.ref: k for k in self.ledger.items(Filter(presence=()), limit=10**6)}

    def present(self) -> dict[str, Kept]:
        return {k.item.ref: k for k in self.ledger.items(EVERYTHING, limit=10**6)}

    def close(self) -> None:
        self.ledger.close()


class Tracked(Department):
    """A department on a demo Jira."""

    def __init__(
        self,
        folder: Path,
        server: JiraServer,
        database: str,
        monkeypatch: Any,
        *,
        jql: str = "project = ENG",
        binding: str = "",
        connection: str = "",
    ) -> None:
        self.server, self.site = server, server.site
        monkeypatch.setenv("TEST_TOKEN", server.token)
        cloud = server.site.deployment == "cloud"
        text = JIRA.format(
            url=server.url,
            deployment=server.site.deployment,
            auth=f"kind: api_token, email: {server.email}" if cloud else "kind: pat",
            connection=connection,
            jql=jql,
            binding=textwrap.indent(textwrap.dedent(binding), " " * 8),
        )
        super().__init__(folder, text, database)

    def truth(self) -> dict[str, tuple[str, str, str]]:
        """What the tracker holds: id to key, title and status."""
        return {i.id: (i.key, i.title, i.status.name) for i in self.site.visible() if i.project.key == "ENG"}

    def held(self) -> dict[str, tuple[str, str, str]]:
        """What the ledger holds of that."""
        found = {}
        for ref, kept in self.present().items():
            word = kept.item.word("lifecycle")
            found[ref] = (kept.item.key, kept.item.title, str(word.raw if word else None))
        return found


def write(folder: Path, *departments: str, organisation: str = ORGANISATION, people: str = PEOPLE) -> Path:
    """A configuration directory."""
    (folder / "departments").mkdir(parents=True, exist_ok=True)
    (folder / "organisation.yaml").write_text(organisation, encoding="utf-8")
    (folder / "people.yaml").write_text(people, encoding="utf-8")
    for n, text in enumerate(departments):
        (folder / "departments" / f"d{n}.yaml").write_text(text, encoding="utf-8")
    return folder


def site(
    deployment: Any = "cloud",
    count: int = 5,
    *,
    every: timedelta = timedelta(hours=1),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[JiraSite, Project, list[Issue]]:
    """A site with one project ENG of `count` issues, made one after another until a day ago."""
    made = JiraSite(deployment, clock=clock)
    to_do = made.status("10000", "To Do", "new")
    made.status("3", "In Progress", "indeterminate")
    made.status("10001", "Done", "done")
    project = made.project("ENG", "Engineering")
    begin = clock() - timedelta(days=1) - every * count
    issues = [made.create(project, f"Issue {n}", to_do, at=begin + every * n) for n in range(count)]
    return made, project, issues
