"""The published tables as one reader may have them: what stands on hidden rows is retold from behind the same curtain as every answer of
/v1 about the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import BinaryIO

import msgspec

from api.curtain import WITHHELD, Curtain, decided_by
from api.kept import Keeper
from ledger.behind import Behind
from ledger.model import to_ms
from ledger.read import Reads
from ledger.served import Served
from ledger.standing import Stands
from signals.nodes import NodeStatus
from signals.veil import veiled_node
from sync.bound_plan import plan_at
from sync.closing import Pack, is_week
from sync.configuration import Configuration
from sync.standing import kept_decisive, kept_exceptions, kept_nodes, refresh, row_of, stamp_of

NODES = ("company", "pillar", "objective", "key_result", "workstream")
PLANNED = ("plan", "supports", "day")
"""Kinds of rows that tell of the plan alone, which is everybody's."""
_encode = msgspec.json.Encoder().encode
_pack = msgspec.json.Decoder(Pack).decode


def behind(ledger: Reads, configuration: Configuration, keeper: Keeper) -> Served:
    """The published tables behind a reader's veil."""
    return ledger.whole.served(Behind(ledger.veil, Retelling(ledger, configuration, keeper)))


def state_of(ledger: Reads, configuration: Configuration) -> str:
    """A word that is another one whenever a published table may tell a reader something else.

    Raises:
        LedgerError: the database does not answer.
    """
    whole = ledger.whole
    state, now = whole.state(), whole.clock()
    if ledger.veil.shown is None:
        return state
    day = configuration.calendar.day(now).isoformat()
    return f"{state} {stamp_of(configuration, plan_at(whole, configuration, now), day)}"


