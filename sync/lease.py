"""The right to write a source, by machine and process: taken over at once from a process of this machine that is dead."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ledger.store import Lease, LeaseHeld, Ledger


def holder() -> str:
    """Who takes a lease: machine, process, and a mark that no later process of that number has."""
    return f"{socket.gethostname()}:{os.getpid()}:{_born(os.getpid())}"


def _born(pid: int) -> str:
    """When a process of this machine began, as far as the machine tells; "" for one that is not there."""
    try:
        os.kill(pid, 0)
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if words[0] == "Z" else words[19]
    except ProcessLookupError:
        return ""
    except OSError:
        return "alive"


def take_lease(ledger: Ledger, source: str) -> Lease:
    """The right to write a source; taken over at once from a process of this machine that is dead."""
    try:
        return ledger.lease(source, holder())
    except LeaseHeld as held:
        machine, _, process = held.holder.rpartition(":")[0].rpartition(":")
        born = held.holder.rpartition(":")[2]
        if machine != socket.gethostname() or not process.isdigit() or _born(int(process)) == born:
            raise
        return ledger.lease(source, holder(), instead_of=held.holder)
