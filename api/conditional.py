"""Conditional requests and ranges, as RFC 9110 has them, for answers that lie ready as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from api.deps import NoSuchRange, NotTheSame
from api.kept import Kept

CHUNK = 1 << 20


def answer(request: Request, kept: Kept, media_type: str, headers: Mapping[str, str]) -> Response:
    """The file, the part of it that is asked for, or that nothing of it has changed; HEAD tells the same without it.

    Raises:
        NotTheSame, NoSuchRange: the condition does not hold, or nothing is in that part.
    """
    told = {
        "ETag": kept.etag,
        "Last-Modified": format_datetime(kept.changed_at, usegmt=True),
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        **headers,
    }
    asked = request.headers
    if "if-match" in asked and not names(asked["if-match"], kept.etag):
        raise NotTheSame("this file has another tag than those of If-Match by now", headers={"ETag": kept.etag})
    if _unchanged(asked, kept):
        return Response(status_code=304, headers=told)
    part = _part(asked, kept) if request.method == "GET" else None
    if part is None:
        return _sent(request, kept, range(kept.size), 200, media_type, told)
    if not part:
        size = {"ETag": kept.etag, "Content-Range": f"bytes */{kept.size}"}
        raise NoSuchRange(f"this file ends after {kept.size} bytes, before what is asked for", headers=size)
    told["Content-Range"] = f"bytes {part[0]}-{part[-1]}/{kept.size}"
    return _sent(request, kept, part, 206, media_type, told)


def _unchanged(asked: Mapping[str, str], kept: Kept) -> bool:
    if "if-none-match" in asked:
        return names(asked["if-none-match"], kept.etag)
    since = _instant(asked.get("if-modified-since"))
    return since is not None and kept.changed_at <= since


def names(tags: str, etag: str) -> bool:
    """Whether a list of tags names this one, or is a star."""
    return tags.strip() == "*" or etag.removeprefix("W/") in (t.strip().removeprefix("W/") for t in tags.split(","))


def _instant(text: str | None) -> datetime | None:
    """An instant in any of HTTP's three forms, of which the oldest names no zone: all are in UTC. None: there is no such instant."""
    try:
        at = parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _part(asked: Mapping[str, str], kept: Kept) -> range | None:
    """The bytes asked for; empty where there are none there, None where all of them are to be sent.

    Several ranges at once are not served: the whole is sent, as RFC 9110 allows.
    """
    found = re.fullmatch(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})", asked.get("range", "").strip(), re.I)
    if not found or found[1] == found[2] == "":
        return None
    condition = asked.get("if-range", kept.etag)
    if condition != kept.etag and _instant(condition) != kept.changed_at:
        return None
    first, last = found[1], found[2]
    if first == "":
        return range(max(kept.size - int(last), 0), kept.size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last or kept.size) + 1, kept.size))


def _sent(
    request: Request, kept: Kept, part: range, status: int, media_type: str, headers: Mapping[str, str]
) -> Response:
    told = {**headers, "Content-Length": str(len(part))}
    if request.method == "HEAD":
        return Response(status_code=status, media_type=media_type, headers=told)
    return StreamingResponse(_bytes(kept, part), status, told, media_type)


def _bytes(kept: Kept, part: range) -> Iterator[bytes]:
    for start in range(part.start, part.stop, CHUNK):
        yield kept.read(start, min(CHUNK, part.stop - start))
