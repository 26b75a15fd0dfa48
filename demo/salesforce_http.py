"""Salesforce's REST API in front of a SalesforceSite, with the documented traps: see connectors/salesforce/README.md."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs

import jwt

from demo.loopback import Loopback, Reply, Request
from demo.salesforce_site import FieldType, Report, SalesforceSite, Table
from demo.soql import Query, SoqlError, parse

VERSIONS = ("31.0", "59.0", "65.0", "66.0", "67.0", "68.0")
LONGEST_ADDRESS = 16_384
REPORT_ROWS = 2000
RETIRED = "UNSUPPORTED_API_VERSION"


class Answer(Exception):
    """A status other than 200, in the form of Salesforce's API or of its token endpoint."""

    def __init__(self, status: int, code: str, message: str, *, oauth: bool = False) -> None:
        super().__init__(message)
        self.status, self.code, self.oauth = status, code, oauth

    def body(self) -> Any:
        """What is answered."""
        if self.oauth:
            return {"error": self.code, "error_description": str(self)}
        return [{"message": str(self), "errorCode": self.code}]


class SalesforceServer(Loopback):
    """A site on a loopback port. `batch` is how many rows a page has; `used` of `allowed` daily requests are counted."""

    content_type = "application/json;charset=UTF-8"

    def __init__(
        self,
        site: SalesforceSite,
        *,
        client_id: str = "3MVG9demo",
        client_secret: str = "demo-sales-secret",
        batch: int = 2000,
        allowed: int = 100_000,
    ) -> None:
        self.site, self.client_id, self.client_secret, self.batch = site, client_id, client_secret, batch
        self.allowed, self.used = allowed, 0
        super().__init__()
        self.public_key: str | None = None
        """PEM of the key by which JWT assertions are checked."""
        self.username = "sightline@northwind.example"
        self.refresh_tokens = {"demo-refresh-token"}
        self.tokens: set[str] = set()
        self.logins = 0
        self.locators: dict[str, tuple[Query, list[str], bool]] = {}

    def now(self) -> datetime:
        return self.site.clock()

    def reply(self, request: Request) -> Reply:
        params = {k: v[0] for k, v in parse_qs(request.query).items()}
        form = {k: v[0] for k, v in parse_qs(request.body.decode()).items()}
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            if len(request.target) > LONGEST_ADDRESS:
                raise Answer(414, "URI_TOO_LONG", "URI Too Long")
            status, told = 200, self.answer(request.method, request.path, params, form, bearer)
        except Answer as refused:
            status, told = refused.status, refused.body()
        limits = {"Sforce-Limit-Info": f"api-usage={self.used}/{self.allowed}"}
        body = json.dumps(told, ensure_ascii=False).encode()
        return Reply(status, body, limits if "/services/data/v" in request.path else {})

    def expire(self) -> None:
        """Every access token ends, as after the session timeout."""
        self.tokens.clear()

    # -- answers ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, params: Mapping[str, str], form: Mapping[str, str], bearer: str) -> Any:
        """The body of a 200; raises Answer for the rest."""
        if path == "/services/oauth2/token":
            if method != "POST":
                raise Answer(405, "invalid_request", "must use HTTP POST", oauth=True)
            return self.token(form)
        if path.rstrip("/") == "/services/data":
            return [{"label": f"v{v}", "url": f"/services/data/v{v}", "version": v} for v in VERSIONS]
        if bearer not in self.tokens:
            raise Answer(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if self.used >= self.allowed:
            raise Answer(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.used += 1
        parts = path.strip("/").split("/")
        version = parts[2].removeprefix("v") if len(parts) > 2 and parts[:2] == ["services", "data"] else ""
        if version not in VERSIONS:
            retired = version.partition(".")[0].isdigit() and int(version.partition(".")[0]) < 31
            raise Answer(410, RETIRED, "API version is retired") if retired else _missing()
        with self.site.lock:
            return Api(self, version).route(parts[3:], params)

    def token(self, form: Mapping[str, str]) -> Any:
        """An access token for one of the flows."""
        if form.get("client_id", self.client_id) != self.client_id:
            raise Answer(400, "invalid_client_id", "client identifier invalid", oauth=True)
        flow = form.get("grant_type")
        if flow == "client_credentials" and form.get("client_secret") != self.client_secret:
            raise Answer(400, "invalid_client", "invalid client credentials", oauth=True)
        if flow == "refresh_token" and form.get("refresh_token") not in self.refresh_tokens:
            raise Answer(400, "invalid_grant", "expired access/refresh token", oauth=True)
        if flow == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            self._assertion(form.get("assertion", ""))
        elif flow not in ("client_credentials", "refresh_token"):
            raise Answer(400, "unsupported_grant_type", "grant type not supported", oauth=True)
        self.logins += 1
        made = f"00DHs0000000001!demo.{self.logins}.{time.time_ns()}"
        self.tokens.add(made)
        return {
            "access_token": made, "signature": "c2lnbmF0dXJl", "scope": "api", "instance_url": self.url,
            "id": f"{self.url}/id/00DHs0000000001MAA/005Hs0000000000", "token_type": "Bearer",
            "issued_at": str(int(time.time() * 1000)),
        }  # fmt: skip

    def _assertion(self, text: str) -> None:
        try:
            audience = ["https://login.salesforce.com", "https://test.salesforce.com", self.url]
            claims = jwt.decode(text, self.public_key or "", algorithms=["RS256"], audience=audience)
        except jwt.PyJWTError:
            raise Answer(400, "invalid_grant", "invalid assertion", oauth=True) from None
        if claims.get("iss") != self.client_id or claims.get("sub") != self.username:
            raise Answer(400, "invalid_grant", "user hasn't approved this consumer", oauth=True)


class Api:
    """One question."""

    def __init__(self, server: SalesforceServer, version: str) -> None:
        self.server, self.site, self.version = server, server.site, version
        self.base = f"/services/data/v{version}"

    def route(self, path: list[str], params: Mapping[str, str]) -> Any:
        match path:
            case ["query" | "queryAll" as door]:
                return self.query(params.get("q", ""), deleted=door == "queryAll")
            case ["query" | "queryAll", locator]:
                return self.more(locator)
            case ["sobjects"]:
                tables = [self.summary(t) for t in self.site.tables.values() if t.visible]
                return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": tables}
            case ["sobjects", name, "describe"]:
                return self.describe(self.table(name))
            case ["limits"]:
                left = self.server.allowed - self.server.used
                return {"DailyApiRequests": {"Max": self.server.allowed, "Remaining": left}}
            case ["analytics", "reports", ref]:
                return self.report(ref)
            case ["analytics", "reports", ref, "describe"]:
                return {k: v for k, v in self.report(ref).items() if k.startswith("report")}
        raise _missing()

    # -- objects ---------------------------------------------------------------------------------------------------

    def table(self, name: str) -> Table:
        found = next((t for t in self.site.tables.values() if t.name.casefold() == name.casefold()), None)
        if found is None or not found.visible:
            raise _missing()
        return found

    def types(self, name: str) -> Mapping[str, str]:
        """An object's fields for SOQL; those of a related record as paths."""
        try:
            fields = self.table(name).fields.values()
        except Answer:
            raise SoqlError(
                "INVALID_TYPE",
                f"\nSELECT Id FROM {name}\n               ^\nERROR at Row:1:Column:16\nsObject type '{name}' is not supported. "
                "If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please "
                "reference your WSDL or the describe call for the appropriate names.",
            ) from None
        return {f.name: f.type for f in fields if f.visible}

    def summary(self, table: Table) -> dict[str, Any]:
        return {
            "name": table.name, "label": table.label, "labelPlural": table.label + "s", "keyPrefix": table.prefix,
            "custom": table.name.endswith("__c"), "queryable": True, "retrieveable": True, "replicateable": True,
            "searchable": True, "updateable": False, "createable": False, "deletable": False, "customSetting": False,
            "deprecatedAndHidden": False,
            "urls": {"sobject": f"{self.base}/sobjects/{table.name}",
                     "describe": f"{self.base}/sobjects/{table.name}/describe"},
        }  # fmt: skip

    def describe(self, table: Table) -> dict[str, Any]:
        fields = [self.field(f) for f in table.fields.values() if f.visible]
        return {**self.summary(table), "fields": fields, "childRelationships": [], "recordTypeInfos": []}

    def field(self, entry: FieldType) -> dict[str, Any]:
        options = []
        if entry.name == "StageName":
            options = [
                {"active": s.active, "defaultValue": False, "label": s.label, "validFor": None, "value": s.name}
                for s in self.site.stages.values()
            ]
        reference = entry.type == "reference"
        relation = entry.name.replace("__c", "__r") if entry.name.endswith("__c") else entry.name.removesuffix("Id")
        return {
            "name": entry.name, "label": entry.label, "type": entry.type, "custom": entry.name.endswith("__c"),
            "calculated": entry.calculated, "nameField": entry.name_field, "referenceTo": list(entry.refers),
            "relationshipName": relation if reference else None, "relationshipOrder": 0 if entry.master else None,
            "picklistValues": options, "filterable": True, "sortable": True, "nillable": not entry.name_field,
            "length": 18 if reference or entry.type == "id" else 0, "updateable": False, "createable": False,
        }  # fmt: skip

    # -- queries ---------------------------------------------------------------------------------------------------

    def query(self, text: str, *, deleted: bool) -> Any:
        try:
            query = parse(text, types=self.types, now=self.site.clock())
        except SoqlError as error:
            raise Answer(400, error.code, str(error)) from None
        table = self.table(query.table).name
        found = query.run(self.site.rows(table, deleted=deleted))
        if query.figure is not None:
            return self.figure(query, found)
        return self.page(query, [str(row["Id"]) for row in found], deleted, 0, "")

    def figure(self, query: Query, found: list[Any]) -> Any:
        figure = query.figure
        assert figure is not None
        if not figure.field:
            return {"totalSize": len(found), "done": True, "records": []}
        values = [row[figure.field] for row in found if row.get(figure.field) is not None]
        told = len(values) if figure.function == "count" else sum(values) if values else None
        row = {"attributes": {"type": "AggregateResult"}, figure.alias: told}
        return {"totalSize": 1, "done": True, "records": [row]}

    def more(self, locator: str) -> Any:
        name, _, start = locator.rpartition("-")
        if name not in self.server.locators or not start.isdigit():
            raise Answer(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        query, ids, deleted = self.server.locators[name]
        return self.page(query, ids, deleted, int(start), name)

    def page(self, query: Query, ids: list[str], deleted: bool, start: int, locator: str) -> Any:
        """One page of a query: which rows was decided at its start, what they say is as of now."""
        end = start + self.server.batch
        answer: dict[str, Any] = {"totalSize": len(ids), "done": end >= len(ids)}
        if not answer["done"]:
            locator = locator or f"01gHs00000{len(self.server.locators):05d}"
            self.server.locators[locator] = (query, ids, deleted)
            answer["nextRecordsUrl"] = f"{self.base}/query/{locator}-{end}"  # "query", also for queryAll
        now = self.site.clock()
        rows = self.site.tables[self.table(query.table).name].rows
        current = [(ref, rows[ref].values(now)) for ref in ids[start:end] if ref in rows]
        answer["records"] = [self.row(query, ref, values) for ref, values in current if values is not None]
        return answer

    def row(self, query: Query, ref: str, values: Mapping[str, Any]) -> dict[str, Any]:
        table = self.table(query.table).name
        attributes = {"type": table, "url": f"{self.base}/sobjects/{table}/{ref}"}
        return {"attributes": attributes} | {name: shown(values.get(name)) for name in query.fields}

    # -- reports ---------------------------------------------------------------------------------------------------

    def report(self, ref: str) -> dict[str, Any]:
        """A report with its details: 2,000 rows at most, and `allData` says whether those are all."""
        report = next((r for r in self.site.reports.values() if r.id[:15] == ref[:15]), None)
        if report is None:
            raise _missing()
        where = f" WHERE {report.where}" if report.where else ""
        query = parse(f"SELECT Id FROM {report.table}{where}", types=self.types, now=self.site.clock())  # noqa: S608
        found = query.run(self.site.rows(report.table))
        shown_rows = found[:REPORT_ROWS]
        facts: dict[str, Any] = {"T!T": {"aggregates": [{"label": str(len(found)), "value": len(found)}], "rows": []}}
        groups = sorted({str(row.get(report.group)) for row in shown_rows}) if report.group else []
        for row in shown_rows:
            key = f"{groups.index(str(row.get(report.group)))}!T" if report.group else "T!T"
            fact = facts.setdefault(key, {"aggregates": [], "rows": []})
            fact["rows"].append({"dataCells": [self.cell(report, row, f) for f in report.columns.values()]})
        fields = self.site.tables[report.table].fields
        info = {c: {"dataType": fields[f].type, "label": fields[f].label} for c, f in report.columns.items()}
        return {
            "allData": len(found) <= REPORT_ROWS,
            "hasDetailRows": True,
            "factMap": facts,
            "attributes": {"reportId": report.id, "reportName": report.name, "type": "Report"},
            "reportMetadata": {
                "id": report.id, "name": report.name, "detailColumns": list(report.columns),
                "reportFormat": "SUMMARY" if report.group else "TABULAR", "reportType": {"type": report.table},
            },
            "reportExtendedMetadata": {"detailColumnInfo": info},
        }  # fmt: skip

    def cell(self, report: Report, row: Mapping[str, Any], name: str) -> dict[str, Any]:
        value = row.get(name)
        if self.site.tables[report.table].fields[name].name_field:
            return {"label": str(value), "value": row["Id"]}
        if name == "Amount":
            return {
                "label": f"EUR {value}",
                "value": {"amount": value, "currency": "EUR"} if value is not None else None,
            }
        if name == "OwnerId":
            owner = self.site.tables["User"].rows.get(str(value))
            return {"label": owner.commits[-1][1]["Name"] if owner else "-", "value": value}
        return {"label": "-" if value is None else str(shown(value)), "value": shown(value)}


def shown(value: Any) -> Any:
    """2026-11-20T09:00:00.000+0000, and days as 2026-11-20."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000+0000"
    return value.isoformat() if isinstance(value, date) else value


def _missing() -> Answer:
    return Answer(404, "NOT_FOUND", "The requested resource does not exist")
