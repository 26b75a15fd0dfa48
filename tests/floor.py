"""The floor of a sync: download, parse, one bulk insert. Nothing is translated, kept apart or checked."""

from __future__ import annotations

import json
import os
import sqlite3
import sys

import httpx
import msgspec

FIELDS = "summary,project,issuetype,created,updated,status,issuelinks,parent,resolution,assignee,duedate,resolutiondate,priority,customfield_10016,customfield_10031"


class Named(msgspec.Struct):
    name: str


class Fields(msgspec.Struct):
    summary: str
    status: Named
    updated: str
    duedate: str | None = None


class Issue(msgspec.Struct):
    id: str
    key: str
    fields: Fields


class Page(msgspec.Struct):
    issues: list[Issue]
    nextPageToken: str | None = None


class Logs(msgspec.Struct):
    issueChangeLogs: list[msgspec.Raw]
    nextPageToken: str | None = None


def main(path: str, what: str) -> None:
    page, logs = msgspec.json.Decoder(Page), msgspec.json.Decoder(Logs)
    rows: list[tuple[str, str, str, str]] = []
    histories: list[tuple[bytes]] = []
    requests, token = 0, None
    with httpx.Client(
        base_url=os.environ["BENCH_URL"], auth=("sync@northwind.example", os.environ["BENCH_TOKEN"]), timeout=120
    ) as client:
        while True:
            params = {"jql": "(project = ENG) ORDER BY created ASC, key ASC", "fields": FIELDS, "maxResults": "1000"}
            got = page.decode(
                client.get(
                    "/rest/api/3/search/jql", params=params | ({"nextPageToken": token} if token else {})
                ).content
            )
            requests += 1
            rows += [(i.id, i.key, i.fields.summary, i.fields.status.name) for i in got.issues]
            token = got.nextPageToken
            if not token:
                break
        if what == "changelogs":
            for start in range(0, len(rows), 1000):
                body = {"issueIdsOrKeys": [r[0] for r in rows[start : start + 1000]], "maxResults": 10_000}
                got_logs = logs.decode(client.post("/rest/api/3/changelog/bulkfetch", json=body).content)
                requests += 1
                histories += [(bytes(log),) for log in got_logs.issueChangeLogs]
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE IF EXISTS issue")
        connection.execute("DROP TABLE IF EXISTS history")
        connection.execute("CREATE TABLE issue (id TEXT PRIMARY KEY, key TEXT, title TEXT, status TEXT) WITHOUT ROWID")
        connection.execute("CREATE TABLE history (body BLOB)")
        connection.executemany("INSERT INTO issue VALUES (?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO history VALUES (?)", histories)
    connection.close()
    print(json.dumps({"requests": requests}))


if __name__ == "__main__":
    main(*sys.argv[1:])
