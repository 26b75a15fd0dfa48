"""Where a source's traffic may go: only to its configured hosts, and only to addresses those may have.

The check sits on `socket.connect` (a Python audit hook), so it sees the address that is really used: DNS rebinding and odd
spellings of an address are covered alike. It is active only in a thread that is sending for a source. Its limits: name
look-ups themselves, clients in C with sockets of their own, and what a configured proxy does behind our back.
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_sending = threading.local()
_installed = threading.Event()


class Forbidden(OSError):
    """A connection to an address that this source may not reach. An OSError, so that libraries close their socket."""


class _Rule:
    def __init__(self, literals: frozenset[Address], private_network: bool) -> None:
        self.literals, self.private_network = literals, private_network
        self.refused: Address | None = None


def literal(host: str) -> Address | None:
    """The address that a configured host literally is, or None for a name."""
    if host == "localhost":
        return ipaddress.ip_address("127.0.0.1")
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def permitted(address: Address, *, literals: frozenset[Address], private_network: bool) -> bool:
    """Whether a source whose configured hosts are literally `literals` may connect to `address`."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False  # cloud metadata services live on link-local addresses
    if address.is_loopback:
        return any(known.is_loopback for known in literals)
    if address.is_global:
        return True
    return private_network or address in literals


@contextmanager
def guarded(literals: frozenset[Address], *, private_network: bool) -> Iterator[None]:
    """Within it, this thread's connections go only where `permitted` says.

    Raises:
        Forbidden: at the attempt, before a byte is sent.
    """
    if not _installed.is_set():
        _installed.set()
        sys.addaudithook(_watch)
    before = getattr(_sending, "rule", None)
    _sending.rule = rule = _Rule(literals, private_network)
    try:
        yield
    except Exception as error:
        if rule.refused is None:
            raise
        raise Forbidden(str(rule.refused)) from error  # whatever the library made of it
    finally:
        _sending.rule = before


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    rule = getattr(_sending, "rule", None)
    if rule is None or not isinstance(args[1], tuple):
        return
    address = ipaddress.ip_address(str(args[1][0]).split("%")[0])
    if not permitted(address, literals=rule.literals, private_network=rule.private_network):
        rule.refused = address
        raise Forbidden(str(address))
