"""Salesforce over real HTTP, reached by a department file: late commits, silent changes, deletions, quotas."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from api.doctor import examine
from demo import faults
from demo.salesforce_http import SalesforceServer
from demo.salesforce_site import FieldType, Record, Report, SalesforceSite
from ledger.model import Health, Lifecycle, Presence
from tests.tracked import Department

DEPARTMENT = """\
department: sales
name: Sales
sources:
  - key: sf
    kind: salesforce
    connection:
      url: {url}
      auth: {auth}
      requests_per_second: 1000
      {connection}
    bindings:
      - key: deals
        scope: {scope}
        fields: {fields}
        scales: {scales}
"""
CLIENT = '{kind: client_credentials, client_id: 3MVG9demo, client_secret: "${TEST_TOKEN}"}'


class Org(Department):
    """An org with three stages and a confidence field, a server in front of it, and a ledger."""

    def __init__(
        self,
        folder: Path,
        *,
        auth: str = CLIENT,
        connection: str = "",
        scope: str = "{object: Opportunity}",
        fields: str = "{confidence: {id: Confidence__c}, depends_on: {id: NextStep}}",
        scales: str = "{confidence: confidence_1_10}",
        **server: Any,
    ) -> None:
        self.ahead = timedelta()
        self.site = SalesforceSite(clock=lambda: datetime.now(UTC) + self.ahead)
        self.site.stage("Open", probability=10, forecast="Pipeline")
        self.site.stage("Active", closed=True, won=True, probability=60, forecast="Closed")
        self.site.stage("Verloren", closed=True, probability=0, forecast="Omitted")
        self.site.custom_field("Opportunity", FieldType("Confidence__c", "Confidence", "double"), tracked=True)
        self.omar = self.site.user("Omar Reyes", "omar@acme.example")
        self.server = SalesforceServer(self.site, **server).__enter__()
        self.shape = {"auth": auth, "connection": connection, "fields": fields, "scales": scales}
        super().__init__(folder, self.written(scope))

    def written(self, scope: str = "{object: Opportunity}", **shape: str) -> str:
        return DEPARTMENT.format(url=self.server.url, scope=scope, **{**self.shape, **shape})

    def deal(self, name: str = "Deal", *, hours: float = 5, **more: Any) -> Record:
        at = datetime.now(UTC) - timedelta(hours=hours)
        values = {"StageName": "Open", "CloseDate": date(2027, 1, 31), "OwnerId": self.omar.id} | more
        return self.site.create("Opportunity", self.omar, at=at, Name=name, **values)

    def close(self) -> None:
        super().close()
        self.server.__exit__()


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Org]]:
    monkeypatch.setenv("TEST_TOKEN", "demo-sales-secret")
    made: list[Org] = []

    def build(**more: Any) -> Org:
        made.append(Org(tmp_path, **more))
        return made[-1]

    yield build
    for org in made:
        org.close()


# -- signing in ------------------------------------------------------------------------------------------------------------


def test_client_credentials_and_the_newest_version_that_both_know(make: Callable[..., Org]) -> None:
    """The org offers 68.0, which this connector has not seen yet."""
    org = make()
    org.deal()
    assert org.sync().state == "complete"
    asked = org.server.faults.count("/services/data/v67.0/")
    assert asked == org.server.faults.count("/services/data/v") > 3


def test_a_certificate_a_refresh_token_and_a_given_session(
    make: Callable[..., Org], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    monkeypatch.setenv("TEST_KEY", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    monkeypatch.setenv("TEST_REFRESH", "demo-refresh-token")
    org = make()
    org.server.public_key = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    org.server.tokens.add("a-given-session")
    monkeypatch.setenv("TEST_SESSION", "a-given-session")
    org.deal()
    for auth in (
        '{kind: jwt, client_id: 3MVG9demo, username: sightline@northwind.example, private_key: "${TEST_KEY}"}',
        '{kind: refresh_token, client_id: 3MVG9demo, refresh_token: "${TEST_REFRESH}"}',
        '{kind: session, session_id: "${TEST_SESSION}"}',
    ):
        org.write(org.written(auth=auth))
        assert org.sync(full=True).state == "complete", auth


def test_an_expired_session_is_renewed_once(make: Callable[..., Org]) -> None:
    org = make(batch=2)
    for n in range(5):
        org.deal(f"Deal {n}")
    org.server.faults.add("query/01g", faults.status(401, b'[{"errorCode":"INVALID_SESSION_ID","message":"x"}]'))
    assert org.sync().state == "complete"
    assert org.server.logins == 2


def test_an_address_that_makes_no_tokens_says_what_to_write(make: Callable[..., Org]) -> None:
    """An org that moved answers its old address with a page."""
    org = make()
    org.server.faults.add("/services/oauth2/token", faults.status(404, b"<html>URL No Longer Exists</html>"), times=9)
    outcome = org.sync()
    assert "no token endpoint answers at" in outcome.reason
    assert "the org's My Domain as url" in outcome.hint


@pytest.mark.parametrize(("times", "state"), [(1, "complete"), (9, "failed")])
def test_a_busy_org_is_asked_again_and_not_for_ever(make: Callable[..., Org], times: int, state: str) -> None:
    """QUERY_TIMEOUT comes as 400: each try costs a request of the org's day."""
    org = make()
    org.deal()
    refusal = b'[{"errorCode":"QUERY_TIMEOUT","message":"Your query request was running for too long."}]'
    org.server.faults.add("/describe", faults.status(400, refusal), times=times)
    outcome = org.sync()
    assert outcome.state == state
    assert org.server.faults.count("/describe") == min(times + 1, 3)


