"""Plain values as every tracker says them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connectors.plain import iso_instant


@pytest.mark.parametrize(
    "said", ["9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.9999999+00:00", "9999-12-31T23:59:59.999Z"]
)
def test_never_is_the_last_instant_that_has_milliseconds(said: str) -> None:
    """Whatever rounds it would leave the calendar."""
    assert iso_instant(said) == datetime(9999, 12, 31, 23, 59, 59, 999_000, UTC)


def test_what_is_no_instant_is_none() -> None:
    for said in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+01:00", "soon", "", None, 5):
        assert iso_instant(said) is None
    assert iso_instant("2026-11-20T17:00:00+02:00") == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert iso_instant("2026-11-20") == datetime(2026, 11, 20, tzinfo=UTC)
