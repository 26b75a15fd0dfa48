"""The starting set that `sightline init` writes: short, commented, and loading as soon as its variables are set."""

from __future__ import annotations

import json
from pathlib import Path

from sync.configuration.schema import SCHEMAS, schema

ORGANISATION = """\
# yaml-language-server: $schema=schema/organisation.json
# The calendar that everything is reckoned by.
name: My company
timezone: Europe/Berlin
fiscal_year_start: 01-01
week_close: {day: friday, time: "17:00"}
# sign_in:                             # people sign in at your identity provider: docs/access.md
#   url: https://sightline.example.com # where they reach this service
#   issuer: https://login.example.com
#   client_id: sightline
#   client_secret: ${OIDC_CLIENT_SECRET}
"""
PEOPLE = """\
# yaml-language-server: $schema=schema/people.json
# Who is who in the trackers. Exact e-mails match by themselves; other identities are written here. Nothing is guessed.
people:
  - key: jane-doe
    name: Jane Doe
    emails: [jane.doe@example.com]
    department: engineering
"""
ENGINEERING = """\
# yaml-language-server: $schema=../schema/department.json
# This department's own file: which tracker it uses and what its words mean.
department: engineering
name: Engineering
head: jane-doe
cadence: weekly

sources:
  - key: eng-jira
    kind: jira
    mapping_owner: jane-doe
    every: 15m
    connection:
      url: ${JIRA_URL}                # https://acme.atlassian.net
      # cloud_id: ...                 # for scoped and service-account tokens
      auth: {kind: api_token, email: "${JIRA_EMAIL}", token: "${JIRA_TOKEN}"}
      # Data Center: auth: {kind: pat, token: "${JIRA_TOKEN}"}
    bindings:
      - key: engineering
        scope: {jql: project = ENG}
        # confidential: true          # everybody sees how it stands, only this department's keys see its rows
        # fields:                     # only what differs from Jira's own fields
        #   health: {name: RAG}
        # scales:                     # only what Jira's status categories cannot tell
        #   lifecycle: {Parked: paused}
        #   health: rag
"""
PLAN = """\
# yaml-language-server: $schema=schema/plan.json
# What only people know. Everything else is derived from what the trackers show: docs/signals.md
periods:
  - {key: 2026-Q4, start_on: 2026-10-01, end_on: 2026-12-31}
pillars:
  - {key: pillar-1, name: Our first strategic pillar, sponsor: jane-doe}
# objectives:
#   - key: first-objective
#     pillar: pillar-1
#     period: 2026-Q4
#     title: What will be true at the end
#     owner: jane-doe                  # one person with a name
#     key_results:
#       - {key: first-result, title: Nine accounts, owner: jane-doe, rank: 1, metric: {target: 9, curve: linear}}
# workstreams:
#   - key: first-workstream
#     name: Product adaptation
#     department: engineering
#     owner: jane-doe
#     supports: [first-result]
#     items: [{source: eng-jira}]      # also binding, keys, or a part of the title
#     milestones: from_due_dates       # or dated ones: [{title: Beta, due_on: 2026-11-13}]
# decision_rights:
#   - {situation: missed_key_result, decision_owner: owner, response: a recovery plan, sla_days: 5}
"""


def write_starting_set(directory: Path) -> list[tuple[Path, bool]]:
    """Writes each file that is not there yet; (path, whether it was written) of each."""
    files = {
        "organisation.yaml": ORGANISATION,
        "people.yaml": PEOPLE,
        "plan.yaml": PLAN,
        "departments/engineering.yaml": ENGINEERING,
    }
    files |= {f"schema/{name}.json": json.dumps(schema(name), indent=2) + "\n" for name in SCHEMAS}
    done = []
    for name, text in files.items():
        path = directory / name
        fresh = not path.exists()
        if fresh:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        done.append((path, fresh))
    return done
