"""The OData service answers as the standard says, on both databases."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from ledger.published import TABLES, Table


def get(client: TestClient, path: str, code: int = 200, **options: Any) -> Any:
    query = "&".join(f"${name}={quote(str(value), safe='')}" for name, value in options.items())
    answer = client.get(f"/odata/{path}" + (f"?{query}" if query else ""))
    assert answer.status_code == code, answer.text
    assert answer.headers["odata-version"] == "4.0"
    if code >= 400:
        assert answer.headers["content-type"].startswith("application/json")
        assert set(answer.json()) == {"error"}
        assert set(answer.json()["error"]) == {"code", "message"}
        return answer.json()["error"]["message"]
    return answer.json() if answer.headers.get("content-type", "").startswith("application/json") else answer.text


def everything(client: TestClient, path: str, **options: Any) -> list[dict[str, Any]]:
    """All rows, page by page."""
    page = get(client, path, **options)
    found = page["value"]
    while "@odata.nextLink" in page:
        page = client.get(page["@odata.nextLink"]).json()
        found += page["value"]
    return list(found)


def test_the_root_answers_with_and_without_a_slash(client: TestClient) -> None:
    """People paste either."""
    for path in ("/odata", "/odata/"):
        answer = client.get(path, follow_redirects=False)
        assert answer.status_code == 200
        assert [s["name"] for s in answer.json()["value"]] == [t.name for t in TABLES]
        assert answer.json()["@odata.context"].endswith("/odata/$metadata")


@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_every_set_serves_its_published_columns_and_each_row_by_its_key(client: TestClient, table: Table) -> None:
    found = everything(client, table.name)
    assert found
    assert all(tuple(row) == table.names for row in found)
    keys = [tuple(row[name] for name in table.key) for row in found]
    assert keys == sorted(set(keys))
    assert get(client, f"{table.name}/$count") == str(len(found))
    kinds = {c.name: c.kind for c in table.columns}
    for row in found[:20]:
        parts = [f"{n}={quoted(row[n]) if kinds[n] == 'string' else row[n]}" for n in table.key]
        one = get(client, f"{table.name}({','.join(parts)})")
        assert one.pop("@odata.context").endswith(f"#{table.name}/$entity")
        assert one == row
    for column in table.columns:
        if not column.nullable:
            assert all(row[column.name] is not None for row in found), column.name


def quoted(text: str) -> str:
    return "'" + quote(text.replace("'", "''"), safe="") + "'"


def test_instants_are_exact_whatever_offset_they_came_with(client: TestClient) -> None:
    """A tracker's +02:00 and our own milliseconds end as the same kind of text."""
    from tests.api.odata.conftest import rows

    told = {row["id"]: row for row in everything(client, "Items", select="id,completed_at,due_on,title,confidence")}
    for said in (r.item for r in rows()):
        at = said.completed_at
        shown = told[said.id]
        assert shown["completed_at"] == (at and utc(at))
        assert shown["due_on"] == (said.due_on and said.due_on.isoformat())
        assert (shown["title"], shown["confidence"]) == (said.title, said.confidence)