def test_a_wrong_secret_says_who_does_what(make: Callable[..., Org], monkeypatch: pytest.MonkeyPatch) -> None:
    org = make()
    monkeypatch.setenv("TEST_TOKEN", "not-this-one")
    outcome = org.sync()
    assert outcome.state == "failed"
    assert "makes no access token: invalid client credentials (invalid_client)" in outcome.reason
    assert "copy client_id and client_secret" in outcome.hint
    assert "not-this-one" not in outcome.reason + outcome.hint


# -- reading ---------------------------------------------------------------------------------------------------------------


def test_stages_are_read_by_their_flags_never_by_their_names(make: Callable[..., Org]) -> None:
    """A real org calls closed-won "Active"."""
    org = make()
    made = [org.deal(s, StageName=s, Confidence__c=c) for s, c in (("Open", 3.0), ("Active", 9.0), ("Verloren", None))]
    org.sync()
    told = org.present()
    assert [told[d.id].item.lifecycle for d in made] == [
        Lifecycle.IN_PROGRESS, Lifecycle.DONE, Lifecycle.CANCELLED,
    ]  # fmt: skip
    first = told[made[0].id].item
    assert (first.reported_health, first.confidence) == (Health.OFF_TRACK, pytest.approx(2 / 9))
    assert (first.due_on, first.owner_name, first.url) == (
        date(2027, 1, 31), "Omar Reyes", f"{org.server.url}/{made[0].id}",
    )  # fmt: skip


@pytest.mark.parametrize("value", [0.0, 11.0, -3.0])
def test_a_number_off_the_scale_is_unknown_not_clamped(make: Callable[..., Org], value: float) -> None:
    org = make()
    deal = org.deal(Confidence__c=value)
    org.sync()
    item = org.present()[deal.id].item
    assert (item.reported_health, item.confidence) == (Health.UNKNOWN, None)
    word = item.word("confidence")
    assert word is not None
    assert "outside 1 to 10" in word.finding


def test_a_stages_own_probability_is_nobodys_judgement(make: Callable[..., Org]) -> None:
    org = make(fields="{confidence: {id: Probability}}", scales="{confidence: percent}")
    judged, default = org.deal("Judged", Probability=85.0), org.deal("Default")
    org.sync()
    told = org.present()
    assert (told[judged.id].item.reported_health, told[judged.id].item.health_assumed) == (Health.ON_TRACK, False)
    assert (told[default.id].item.reported_health, told[default.id].item.health_assumed) == (Health.OFF_TRACK, True)


def test_a_custom_object_with_its_own_list_and_people(make: Callable[..., Org]) -> None:
    org = make(
        scope="{object: Goal__c}",
        fields="{lifecycle: State__c, owner: {id: OwnerId}, title: {id: Name}}",
        scales="{lifecycle: {Läuft: in_progress}}",
    )
    org.site.table("Goal__c", "Goal", "a01", FieldType("State__c", "State", "picklist"),
                   FieldType("OwnerId", "Owner ID", "reference", ("Group", "User")))  # fmt: skip
    goal = org.site.create("Goal__c", org.omar, Name="G-1", State__c="Läuft", OwnerId=org.omar.id)
    other = org.site.create("Goal__c", org.omar, Name="G-2", State__c="Neu", OwnerId=org.omar.id)
    assert org.sync().state == "complete"
    assert org.present()[goal.id].item.lifecycle is Lifecycle.IN_PROGRESS
    assert org.present()[other.id].item.lifecycle is Lifecycle.UNKNOWN
    assert [e.raw for e in org.ledger.inbox()] == ["Neu"]


