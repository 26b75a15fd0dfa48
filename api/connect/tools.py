"""Every tool that we know the way for. What is shown is executed as it stands by tests/api/test_connect.py, where its client can be had."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec

KEY = "YOUR_KEY"
"""Stands where the reader puts an access key."""
CODE = "python"


class Snippet(msgspec.Struct, frozen=True):
    """Something to copy. `language` is m, python, sql, yaml, shell, formula or address."""

    language: str
    text: str


class Tool(msgspec.Struct, frozen=True):
    """One tool's own way: its steps in its own words, and what to copy."""

    key: str
    name: str
    through: str
    steps: tuple[str, ...]
    snippets: tuple[Snippet, ...]


class Place(msgspec.Struct, frozen=True):
    """Where the service is, ending in a slash, and whether it asks for a key."""

    root: str
    keyed: bool

    def address(self, path: str) -> str:
        """For tools that can send nothing but an address."""
        return f"{self.root}{path}?key={KEY}" if self.keyed else f"{self.root}{path}"

    def note(self, sentence: str) -> tuple[str, ...]:
        """A step that is needed only where a key is."""
        return (sentence,) if self.keyed else ()


IN_URL = (
    "Make a key that may stand in an address, for this one purpose: sightline keys create NAME --in-url --expires 90d"
)
AS_PASSWORD = "When it asks how to sign in, choose Basic: any user name, and the key as password (scope odata)."  # noqa: S105  # says where a key goes
ANONYMOUS = "When it asks how to sign in, choose Anonymous."
ANEW = "Files are made anew after each sync; refresh as often as you like."


def tools(root: str, *, keyed: bool) -> tuple[Tool, ...]:
    """The ways to connect to the service at `root`, which ends in a slash.

    keyed: access keys exist, so that every request needs one.
    """
    place = Place(root, keyed)
    return tuple(make(place) for make in WAYS)


def pbids(root: str) -> bytes:
    """A file that Power BI Desktop opens with the connection already made."""
    connection = {"details": {"protocol": "odata", "address": {"url": f"{root}odata/"}}, "mode": "Import"}
    return json.dumps({"version": "0.1", "connections": [connection]}, indent=2).encode()


def _power_bi(at: Place) -> Tool:
    steps = (
        "Open sightline.pbids from this page, or: Get data, OData feed, and the address below.",
        AS_PASSWORD if at.keyed else ANONYMOUS,
        "Choose tables in the navigator: PlanNodes, Exceptions, StatusWeekly and Items are a good start.",
    )
    feed = f'OData.Feed("{at.root}odata/", null, [Implementation = "2.0"])'
    return Tool("power-bi", "Power BI", "OData", steps, (Snippet("address", f"{at.root}odata/"), Snippet("m", feed)))


def _excel(at: Place) -> Tool:
    steps = (
        "Data, Get Data, From Other Sources, From OData Feed, and the address below.",
        AS_PASSWORD if at.keyed else ANONYMOUS,
        "Or from the REST service, page by page: Launch Power Query Editor, Advanced Editor, and the M below.",
        "The M's base address never changes, so that it refreshes in the Power BI service too.",
    )
    return Tool("excel", "Excel", "OData", steps, (Snippet("address", f"{at.root}odata/"), Snippet("m", _paged(at))))


def _paged(at: Place) -> str:
    return f"""let
    Page = (cursor as nullable text) => Json.Document(Web.Contents("{at.root}", [
        RelativePath = "v1/items",
        Query = if cursor = null then [limit = "500"] else [limit = "500", cursor = cursor]
    ])),
    Pages = List.Generate(
        () => Page(null),
        each _ <> null,
        each if [next_cursor] = null then null else Page([next_cursor]),
        each [items]
    ),
    Items = Table.FromRecords(List.Combine(Pages), null, MissingField.UseNull)
in
    Items"""


def _tableau(at: Place) -> Tool:
    steps = (
        "Connect, To a Server, OData, and the address below, or one table's, such as odata/Items.",
        "Authentication: user name and password; any name, and the key as password (scope odata)."
        if at.keyed
        else "Authentication: none.",
        "Tableau takes an extract: schedule its refresh after the sync.",
    )
    return Tool("tableau", "Tableau", "OData", steps, (Snippet("address", f"{at.root}odata/"),))


def _sheets(at: Place) -> Tool:
    steps = (
        *at.note(IN_URL),
        "Put this formula into A1 of an empty tab. Google must be able to reach this address from outside.",
        "Google asks anew about once an hour.",
    )
    formula = f'=IMPORTDATA("{at.address("files/bi_plan_nodes.csv")}")'
    return Tool("google-sheets", "Google Sheets", "files", steps, (Snippet("formula", formula),))


def _looker(at: Place) -> Tool:
    steps = (
        "Put the formula below into a Google Sheet, and choose the Google Sheets connector for that sheet.",
        "Or the PostgreSQL connector, for the views (see Metabase and Superset).",
    )
    formula = f'=IMPORTDATA("{at.address("files/bi_status_weekly.csv")}")'
    return Tool("looker-studio", "Looker Studio", "files", steps, (Snippet("formula", formula),))