def utc(at: Any) -> str:
    from datetime import UTC

    return str(at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"))


def test_a_version_ends_where_the_next_begins(client: TestClient) -> None:
    versions = get(client, "Items('eng:007')/Versions", orderby="valid_from")["value"]
    assert [v["valid_to"] for v in versions] == [*(v["valid_from"] for v in versions[1:]), None]
    assert len(versions) == 4


def test_a_signals_key_is_told_apart(client: TestClient) -> None:
    found = get(client, "Signals", select="signal,subject,variant,cleared_at")["value"]
    assert [(s["signal"], s["subject"], s["variant"]) for s in found] == [
        ("behind_pace", "kr-1", ""),
        ("due", "ws-2", "a:b"),
    ]
    assert [s["cleared_at"] is None for s in found] == [True, False]


def test_select_takes_columns_in_any_number_and_order(client: TestClient) -> None:
    page = get(client, "Items", select="title,id,title", top=1)
    assert list(page["value"][0]) == ["title", "id"]
    assert page["@odata.context"].endswith("$metadata#Items(title,id)")
    assert tuple(get(client, "Items", select="*", top=1)["value"][0]) == TABLES[0].names


@pytest.mark.parametrize(
    "order", ["due_on", "due_on desc", "owner desc,due_on", "blocked,confidence desc,title", "changed_at", "title desc", "health_assumed desc"]
)  # fmt: skip
def test_order_is_by_value_with_nothing_first_and_the_key_last(client: TestClient, order: str) -> None:
    """Both databases, and every page size, give one order."""
    found = everything(client, "Items")
    for part in reversed(order.split(",")):
        name, _, way = part.partition(" ")
        found.sort(
            key=lambda r: (r[name] is not None, r[name]) if r[name] is not None else (False,), reverse=way == "desc"
        )
    wanted = [r["id"] for r in found]
    assert [r["id"] for r in everything(client, "Items", orderby=order)] == wanted
    page = client.get(
        "/odata/Items", params={"$orderby": order, "$select": "id"}, headers={"Prefer": "odata.maxpagesize=7"}
    )
    paged = [r["id"] for r in page.json()["value"]]
    while next_ := page.json().get("@odata.nextLink"):
        page = client.get(next_, headers={"Prefer": "maxpagesize=7"})
        paged += [r["id"] for r in page.json()["value"]]
        assert page.headers["preference-applied"] == "odata.maxpagesize=7"
    assert paged == wanted


def test_top_and_skip_count_rows(client: TestClient) -> None:
    ids = [r["id"] for r in everything(client, "Items")]
    assert [r["id"] for r in get(client, "Items", top=5, skip=3)["value"]] == ids[3:8]
    assert get(client, "Items", top=0) == {"@odata.context": "http://testserver/odata/$metadata#Items", "value": []}
    assert get(client, "Items", skip=1000)["value"] == []


def test_a_top_larger_than_a_page_is_reached_page_by_page_and_never_passed(client: TestClient) -> None:
    page = client.get("/odata/Items?$top=25&$skip=2&$select=id", headers={"Prefer": "odata.maxpagesize=10"})
    sizes, found = [], []
    while True:
        found += [r["id"] for r in page.json()["value"]]
        sizes.append(len(page.json()["value"]))
        if "@odata.nextLink" not in page.json():
            break
        page = client.get(page.json()["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=10"})
    assert sizes == [10, 10, 5]
    assert found == [r["id"] for r in everything(client, "Items")][2:27]


def test_the_next_link_keeps_every_option(client: TestClient) -> None:
    asked = "/odata/Items?$filter=contains(title,'%25')&$select=id,title&$orderby=title desc&$count=true&$expand=Versions($top=1)"
    page = client.get(asked, headers={"Prefer": "odata.maxpagesize=2"}).json()
    total, seen = page["@odata.count"], len(page["value"])
    while "@odata.nextLink" in page:
        page = client.get(page["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=2"}).json()
        assert page["@odata.count"] == total
        assert all(
            "%" in row["title"] and len(row["Versions"]) == 1 and set(row) == {"id", "title", "Versions"}
            for row in page["value"]
        )
        seen += len(page["value"])
    assert seen == total == 6


def test_a_count_respects_the_filter(client: TestClient) -> None:
    wanted = sum(r["status"] == "at_risk" for r in everything(client, "Items"))
    assert get(client, "Items", filter="status eq 'at_risk'", count="true", top=1)["@odata.count"] == wanted > 1
    assert get(client, "Items/$count", filter="status eq 'at_risk'") == str(wanted)
    assert "@odata.count" not in get(client, "Items", count="false", top=1)


def test_a_row_brings_along_what_it_leads_to(client: TestClient) -> None:
    page = get(client, "Items", expand="Versions($top=2;$select=valid_from;$orderby=valid_from desc;$filter=valid_from ge 2026-11-12T00:00:00Z),Source($select=source)")  # fmt: skip
    assert page["@odata.context"].endswith("#Items(Versions(valid_from),Source(source))")
    versions = everything(client, "ItemVersions")
    assert len(page["value"]) == 90
    for row in page["value"]:
        wanted = [v["valid_from"] for v in versions if v["item_id"] == row["id"] and v["valid_from"] >= "2026-11-12"]
        assert [v["valid_from"] for v in row["Versions"]] == sorted(wanted, reverse=True)[:2]
        assert row["Source"] == {"source": "eng"}


def test_what_leads_nowhere_is_null(client: TestClient) -> None:
    links = get(client, "Links", expand="Target($select=key)")["value"]
    assert all((row["Target"] is None) == (row["target_item_id"] is None) for row in links)
    assert {row["Target"] is None for row in links} == {True, False}
    lost = next(row for row in links if row["Target"] is None)
    parts = ",".join(f"{n}={quoted(lost[n])}" for n in ("item_id", "target", "kind", "direction", "original"))
    assert client.get(f"/odata/Links({parts})/Target").status_code == 204


def test_more_than_a_row_can_bring_along_is_reached_by_a_link(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.odata.answers.OF_EACH", 2)
    row = get(client, "Items('eng:007')", expand="Versions($orderby=valid_from desc;$select=valid_from;$top=3)")
    assert len(row["Versions"]) == 2
    rest = client.get(row["Versions@odata.nextLink"]).json()
    everything_ = get(client, "Items('eng:007')/Versions", orderby="valid_from desc", select="valid_from")["value"]
    assert [*row["Versions"], *rest["value"]] == everything_[:3]
    assert "@odata.nextLink" not in rest


def test_navigation_asks_as_a_set_does(client: TestClient) -> None:
    assert len(get(client, "Items('eng:007')/Versions", top=2)["value"]) == 2
    assert get(client, "Items('eng:007')/Versions/$count") == "4"
    first = get(client, "ItemVersions", top=1)["value"][0]
    item = get(client, f"ItemVersions(item_id={quoted(first['item_id'])},valid_from={first['valid_from']})/Item")
    assert item["id"] == first["item_id"]
    get(client, "Items('no')/Versions", 404)


def test_a_key_may_have_quotes_and_slashes(client: TestClient) -> None:
    awkward = "eng:odd'3/%"
    for written in (quoted(awkward), quoted(awkward).replace("%2F", "/"), "%27" + quoted(awkward)[1:-1] + "%27"):
        assert get(client, f"Items({written})")["id"] == awkward
    assert get(client, f"Items({quoted(awkward)})/Versions/$count") == "4"
    assert get(client, f"Items(id={quoted(awkward)})/key")["value"] == "ENG-3"
    assert get(client, f"Items({quoted(awkward)})/")["id"] == awkward


def test_a_column_of_a_row_is_served_alone(client: TestClient) -> None:
    told = get(client, "Items('eng:001')/title")
    assert told == {"@odata.context": "http://testserver/odata/$metadata#Items('eng%3A001')/title", "value": "100%"}
    assert get(client, "Items('eng:001')/title/$value") == "100%"
    assert get(client, "Items('eng:000')/health_assumed/$value") == "true"
    assert client.get("/odata/Items('eng:000')/owner").status_code == 204
    assert client.get("/odata/Items('eng:000')/owner/$value").status_code == 204


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_writing_and_batches_are_refused(client: TestClient, method: str) -> None:
    for path in ("/odata", "/odata/$batch", "/odata/Items", "/odata/Items('x')"):
        answer = client.request(method, path, content=b"{}")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.json()["error"]["code"] == "MethodNotAllowed"


def test_head_answers_as_get(client: TestClient) -> None:
    """Some readers ask for the size first."""
    for path in ("/odata/", "/odata/Items?$top=3", "/odata/$metadata", "/odata/%24metadata", "/odata/Items/%24count"):
        assert client.head(path).status_code == 200
        assert client.head(path).headers["content-length"] == client.get(path).headers["content-length"]
    assert client.head("/odata/Nope").status_code == 404


@pytest.mark.parametrize("accept", ["application/atom+xml", "text/html", "application/json;odata.metadata=full", "*/*"])
def test_answers_are_json_whatever_is_accepted(client: TestClient, accept: str) -> None:
    answer = client.get("/odata/Items?$top=1", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json;odata.metadata=minimal")
    assert (
        client.get("/odata/$metadata", headers={"Accept": accept}).headers["content-type"]
        == "application/xml;charset=utf-8"
    )


@pytest.mark.parametrize(
    ("path", "code", "named"),
    [
        ("Nope", 404, "Nope"),
        ("items", 404, "items"),
        ("Items('no-such')", 404, "no-such"),
        ("Items('eng:001')/nope", 404, "nope"),
        ("Items('eng:001')/title/$count", 404, "title/$count"),
        ("Items/title", 404, "title"),
        ("Items(", 404, "Items("),
        ("Items()", 400, "empty"),
        ("Items(5)", 400, "id is no int"),
        ("Items('a','b')", 400, "(id=...)"),
        ("Items(key='ENG-1')", 400, "(id=...)"),
        ("Items('a' or true)", 400, "no value"),
        ("Items(id eq 'x')", 400, "no value"),
        ("ItemVersions('x')", 400, "item_id=...,valid_from=..."),
        ("SyncRuns(99999999999999999999999)", 400, "too large"),
        ("SyncRuns(4294967296)", 400, "id"),
        ("Items?$frob=1", 400, "$frob"),
        ("Items?top=1", 400, "write $top"),
        ("Items?$Top=1", 400, "write $top"),
        ("Items?$top=-1", 400, "$top"),
        ("Items?$top=a", 400, "$top"),
        ("Items?$top=1.5", 400, "$top"),
        ("Items?$top=%D9%A1", 400, "$top"),
        ("Items?$top=99999999999", 400, "$top"),
        ("Items?$top=1&$top=2", 400, "$top comes twice"),
        ("Items?$skip=-1", 400, "$skip"),
        ("Items?$count=yes", 400, "$count"),
        ("Items?$select=nope", 400, "nope"),
        ("Items?$select=", 400, "$select"),
        ("Items?$select=body", 400, "body"),
        ("Items?$select=raw_hash", 400, "raw_hash"),
        ("Items?$orderby=nope", 400, "nope"),
        ("Items?$orderby=title up", 400, "title up"),
        ("Items?$orderby=", 400, "$orderby"),
        ("Items?$orderby=length(title)", 400, "length(title)"),
        ("Items?$filter=", 400, "empty"),
        ("Items?$filter=body eq 'x'", 400, "body"),
        ("Items?$expand=Nope", 400, "Nope"),
        ("Items?$expand=Versions($expand=Item)", 400, "one level"),
        ("Items?$expand=Versions($nope=1)", 400, "$nope"),
        ("Items?$expand=Versions($top=1", 400, "left open"),
        ("Items?$expand=Versions($filter=nope eq 1)", 400, "nope"),
        ("Items?$expand=Versions/$count", 400, "Versions/$count"),
        ("Items?$expand=Versions,Versions", 400, "twice"),
        ("Items?$expand=Source($filter=source eq 'x')", 400, "$select"),
        ("Items?$search=x", 400, "$search"),
        ("Items?$apply=aggregate($count as n)", 400, "$apply"),
        ("Items?$skiptoken=x", 400, "$skiptoken"),
        ("Items?$skiptoken=%F0%9F%98%80", 400, "$skiptoken"),
        ("Items?$skiptoken=W1siaWQiXSxbNV1d", 400, "$skiptoken"),
        ("Items?$format=csv", 415, "csv"),
        ("Items?$format=xml", 415, "JSON"),
        ("Items?$filter=%FF", 400, "UTF-8"),
        ("Items(%FF)", 400, "UTF-8"),
        ("Items('eng:001')?$top=1", 400, "$top"),
        ("$metadata?$top=1", 400, "$top"),
        ("$metadata?$format=json", 415, "XML"),
        ("?$top=1", 400, "$top"),
        ("$all", 404, "$all"),
        ("$crossjoin(Items,Links)", 404, "crossjoin"),
        ("Items/$ref", 404, "$ref"),
        ("Items//x", 404, ""),
        ("../v1/items", 404, ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(client: TestClient, path: str, code: int, named: str) -> None:
    answer = client.get(f"/odata/{path}")
    assert answer.status_code == code, answer.text
    if not path.startswith(".."):
        assert named in answer.json()["error"]["message"]


def test_a_database_that_does_not_answer_is_an_odata_error(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from ledger.engine import LedgerError

    def down(*_: Any, **__: Any) -> None:
        raise LedgerError("the database does not answer")

    monkeypatch.setattr("ledger.served.Served._rows", down)
    assert "does not answer" in get(client, "Items", 503)
