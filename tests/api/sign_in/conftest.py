"""The demo company whose people sign in at a provider of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.company import DemoCompany
from normalizer.people import People
from sync.run import sync_source
from tests.api.test_access import House
from tests.provider import SECRET, IdentityProvider
from tests.signing_in import Company


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with DemoCompany() as trackers, IdentityProvider() as provider, pytest.MonkeyPatch.context() as patch:
        environment = {**trackers.environment(), "OIDC_CLIENT_SECRET": SECRET}
        for name, value in environment.items():
            patch.setenv(name, value)
        house = House(tmp_path_factory.mktemp("sign-in"), environment)
        with house.ledger:
            people = People(house.loaded.persons())
            assert sync_source(house.loaded.source("legal-jira"), house.ledger, people).state == "complete"
            yield Company(house, provider)


@pytest.fixture
def company(synced: Company, monkeypatch: pytest.MonkeyPatch) -> Company:
    for name, value in synced.house.environment.items():
        monkeypatch.setenv(name, value)
    synced.house.forget()
    synced.provider.honest()
    return synced