def test_many_rows_and_long_selects_come_whole(make: Callable[..., Org]) -> None:
    """More fields than fit into one address: two SELECTs per page, merged by Id."""
    names = [f"A_rather_long_name_of_a_field_number_{n:03d}__c" for n in range(330)]
    fields = ", ".join(f"extra{n}: {{id: {name}}}" for n, name in enumerate(names))
    org = make(fields=f"{{confidence: {{id: Confidence__c}}, {fields}}}", batch=200)
    for name in names:
        org.site.custom_field("Opportunity", FieldType(name, name, "string"))
    deals = [org.deal(f"Deal {n}", **{names[-1]: f"last {n}"}) for n in range(500)]
    outcome = org.sync()
    assert (outcome.state, outcome.counts.new) == ("complete", 500)
    raw = org.ledger.raw(f"sf:{deals[7].id}", org.present()[deals[7].id].raw_hash)
    assert raw is not None
    assert json.loads(raw)["fields"]["extra329"] == [{"value": "last 7"}]


def test_two_thousand_rows_one_stamp(make: Callable[..., Org]) -> None:
    org = make(batch=200)
    at = datetime.now(UTC) - timedelta(hours=1)
    for n in range(700):
        org.site.create("Opportunity", org.omar, at=at, Name=f"D{n}", StageName="Open", OwnerId=org.omar.id)
    org.sync()
    for record in list(org.site.tables["Opportunity"].rows.values()):
        org.site.edit(record, org.omar, StageName="Active")
    outcome = org.sync()
    assert (outcome.counts.changed, {k.item.lifecycle for k in org.present().values()}) == (700, {Lifecycle.DONE})


# -- change ----------------------------------------------------------------------------------------------------------------


def test_a_row_that_is_committed_late_is_not_lost(make: Callable[..., Org]) -> None:
    """A long transaction shows its rows minutes after their stamp."""
    org = make()
    org.deal("On time")
    org.sync()
    now = datetime.now(UTC)
    late = org.site.create(
        "Opportunity", org.omar, at=now - timedelta(minutes=6), seen=now + timedelta(minutes=1),
        Name="Late", StageName="Open", OwnerId=org.omar.id,
    )  # fmt: skip
    org.sync()
    assert late.id not in org.present()
    org.ahead = timedelta(minutes=2)
    org.sync()
    assert late.id in org.present()


def test_a_formula_is_found_by_the_daily_reread(make: Callable[..., Org]) -> None:
    org = make(fields="{health: {id: Ampel__c}}", scales="{health: {gut: on_track, rot: off_track}}")
    org.site.custom_field("Opportunity", FieldType("Ampel__c", "Ampel", "string", calculated=True))
    deal = org.deal(Ampel__c="gut")
    org.sync()
    org.site.recalculate(deal, Ampel__c="rot")
    org.sync()
    assert org.present()[deal.id].item.reported_health is Health.ON_TRACK
    with org.ledger.engine.begin() as c:  # a day later
        (cursor,) = c.exec_driver_sql("select cursor from binding_state").one()
        old = {**json.loads(cursor), "reread": json.loads(cursor)["reread"] - 90_000_000}
        c.exec_driver_sql("update binding_state set cursor = ?", (json.dumps(old),))
    org.sync()
    assert org.present()[deal.id].item.reported_health is Health.OFF_TRACK


def test_an_unchanged_org_costs_five_requests(make: Callable[..., Org]) -> None:
    """Token, versions, stages, describe, and one query of what was stamped since."""
    org = make()
    org.deal(hours=30)
    org.sync()
    again = org.sync()
    assert (again.requests, again.counts.seen) == (5, 0)


