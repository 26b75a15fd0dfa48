"""Answers as JSON bytes, written straight from what was asked for: one pass, in the shape that the contract tells."""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from fastapi import Response
from pydantic import BaseModel

_encode = msgspec.json.Encoder().encode


def sent(answer: object, shape: type[BaseModel] | None = None) -> Response:
    """An answer as it is sent. shape: takes these fields of it, attribute by attribute, and no others; else it is sent as it is.

    For a route with `response_model`: FastAPI looks at no Response again, so what is sent must have that shape, as `shape` makes sure.

    Raises:
        msgspec.ValidationError: it has not that shape.
    """
    told = answer if shape is None else msgspec.convert(answer, plain(shape), from_attributes=True)
    return Response(_encode(told), media_type="application/json")


@cache
def plain(shape: type[BaseModel]) -> type[msgspec.Struct]:
    """A struct with the fields of a model, which is filled and written many times as fast.

    It is handed out when msgspec knows its types: two threads that both are the first to fill a struct end the process (msgspec 0.22).
    """
    fields = [(name, _plain(field.annotation)) for name, field in shape.model_fields.items()]
    made = msgspec.defstruct(shape.__name__, fields, gc=False)
    msgspec.json.Decoder(made)
    return made


def _plain(kind: Any) -> Any:
    """A type with structs in the place of models."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return plain(kind)
    inner = tuple(map(_plain, get_args(kind)))
    if get_origin(kind) is Annotated:
        return inner[0]
    if get_origin(kind) in (Union, UnionType):
        return Union[inner]  # noqa: UP007  # of types that are known only here
    return get_origin(kind)[inner] if get_origin(kind) in (list, dict, tuple) else kind
