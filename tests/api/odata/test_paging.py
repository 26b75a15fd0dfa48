"""Paging while others write: every row that was there all the time comes exactly once."""

from __future__ import annotations

import threading

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete

from ledger.engine import transaction
from ledger.model import Item, Recorded, Version, item_id
from ledger.store import Ledger
from ledger.tables import ItemRow, columns
from tests.api.odata.conftest import NOW, record, service


def item(ref: str, title: str = "as it was") -> Recorded:
    found = Item(item_id("eng", ref), "eng", "items", ref, "P", f"ENG-{ref}", title, remote_updated_at=NOW)
    return Recorded((Version(NOW, found, title.encode().join((b'{"t":"', b'"}'))),))


@pytest.mark.parametrize("order", ["", "&$orderby=title desc,due_on"])
def test_rows_that_stay_come_exactly_once_while_others_come_and_go(ledger_url: str, order: str) -> None:
    """By counting rows away, a row written in front of the page would show another one twice, and a deletion hide one."""
    stay = [f"{n:04}" for n in range(0, 600, 2)]
    with Ledger.open(ledger_url, migrate=True, clock=lambda: NOW) as ledger, TestClient(service(ledger)) as client:
        record(ledger, *map(item, stay))
        stop, failed = threading.Event(), list[BaseException]()

        def disturb() -> None:
            number = 1
            try:
                while not stop.is_set():
                    record(
                        ledger,
                        *(item(f"{(number * 7 + d) % 600 // 2 * 2 + 1:04}", f"new {number}") for d in range(0, 40, 2)),
                    )
                    with transaction(ledger.engine, writing=True) as connection:
                        connection.execute(
                            delete(ItemRow).where(columns(ItemRow).key.endswith(str(number % 5 * 2 + 1)))
                        )
                    number += 1
            except BaseException as error:
                failed.append(error)
                raise

        writer = threading.Thread(target=disturb)
        writer.start()
        try:
            for _ in range(5):
                found, address = [], f"/odata/Items?$select=key{order}"
                while address:
                    page = client.get(address, headers={"Prefer": "odata.maxpagesize=17"}).json()
                    found += [row["key"] for row in page["value"]]
                    address = page.get("@odata.nextLink")
                unmoved = [key for key in found if int(key[4:]) % 2 == 0]
                assert sorted(unmoved) == [f"ENG-{ref}" for ref in stay]
                assert order or len(found) == len(set(found))
        finally:
            stop.set()
            writer.join()
        assert not failed
