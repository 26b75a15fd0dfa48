"""Whatever is asked, the answer is one that the contract promises: requests drawn from the contract itself, right and wrong ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from tests.asking import local
from tests.companies import Scripted
from tests.contract import KEPT

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROOT = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    company = Scripted(tmp_path_factory.mktemp("promised"), workstreams=6, items=30)
    company.fill()
    yield create_app(company.ledger, company.configuration)
    company.close()


def promised() -> Any:
    told = json.loads(KEPT.read_text(encoding="utf-8"))
    told["servers"] = [{"url": ROOT}]
    told["paths"] = {p: o for p, o in told["paths"].items() if p.startswith("/v1/")}
    return schemathesis.openapi.from_dict(told)


OPERATIONS = {found.ok().label: found.ok() for found in promised().get_all_operations()}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS)
@settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_answer_is_one_that_is_promised(
    operation: str, mode: GenerationMode, data: st.DataObject, app: FastAPI
) -> None:
    """Each operation is a test with an id of its own: workers that share tests out take those of one id for one."""
    case = data.draw(OPERATIONS[operation].as_strategy(generation_mode=mode))
    with local(app) as client:
        sent = case.as_transport_kwargs(base_url=ROOT)
        answer = client.request(
            **{k: v for k, v in sent.items() if k in ("method", "url", "params", "headers", "json")}
        )
    case.validate_response(answer, checks=CHECKS)


def refused(app: FastAPI, path: str, code: int = 422) -> str:
    with local(app) as client:
        answer = client.get(path)
    assert answer.status_code == code, (path, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.text


def test_a_parameter_that_an_address_does_not_have_is_refused_at_every_address(app: FastAPI) -> None:
    """A misspelt filter that is ignored answers the wrong question."""
    paths = [p for p in json.loads(KEPT.read_text(encoding="utf-8"))["paths"] if p.startswith("/v1/")]
    for path in paths:
        assert "helth" in refused(app, path.replace("{key}", "w1").replace("{item_id}", "alpha-1") + "?helth=red"), path


@pytest.mark.parametrize(
    "given", ["0.5", "1763650800", "-1", "20261118", "2026-11-18", "now", "P1D", "Infinity", "%00"]
)
def test_an_instant_is_written_out(app: FastAPI, given: str) -> None:
    """A number is seconds to one, milliseconds to another: neither is guessed."""
    for path in ("/v1/exceptions?as_of=", "/v1/changes?since=", "/v1/nodes/w1/status?as_of="):
        said = refused(app, path + given)
        assert given == "%00" or "written like 2026-11-20T17:00:00+01:00" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("2026-11-17T12:00:00", "needs an offset"),
        ("0001-01-01T00:00:00%2B23:59", "before 1970"),
        ("9999-12-31T23:59:59-23:59", "future"),
    ],
)
def test_an_instant_that_cannot_be_asked_for_is_refused_with_a_sentence(app: FastAPI, given: str, said: str) -> None:
    for path in ("/v1/exceptions?as_of=", "/v1/changes?since="):
        assert said in refused(app, path + given, 400)


def test_what_takes_one_value_is_not_given_two(app: FastAPI) -> None:
    assert "takes one value" in refused(app, "/v1/items?limit=3&limit=4")
    assert "takes one value" in refused(app, "/v1/people?active=true&active=false")
    with local(app) as client:
        assert client.get("/v1/items?source=alpha&source=beta").status_code == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/items?limit=1.0", "whole number"),
        ("/v1/items?limit=1e2", "whole number"),
        ("/v1/items?limit=%2B5", "whole number"),
        ("/v1/items?limit=", "whole number"),
        ("/v1/items?blocked=yes", "true or false"),
        ("/v1/items?blocked=1", "true or false"),
        ("/v1/sync-runs?good=True", "true or false"),
        ("/v1/packs/2026-W46?version=1.0", "whole number"),
    ],
)
def test_a_value_is_written_as_the_contract_has_it(app: FastAPI, path: str, said: str) -> None:
    """What is read kindly by one program is read otherwise by the next."""
    assert said in refused(app, path)


@pytest.mark.parametrize("odd", ["%00", "%ED%A0%80", "%FF", "%EF%BF%BF", "%F0%9F%98%80"])
def test_odd_characters_break_nothing(app: FastAPI, odd: str) -> None:
    """PostgreSQL keeps no NUL; half a surrogate is no character at all."""
    with local(app) as client:
        for path in (f"/v1/items/{odd}", f"/v1/nodes/{odd}/status", f"/v1/departments/{odd}/mapping"):
            assert client.get(path).status_code == 404, path
        for path in (
            f"/v1/items?owner={odd}",
            f"/v1/check-ins?node={odd}",
            f"/v1/exceptions?period={odd}",
        ):
            assert client.get(path).status_code in ((422,) if odd == "%00" else (200, 400)), path
        assert client.get(f"/v1/items?cursor={odd}").status_code == 422
