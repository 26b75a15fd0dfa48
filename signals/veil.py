"""Takes out of an answer what its reader may not see: outcome, severity and counts stay; words, evidence and inputs go.

`ask` is the sentence that stands in the place of what is hidden.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ledger.model import Annotation
from signals.cadence import CheckIn
from signals.catalogue import Evidence, Verdict
from signals.deciding import Followed
from signals.exceptions import NeedsDecision
from signals.headline import Accountability
from signals.nodes import NodeStatus


def veiled_verdict(v: Verdict, ask: str) -> Verdict:
    """A verdict that stands on something hidden."""
    return msgspec.structs.replace(
        v,
        because=ask if v.because else "",
        reason=ask if v.reason else "",
        evidence=(Evidence("", ask),) if v.evidence else (),
        inputs={},
    )


def veiled_exception(e: NeedsDecision, ask: str) -> NeedsDecision:
    """What needs a decision, where its verdict stands on something hidden."""
    return msgspec.structs.replace(
        e,
        because=ask,
        evidence=(Evidence("", ask),) if e.evidence else (),
        decision=veiled_decision(e.decision, ask) if e.decision else None,
        annotations=tuple(veiled_annotation(a, ask) for a in e.annotations),
    )


def veiled_decision(d: Followed, ask: str) -> Followed:
    """A decision about something hidden: that it was made stays, its note goes."""
    return msgspec.structs.replace(d, note=ask if d.note else "")


def veiled_annotation(a: Annotation, ask: str) -> Annotation:
    """What a team says beside something hidden."""
    return msgspec.structs.replace(a, text=ask)


def veiled_node(node: NodeStatus, ask_of: Callable[[str], str], *, measured: bool) -> NodeStatus:
    """A node. ask_of: whom to ask about the verdict of a key, "" where all of it may be seen. measured: how far it has come is how far
    hidden metrics have."""
    root, because, test = node.root, node.because, node.accountability
    if ask := ask_of(node.decided_by):
        root, because = ask, _instead(because, root, ask)
    if test is not None and (ask := ask_of(test.dependencies.decided_by)):
        said = test.dependencies.because
        root, because, test = _instead(root, said, ask), _instead(because, said, ask), _veiled_test(test, ask)
    shown = msgspec.structs.replace(node, root=root, because=because, accountability=test)
    if measured:
        shown = msgspec.structs.replace(shown, score=None)
        if shown.progress_kind == "outcome":
            shown = msgspec.structs.replace(shown, progress=None, progress_kind="none")
    return shown


def _veiled_test(test: Accountability, ask: str) -> Accountability:
    return msgspec.structs.replace(test, dependencies=msgspec.structs.replace(test.dependencies, because=ask))


def _instead(sentence: str, part: str, ask: str) -> str:
    """A sentence that may end in another, with that other replaced."""
    return sentence.removesuffix(part) + ask if part and sentence.endswith(part) else sentence


def veiled_check_in(c: CheckIn, ask: str) -> CheckIn:
    """A check-in that stands on something hidden."""
    return msgspec.structs.replace(
        c,
        reported_raw=ask if c.reported_raw else "",
        biggest_risk=ask if c.biggest_risk else None,
        need_from_others=ask if c.need_from_others else None,
        said_by=None,
        url="",
        stands_on=(),
    )
