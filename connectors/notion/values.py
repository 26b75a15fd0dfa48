"""Pure: one property value of Notion as said. Any JSON; what cannot be read raises Unfit, nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from connectors.contract import Said, Words
from connectors.plain import clean, number, text_or_none

TEXT_CUT = 200
DEEPEST = 4
REFERRING = ("depends_on", "blocked_on", "objective", "supports", "workstream")
"""Roles in whose texts other records are looked for: a mention or link in them is written out."""
ENDS = ("due_on", "completed_at")
"""Roles that mean the end of a span of days."""
Categories = Mapping[str, str | None]
UNTOLD: Categories = MappingProxyType({})


class Unfit(Exception):
    """A value that cannot be read; the message completes the sentence "property X ..."."""


def said(value: Any, role: str = "", categories: Categories = UNTOLD, depth: int = 0) -> Words:
    """A typed value {"type": t, t: ...} as said; () where it is empty.

    Raises:
        Unfit: it is not of its type, or not whole.
    """
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise Unfit("came without its type")
    kind = value["type"]
    inner = value.get(kind)
    if kind in COMPUTED:
        return _computed(inner, role, depth)
    if value.get("has_more") is True:
        raise Unfit("came cut off")
    if inner is None:
        return ()
    if kind in OPTIONS:
        return _options(inner, categories)
    if kind in DATES:
        return _date(inner, role)
    if kind in TEXTS:
        text = _text(inner, role).strip()
        return (Said(clean(text)),) if text else ()
    return READERS.get(kind, _anything)(inner)


def _computed(inner: Any, role: str, depth: int) -> Words:
    """A formula's or rollup's result, whatever it is of."""
    if inner is None:
        return ()
    if not isinstance(inner, dict) or not isinstance(inner.get("type"), str) or depth > DEEPEST:
        raise Unfit("has a result of no known kind")
    kind = inner["type"]
    if kind == "array":
        entries = inner.get("array")
        if not isinstance(entries, list):
            raise Unfit("has a result of no known kind")
        return tuple(w for entry in entries for w in said(entry, role, UNTOLD, depth + 1))
    if kind in ("incomplete", "unsupported"):
        raise Unfit(f"has a result that Notion calls {kind}")
    result = inner.get(kind)
    if result in (None, ""):
        return ()
    return _date(result, role) if kind == "date" else _plain(result)


def _plain(inner: Any) -> Words:
    if isinstance(inner, dict | list):
        raise Unfit("is no single value")
    if isinstance(inner, str):
        return (Said(clean(inner)),) if inner else ()
    return (Said(number(inner)),)


def _flag(inner: Any) -> Words:
    if not isinstance(inner, bool):
        raise Unfit("is neither checked nor unchecked")
    return (Said(inner),)


def _options(inner: Any, categories: Categories) -> Words:
    found = []
    for option in inner if isinstance(inner, list) else [inner]:
        name = option.get("name") if isinstance(option, dict) else None
        if not isinstance(name, str):
            raise Unfit("has an option without its name")
        ref = text_or_none(option.get("id"))
        found.append(Said(clean(name), id=ref, category=categories.get(ref) if ref else None))
    return tuple(found)


def _date(inner: Any, role: str) -> Words:
    """The day or instant as written; the end of a span where the role means an end."""
    if isinstance(inner, str):
        return (Said(clean(inner)),) if inner else ()
    start = inner.get("start") if isinstance(inner, dict) else None
    end = inner.get("end") if isinstance(inner, dict) else None
    if not isinstance(start, str):
        raise Unfit("has a date without its start")
    return (Said(clean(end if role in ENDS and isinstance(end, str) and end else start)),)


def _text(inner: Any, role: str) -> str:
    """Rich text's plain text; in a dependency's role also what its mentions and links lead to."""
    if not isinstance(inner, list):
        raise Unfit("is no text")
    parts: list[str] = []
    for piece in inner:
        text = piece.get("plain_text") if isinstance(piece, dict) else None
        if not isinstance(text, str):
            raise Unfit("has a piece of text without its words")
        parts.append(text)
        target = _target(piece) if role in REFERRING else None
        if target and target not in text:
            parts.append(f" ({target}) ")
    return "".join(parts)


def _target(piece: Mapping[str, Any]) -> str | None:
    mention = piece.get("mention")
    page = mention.get("page") if isinstance(mention, dict) else None
    if isinstance(page, dict) and isinstance(page.get("id"), str):
        return plain(page["id"])
    href = piece.get("href")
    return href if isinstance(href, str) and href.startswith(("http://", "https://")) else None


def _people(inner: Any) -> Words:
    return tuple(_person(p) for p in (inner if isinstance(inner, list) else [inner]))


def _person(user: Any) -> Said:
    ref = text_or_none(user.get("id")) if isinstance(user, dict) else None
    if ref is None:
        raise Unfit("names a person without an id")
    details = user.get("person")
    email = text_or_none(details.get("email")) if isinstance(details, dict) else None
    return Said(text_or_none(user.get("name")) or email or ref, id=ref, email=email)


def _relation(inner: Any) -> Words:
    found = []
    for target in inner if isinstance(inner, list) else [inner]:
        ref = target.get("id") if isinstance(target, dict) else None
        if not isinstance(ref, str):
            raise Unfit("has a relation without its id")
        found.append(Said(plain(ref)))
    return tuple(found)


def _unique(inner: Any) -> Words:
    text = unique(inner)
    if text is None and isinstance(inner, dict) and inner.get("number") is None:
        return ()
    if text is None:
        raise Unfit("is no id")
    return (Said(text),)


def unique(inner: Any) -> str | None:
    """A unique id as people write it: PROD-12, or 12 where it has no prefix."""
    count = inner.get("number") if isinstance(inner, dict) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    prefix = inner.get("prefix")
    return clean(f"{prefix}-{number(count)}" if isinstance(prefix, str) and prefix else str(number(count)))


def _files(inner: Any) -> Words:
    if not isinstance(inner, list):
        raise Unfit("is no list of files")
    return tuple(Said(clean(str(f.get("name") or ""))) for f in inner if isinstance(f, dict) and f.get("name"))


def _verified(inner: Any) -> Words:
    state = inner.get("state") if isinstance(inner, dict) else None
    return (Said(clean(state)),) if isinstance(state, str) else ()


def _anything(inner: Any) -> Words:
    """A kind that is not known yet: its value, else its JSON cut short, never a guess."""
    if isinstance(inner, dict | list):
        return (
            (Said(clean(json.dumps(inner, ensure_ascii=False, sort_keys=True, default=str)[:TEXT_CUT])),)
            if inner
            else ()
        )
    return _plain(inner)


COMPUTED = frozenset({"formula", "rollup"})
OPTIONS = frozenset({"status", "select", "multi_select"})
DATES = frozenset({"date", "created_time", "last_edited_time"})
TEXTS = frozenset({"title", "rich_text"})
READERS: dict[str, Callable[[Any], Words]] = {
    "checkbox": _flag, "number": _plain, "url": _plain, "email": _plain, "phone_number": _plain, "people": _people,
    "created_by": _people, "last_edited_by": _people, "relation": _relation, "unique_id": _unique, "files": _files,
    "verification": _verified,
}  # fmt: skip


# -- small things -----------------------------------------------------------------------------------------------------


def plain(ref: str) -> str:
    """An id without its hyphens, as addresses and texts carry it."""
    return clean(ref).replace("-", "").lower()


def plain_text(pieces: Any) -> str:
    """A title's words, however they came; never raises."""
    texts = [p.get("plain_text") for p in pieces if isinstance(p, dict)] if isinstance(pieces, list) else []
    return clean("".join(t for t in texts if isinstance(t, str))).strip()
