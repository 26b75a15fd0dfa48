"""What `sightline doctor` asks a Salesforce: credential, rights, fields, scopes, quota and clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from connectors.contract import AccessDenied, Finding, SourceError, SourceUnavailable
from connectors.salesforce.errors import Incomplete, usage

if TYPE_CHECKING:
    from connectors.salesforce.client import SalesforceConnector


def examine(org: SalesforceConnector) -> Sequence[Finding]:
    """Each check in one sentence; stops at the first that leaves nothing to ask. Never raises."""
    found: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            found.append(Finding(name, True, check(org)))
        except Incomplete as reason:
            found.append(Finding(name, False, f"{reason}: ask again"))
        except SourceError as error:
            found.append(Finding(name, False, " - ".join(filter(None, [str(error), error.hint]))))
            if isinstance(error, AccessDenied | SourceUnavailable):
                break
    return found


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
    server = org.wire.server_time
    if server is None:
        return "the server tells no time"
    skew = abs((datetime.now(UTC) - server).total_seconds())
    if skew > 60:
        raise SourceError(f"this machine's clock and the server's differ by {skew:.0f} s", hint="set the clock by NTP")
    return f"within {skew:.0f} s of the server's"


CHECKS = {
    "credential": _credential, "rights": _rights, "fields": _fields, "scope": _scope, "rate budget": _quota, "clock": _clock,
}  # fmt: skip