def _grafana(at: Place) -> Tool:
    steps = (
        "Install the Infinity data source, and provision it with the file below.",
        "In a panel: type JSON, parser backend, method GET, URL /v1/exceptions, rows/root items. Alerting works with the backend parser.",
    )
    return Tool("grafana", "Grafana", "REST", steps, (Snippet("yaml", _infinity(at)),))


def _infinity(at: Place) -> str:
    key = (
        f"""      auth_method: bearerToken
    secureJsonData:
      bearerToken: {KEY}
"""
        if at.keyed
        else "      auth_method: none\n"
    )
    return f"""apiVersion: 1
datasources:
  - name: Sightline
    type: yesoreyeram-infinity-datasource
    url: {at.root.rstrip("/")}
    jsonData:
      allowedHosts: ["{at.root.rstrip("/")}"]
{key}"""


def _metabase(at: Place) -> Tool:
    steps = (
        "Connect to Sightline's own PostgreSQL database with a role that may only read the views: docs/sql.md makes one in four lines.",
        "Choose the views named bi_...; their columns are documented and keep their names.",
    )
    question = """SELECT department, headline, count(*) AS nodes
FROM bi_plan_nodes
WHERE kind = 'key_result'
GROUP BY department, headline
ORDER BY department, headline"""
    return Tool("metabase", "Metabase and Superset", "SQL views", steps, (Snippet("sql", question),))


def _pandas(at: Place) -> Tool:
    header = f', storage_options={{"Authorization": "Bearer {KEY}"}}' if at.keyed else ""
    text = f"""import pandas

items = pandas.read_csv("{at.root}files/bi_items.csv"{header}, parse_dates=["due_on"])
print(items.groupby("status").size())"""
    return Tool("pandas", "pandas", "files", (ANEW,), (Snippet(CODE, text),))


def _polars(at: Place) -> Tool:
    text = f"""import urllib.request

import polars

{_request(at, "files/bi_items.csv")}
items = polars.read_csv(urllib.request.urlopen(asked).read(), infer_schema_length=None)
print(items.group_by("status").len())"""
    return Tool("polars", "polars", "files", (ANEW,), (Snippet(CODE, text),))


def _duckdb(at: Place) -> Tool:
    question = "SELECT status, count(*) FROM 'bi_items.csv' GROUP BY status"
    text = f"""import urllib.request

import duckdb

{_request(at, "files/bi_items.csv")}
with open("bi_items.csv", "wb") as file:
    file.write(urllib.request.urlopen(asked).read())
print(duckdb.sql("{question}"))"""
    return Tool("duckdb", "DuckDB", "files", (ANEW,), (Snippet(CODE, text),))


def _request(at: Place, path: str) -> str:
    header = f', headers={{"Authorization": "Bearer {KEY}"}}' if at.keyed else ""
    return f'asked = urllib.request.Request("{at.root}{path}"{header})'


def _shillelagh(at: Place) -> Tool:
    key = f', "request_headers": {{"Authorization": "Bearer {KEY}"}}' if at.keyed else ""
    text = f"""from shillelagh.backends.apsw.db import connect

connection = connect(":memory:", adapter_kwargs={{"genericjsonapi": {{"cache_expiration": -1{key}}}}})
question = 'SELECT status, COUNT(*) FROM "{at.root}odata/Items#$.value[*]" GROUP BY status'
print(connection.cursor().execute(question).fetchall())"""  # noqa: S608  # shown, and run by whoever copies it
    step = "SQL over the answers of OData, for Superset where it cannot reach the database; it reads one page of 1,000 rows."
    return Tool("shillelagh", "shillelagh", "OData", (step,), (Snippet(CODE, text),))


def _calc(at: Place) -> Tool:
    steps = (
        *at.note(IN_URL),
        "File, Open, and the address below as file name; character set Unicode (UTF-8), separator comma.",
        "Sheet, External Links keeps it up to date instead.",
    )
    return Tool("calc", "LibreOffice Calc", "files", steps, (Snippet("address", at.address("files/bi_items.csv")),))


def _curl(at: Place) -> Tool:
    header = f"-H 'Authorization: Bearer {KEY}' " if at.keyed else ""
    text = f"curl -sS {header}'{at.root}v1/pillars'\ncurl -sS {header}'{at.root}files/bi_items.jsonl' -o bi_items.jsonl"
    return Tool("curl", "A shell", "REST", ("docs/rest.md tells what can be asked.",), (Snippet("shell", text),))


def _calendar(at: Place) -> Tool:
    steps = (*at.note(IN_URL), "Subscribe to this address in Outlook, Google Calendar, Apple Calendar or Thunderbird.")
    return Tool("calendar", "Calendars", "iCalendar", steps, (Snippet("address", at.address("feeds/plan.ics")),))


WAYS: tuple[Callable[[Place], Tool], ...] = (
    _power_bi, _excel, _tableau, _sheets, _looker, _grafana, _metabase, _pandas, _polars, _duckdb, _shillelagh, _calc, _curl, _calendar,
)  # fmt: skip
