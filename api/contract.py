"""What the contract says of the service as a whole; each operation says the rest where it stands."""

from __future__ import annotations

from typing import Any

SUMMARY = "How the company is tracking, with the evidence and its age."
DESCRIPTION = """\
Trackers are only read; what people decide and reply is recorded. Lists are objects with `items`; errors are RFC 9457 problems (`application/problem+json`) with a sentence in `detail` and the `request_id`
that the service's log knows them by. Unknown parameters are refused. Instants have an offset, and are answered in UTC.

Lists come in pages: `next_cursor` is the `cursor` of the next one. Several values stand in one parameter by comma. Behind a list or a status page
`.csv`, `.jsonl`, `.parquet` and `.md` answer the same in another format.

Every 200 of `/v1` has an `ETag`: named in `If-None-Match`, it is answered with 304 while nothing has changed. `HEAD` answers wherever `GET` does.

A key comes as Bearer, as Basic password or, made for it, as `?key=`. What is confidential is seen by the keys of its own department only.
"""
CONTACT = {"name": "Whoever runs this service for you"}
LICENCE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
SERVERS = [{"url": "/", "description": "The service that this contract was asked of."}]
TAGS = [
    {"name": "status", "description": "The answer: how each department and the company are tracking."},
    {"name": "items", "description": "What the trackers hold, on the one format, with the words as said."},
    {"name": "plan", "description": "Pillars, objectives, key results and workstreams, and how they stand at any instant."},
    {"name": "packs", "description": "What was published at the close of a week, a month and a period, and never changed."},
    {"name": "decisions", "description": "What people decided and replied, and what became of it."},
    {"name": "departments", "description": "Departments, and what their words mean."},
    {"name": "sources", "description": "The trackers that are read, and how fresh what is known of them is."},
    {"name": "files", "description": "Every published table as a whole file."},
    {"name": "feeds", "description": "The plan as a calendar."},
    {"name": "health", "description": "For whoever keeps the service running; needs no key."},
]  # fmt: skip
OPEN: dict[str, Any] = {"security": []}
"""Of an operation that needs no key."""
UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed since the answer whose ETag If-None-Match names."}
}
WRONG_PARAMETERS: dict[int | str, dict[str, Any]] = {
    422: {
        "description": "A parameter that is not known here, or whose value is not; `errors` names it.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}},
    }
}
