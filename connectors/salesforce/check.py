"""What `sightline doctor` asks a Salesforce: credential, rights, fields, scopes, quota and clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from connectors.contract import Finding, SourceError
from connectors.findings import asked, clock
from connectors.salesforce.errors import Incomplete, usage

if TYPE_CHECKING:
    from connectors.salesforce.client import SalesforceConnector


def examine(org: SalesforceConnector) -> Sequence[Finding]:
    """Each check in one sentence. Never raises."""
    return asked(org, {name: partial(_whole, check) for name, check in CHECKS.items()})


def _whole(check: Callable[[SalesforceConnector], str], org: SalesforceConnector) -> str:
    """What a check says; an answer that is not whole is no answer."""
    try:
        return check(org)
    except Incomplete as reason:
        raise SourceError(f"{reason}: ask again") from None


def _credential(org: SalesforceConnector) -> str:
    version = org._org().sf_version
    org.ask("limits")
    return f"signed in at {org.connection.url} by {org.connection.auth.kind}, API version {version}"


def _rights(org: SalesforceConnector) -> str:
    answer = org.ask("sobjects")
    listed = answer.get("sobjects") if isinstance(answer, dict) else None
    readable = {str(o.get("name")) for o in listed or () if isinstance(o, dict) and o.get("queryable") is not False}
    missing = {b.scope.object for b in org.source.bindings if b.scope.object} - readable
    if missing:
        what = f"this credential does not see {', '.join(sorted(missing))}"
        raise SourceError(what, hint="give the run-as user read access to it in a permission set")
    return f"{len(readable)} objects are visible, those bound among them"


def _fields(org: SalesforceConnector) -> str:
    if drift := org.metadata().drift:
        raise SourceError("; ".join(str(d) for d in drift), hint=drift[0].hint)
    return "every mapped field exists and is shown to this credential"


def _scope(org: SalesforceConnector) -> str:
    for binding in org.source.bindings:
        org.reader(binding).try_scope()
    return f"{len(org.source.bindings)} scopes are understood"


def _quota(org: SalesforceConnector) -> str:
    told = usage(org.wire.headers)
    budget = org.wire.policy.budget
    ours = f"ours: at most {org.connection.max_org_percent:g} % of the org's, budget {budget or 'not limited'} per run"
    return f"{told[0]} of {told[1]} daily API requests of the org are used; {ours}" if told else f"none told; {ours}"


def _clock(org: SalesforceConnector) -> str:
    return clock(org.wire)


CHECKS = {
    "credential": _credential, "rights": _rights, "fields": _fields, "scope": _scope, "rate budget": _quota, "clock": _clock,
}  # fmt: skip