class Retelling:
    """The plan's rows as one reader may have them (`ledger.behind.Retold`)."""

    def __init__(self, ledger: Reads, configuration: Configuration, keeper: Keeper) -> None:
        self.ledger, self.whole, self.configuration, self.keeper = ledger, ledger.whole, configuration, keeper

    @cached_property
    def curtain(self) -> Curtain:
        refresh(self.whole, self.configuration)
        return Curtain(self.ledger, self.configuration, plan_at(self.whole, self.configuration, self.whole.clock()))

    # -- now -------------------------------------------------------------------------------------------------------

    @cached_property
    def standing(self) -> str:
        """Made once for all who see the same, until something is judged anew."""

        def make(out: BinaryIO) -> None:
            out.write(_encode([msgspec.structs.astuple(row) for row in self._standing()]))

        stood = refresh(self.whole, self.configuration)
        kept = self.keeper.get(("standing", self.ledger.veil.sight), lambda: str(stood), make)
        return kept.read(0, kept.size).decode()

    def _standing(self) -> Iterator[Stands]:
        curtain, plan = self.curtain, self.curtain.plan
        for kind in NODES:
            nodes = kept_nodes(self.whole, kind)
            shown = curtain.nodes(nodes, kept_decisive(self.whole, plan, decided_by(nodes.values())))
            yield from (row_of(kind, key, node, (), ()) for key, node in shown.items())
        opened = curtain.exceptions(kept_exceptions(self.whole))
        yield Stands("open", "company", exceptions=_json(opened) if opened else "")
        yield from (Stands("dependency", d.key, status=_json(d)) for d in plan.dependencies)
        for kind in PLANNED:
            yield from self.whole.standing(kind).values()

    # -- what was told before ----------------------------------------------------------------------------------------

    @cached_property
    def weekly_close(self) -> str:
        packs = self._newest.items()
        return _json([(w, version, to_ms(at), _json(self._week(pack))) for w, (version, at, pack) in packs])

    @cached_property
    def signal_log(self) -> str:
        logged = self.whole.logged()
        self.curtain.look_up(subject for key, *_ in logged for _, subject, _ in _ways(key))
        return _json([(key, *told, self._ask(key, said) or said) for key, *told, said in logged])

    @cached_property
    def _newest(self) -> dict[str, tuple[int, datetime, Pack]]:
        """By week, what was published last of it: version, when, and what it says."""
        last = {week: (version, at, body) for week, version, at, body in self.whole.closes() if is_week(week)}
        return {week: (version, at, _pack(body)) for week, (version, at, body) in last.items()}

    def _week(self, pack: Pack) -> Pack:
        nodes = tuple(self._node(n) for n in pack.nodes)
        checked = tuple(map(self.curtain.check_in, pack.check_ins))
        rest = {"page": None, "diagnosis": None, "decisive": ()}  # no published table tells of these
        return msgspec.structs.replace(pack, nodes=nodes, check_ins=checked, **rest)

    def _node(self, node: NodeStatus) -> NodeStatus:
        said = {node.decided_by: node.root}
        if node.accountability is not None:
            said[node.accountability.dependencies.decided_by] = node.accountability.dependencies.because
        return veiled_node(node, lambda key: self._ask(key, said[key]), measured=node.key in self.curtain.measured)

    @cached_property
    def _today(self) -> dict[str, tuple[str, str]]:
        """By key, of what is open now: (its sentence, whom to ask about it or "")."""
        rows = kept_exceptions(self.whole)
        return {
            e.key: (e.because, shown.because if shown is not e else "")
            for e, shown in zip(rows, self.curtain.exceptions(rows), strict=True)
        }

    @cached_property
    def _stood(self) -> dict[str, str]:
        """Workstreams of published weeks, with whom to ask about what they stood on; "" where all of it may be seen."""
        found: dict[str, str] = {}
        for c in (c for _, _, pack in self._newest.values() for c in pack.check_ins):
            asks = (self.ledger.veil.ask(*bound) for bound in c.stands_on)
            found[c.node] = found.get(c.node) or next(filter(None, asks), "")
        return found

    @cached_property
    def _subjects(self) -> set[str]:
        """Everything of which it is known what it stands on."""
        c = self.configuration
        return {
            *self.curtain.plan.keys,
            *self._stood,
            *(s.key for s in c.sources),
            *(d.department for d in c.departments),
        }

    @cached_property
    def _hides(self) -> bool:
        """Whether there is any row that the reader may not see."""
        return bool(self.ledger.hides())

    def _ask(self, key: str, sentence: str) -> str:
        """Whom to ask about a sentence of another day, by the key of its verdict; "" where it may be told.

        What it stood on is not kept. It is told if it is that of today, and else what its subject stands on is asked about, as of now and
        of every published week; where that does not say all that it may have stood on, it is withheld.
        """
        if not key:
            return ""
        now, ask = self._today.get(key, ("", ""))
        if now == sentence:
            return ask
        ways = _ways(key)
        told = next(filter(None, (ask for way in ways for ask in self._asks(*way))), "")
        return told or (WITHHELD if self._hides and not any(self._is_known(*way) for way in ways) else "")

    def _asks(self, signal: str, subject: str, variant: str) -> Iterator[str]:
        yield self.curtain.of(signal, subject, variant)
        yield self._stood.get(subject, "")
        promise = self.curtain.promised.get(variant)
        if signal == "dependency_stalled" and promise is not None and not promise.provider_item:
            yield self._stood.get(promise.provider, "")  # it tells of the provider's work

    def _is_known(self, signal: str, subject: str, variant: str) -> bool:
        """Whether what a sentence may have stood on is known: what only the trackers said to be waited for is not."""
        return subject in self._subjects and (not signal.startswith("dependency_") or variant in self.curtain.promised)


def _json(value: object) -> str:
    return _encode(value).decode()


def _ways(key: str) -> list[tuple[str, str, str]]:
    """Signal, subject and variant that a verdict's key may mean: a node's own key may have colons in it."""
    signal, *rest = key.split(":")
    return [(signal, ":".join(rest[:n]), ":".join(rest[n:])) for n in range(1, len(rest))]