def test_both_histories_become_dated_versions_once(make: Callable[..., Org]) -> None:
    org = make()
    deal = org.deal(hours=100)
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=50)
    org.site.edit(deal, org.omar, at=then, StageName="Active")
    org.site.edit(deal, org.omar, at=then + timedelta(hours=20), StageName="Open", Confidence__c=8.0)
    org.sync()
    versions = org.ledger.history(f"sf:{deal.id}")
    assert [(v.item.lifecycle, v.item.reported_health) for v in versions] == [
        (Lifecycle.IN_PROGRESS, Health.UNKNOWN),
        (Lifecycle.DONE, Health.NOT_APPLICABLE),
        (Lifecycle.IN_PROGRESS, Health.ON_TRACK),
    ]
    assert versions[1].valid_from == then
    stages = [e for e in org.ledger.events(f"sf:{deal.id}") if e.field == "lifecycle"]
    assert [(e.before, e.after) for e in stages] == [("Open", "Active"), ("Active", "Open")]
    assert stages[0].actor_name == "Omar Reyes"


def test_histories_that_are_hidden_are_no_failure(make: Callable[..., Org]) -> None:
    org = make()
    org.deal()
    for table in ("OpportunityFieldHistory", "OpportunityHistory"):
        org.site.tables[table].visible = False
    assert org.sync().state == "complete"


# -- vanished --------------------------------------------------------------------------------------------------------------


def test_deleted_merged_purged_and_hidden_are_told_apart(make: Callable[..., Org]) -> None:
    org = make(scope="{object: Case}", fields="{lifecycle: {id: Status}}", scales="{lifecycle: {New: not_started}}")
    made = [
        org.site.create("Case", org.omar, CaseNumber=f"{n:08d}", Subject=f"S{n}", Status="New", OwnerId=org.omar.id)
        for n in range(12)
    ]
    deleted, loser, master, purged, hidden = made[:5]
    org.sync()
    org.site.delete(deleted)
    org.site.delete(loser, master=master)
    org.site.purge(purged)
    hidden.shared = False
    org.sync(census=True, at_least=9)
    told = org.all()
    assert (told[deleted.id].presence, told[loser.id].presence) == (Presence.DELETED, Presence.DELETED)
    assert f"merged into {master.id}" in told[loser.id].presence_reason
    assert told[purged.id].presence is told[hidden.id].presence is Presence.UNOBSERVED
    org.clock.ahead = timedelta(hours=25)
    hidden.shared = True
    org.sync(census=True, at_least=9)
    told = org.all()
    assert (told[purged.id].presence, told[hidden.id].presence) == (Presence.DELETED, Presence.PRESENT)


def test_what_no_longer_matches_the_condition_moved_out(make: Callable[..., Org]) -> None:
    org = make(scope="{object: Opportunity, where: \"Type = 'Expansion' AND Amount > 10\"}")
    inside, other = org.deal("In", Type="Expansion", Amount=50), org.deal("Out", Type="New", Amount=50)
    org.sync()
    assert set(org.present()) == {inside.id}
    org.site.edit(inside, org.omar, Type="New")
    org.sync(census=True)
    assert org.all()[inside.id].presence is Presence.MOVED_OUT
    assert other.id not in org.all()


def test_an_object_that_went_dark_is_lost_access(make: Callable[..., Org]) -> None:
    org = make()
    org.deal()
    org.sync()
    org.site.tables["Opportunity"].visible = False
    outcome = org.sync(census=True)
    assert outcome.state == "failed"
    assert "is not visible to this credential" in outcome.reason
    assert {k.presence for k in org.all().values()} == {Presence.ACCESS_LOST}


def test_a_field_that_is_hidden_is_named_and_the_rest_is_read(make: Callable[..., Org]) -> None:
    """One hidden field would fail the whole query."""
    org = make()
    org.deal(Confidence__c=8.0)
    org.site.secure("Opportunity", "Confidence__c", visible=False)
    outcome = org.sync()
    assert (outcome.state, outcome.counts.new) == ("complete", 1)
    assert any("no field 'Confidence__c', read as confidence" in n and "d0.yaml" in n for n in outcome.notes)


# -- figures and reports ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aggregate", "expected"),
    [("{function: count, where: IsWon = TRUE}", 2), ("{function: sum, field: Amount, where: IsWon = TRUE}", 70)],
)
def test_a_figure_over_an_object_is_one_record(make: Callable[..., Org], aggregate: str, expected: int) -> None:
    """Three new enterprise accounts in DACH, as a key result's current value."""
    scope = "{object: Opportunity, where: \"Type = 'Enterprise'\", aggregate: " + aggregate + "}"
    org = make(scope=scope, fields="{}", scales="{}")
    for amount, kind in ((30, "Enterprise"), (40, "Enterprise"), (99, "Small")):
        org.deal(Type=kind, Amount=amount, StageName="Active")
    org.deal(Type="Enterprise", Amount=7)
    outcome = org.sync()
    assert (outcome.state, list(org.present())) == ("complete", ["deals"])
    raw = org.ledger.raw("sf:deals", org.present()["deals"].raw_hash)
    assert raw is not None
    assert json.loads(raw)["fields"]["current_value"] == [{"value": expected}]
    assert org.sync().counts.changed == 0


