"""Where a source's traffic may go (reliability.md, row 31)."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from connectors.network import Forbidden, guarded, literal, permitted

SPELLINGS = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "localhost", "127.0.0.1."]
NONE: frozenset[ipaddress.IPv4Address | ipaddress.IPv6Address] = frozenset()


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "10.0.0.8", "192.168.1.1", "127.0.0.1", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"])  # fmt: skip
def test_an_address_inside_is_refused(address: str) -> None:
    assert not permitted(ipaddress.ip_address(address), literals=NONE, private_network=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "104.192.141.1", "2606:4700::1111"])
def test_an_address_of_the_open_internet_is_allowed(address: str) -> None:
    assert permitted(ipaddress.ip_address(address), literals=NONE, private_network=False)


def test_the_own_network_is_allowed_when_it_is_said() -> None:
    """A Data Center stands in the company's own network; its configuration says so."""
    assert permitted(ipaddress.ip_address("10.0.0.8"), literals=NONE, private_network=True)
    assert not permitted(ipaddress.ip_address("169.254.169.254"), literals=NONE, private_network=True)
    assert not permitted(ipaddress.ip_address("127.0.0.1"), literals=NONE, private_network=True)


def test_an_address_written_into_the_configuration_is_meant() -> None:
    literals = frozenset({ipaddress.ip_address("10.0.0.8"), ipaddress.ip_address("127.0.0.1")})
    assert permitted(ipaddress.ip_address("10.0.0.8"), literals=literals, private_network=False)
    assert not permitted(ipaddress.ip_address("10.0.0.9"), literals=literals, private_network=False)
    assert permitted(ipaddress.ip_address("127.0.0.1"), literals=literals, private_network=False)


def test_a_name_is_no_literal() -> None:
    assert literal("jira.example") is None
    assert literal("localhost") == ipaddress.ip_address("127.0.0.1")
    assert literal("[::1]") == ipaddress.ip_address("::1")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_odd_spelling_of_loopback_is_refused_at_the_socket(spelling: str) -> None:
    """The check sees the address that is used, not the one that is written."""
    with guarded(NONE, private_network=False), pytest.raises(OSError) as caught:
        socket.create_connection((spelling, 9), timeout=1)
    assert isinstance(caught.value, Forbidden | socket.gaierror)


def test_the_guard_ends_with_its_block() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with guarded(NONE, private_network=False), pytest.raises(Forbidden):
            socket.create_connection(server.getsockname(), timeout=1)
        socket.create_connection(server.getsockname(), timeout=1).close()
