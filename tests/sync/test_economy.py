"""Requests to trackers are a cost: where nothing changed, no more than the protocol's minimum."""

from __future__ import annotations

from tests.economy import MINIMUM, measure


def test_a_sync_without_a_change_costs_the_minimum() -> None:
    found = measure()
    assert set(found) == set(MINIMUM)
    for source, (first, again, least) in found.items():
        assert again <= least, source
        assert first >= again, source