REPORT = "00OHs0000000001MAA"


def report(org: Org) -> None:
    columns = {"OPPORTUNITY_NAME": "Name", "STAGE_NAME": "StageName", "CLOSE_DATE": "CloseDate", "AMOUNT": "Amount"}
    org.site.reports["R"] = Report(REPORT, "Pipeline DACH", "Opportunity", columns)


def test_a_saved_report_is_read_row_by_row(make: Callable[..., Org]) -> None:
    org = make(scope=f"{{report: {REPORT}}}", fields="{amount: {name: Amount}}", scales="{}")
    report(org)
    deal = org.deal("Clinic", StageName="Active", Amount=5)
    assert org.sync().state == "complete"
    item = org.present()[deal.id].item
    assert (item.title, item.lifecycle, item.due_on) == ("Clinic", Lifecycle.DONE, date(2027, 1, 31))


def test_a_report_beyond_2000_rows_is_incomplete(make: Callable[..., Org]) -> None:
    org = make(scope=f"{{report: {REPORT}}}", fields="{}", scales="{}")
    report(org)
    for n in range(2001):
        org.deal(f"D{n}")
    outcome = org.sync(census=True)
    assert outcome.state == "incomplete"
    assert "more rows than the 2,000" in outcome.reason


# -- quota and faults ------------------------------------------------------------------------------------------------------


def test_used_up_quota_is_a_pause_not_a_missing_right(make: Callable[..., Org]) -> None:
    org = make()
    org.deal()
    org.sync()
    org.server.used = org.server.allowed
    outcome = org.sync()
    assert outcome.state == "paused"
    assert "API requests are used up" in outcome.reason
    before = org.server.faults.count()
    assert org.sync().state == "paused"
    assert org.server.faults.count() == before


def test_a_share_of_the_orgs_quota_is_never_exceeded(make: Callable[..., Org]) -> None:
    org = make(allowed=1000, connection="max_org_percent: 50")
    org.deal()
    org.server.used = 505
    outcome = org.sync()
    assert outcome.state == "paused"
    assert "more than the 50 %" in outcome.reason
    assert org.server.used <= 507


@pytest.mark.parametrize("code", [500, 503])
def test_reads_are_repeated(make: Callable[..., Org], code: int) -> None:
    org = make()
    org.deal()
    org.server.faults.add("query", faults.status(code), times=2)
    assert org.sync().state == "complete"


def test_a_lost_locator_goes_on_after_the_last_row(make: Callable[..., Org]) -> None:
    org = make(batch=100)
    for n in range(450):
        org.deal(f"D{n}")
    refusal = b'[{"errorCode":"INVALID_QUERY_LOCATOR","message":"invalid query locator"}]'
    org.server.faults.add("query/01g", faults.status(400, refusal), after=1)
    outcome = org.sync()
    assert (outcome.state, len(org.present())) == ("complete", 450)


def test_fewer_rows_than_promised_are_incomplete(make: Callable[..., Org]) -> None:
    org = make()
    org.deal()
    body = json.dumps({"totalSize": 9, "done": True, "records": []}).encode()
    org.server.faults.add("/query", faults.answered(body), after=1)
    outcome = org.sync()
    assert outcome.state == "incomplete"
    assert "promised 9 rows and sent 0" in outcome.reason


def test_a_condition_that_salesforce_refuses_is_told_with_its_line(make: Callable[..., Org]) -> None:
    org = make(scope='{object: Opportunity, where: "Nope__c = 1"}')
    org.deal()
    outcome = org.sync()
    assert outcome.state == "failed"
    assert "No such column 'Nope__c'" in outcome.reason
    assert "d0.yaml" in outcome.hint
    assert any(f.check == "scope" and not f.ok for f in examine(org.configuration(), "sqlite:///:memory:"))


def test_doctor_finds_everything_well(make: Callable[..., Org]) -> None:
    org = make()
    org.deal()
    org.sync()
    found = {f.check: f for f in examine(org.configuration(), f"sqlite:///{org.folder.parent}/l.db")}
    assert all(f.ok for f in found.values()), found
    assert "daily API requests of the org are used" in found["rate budget"].says
