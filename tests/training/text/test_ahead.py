from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from threading import active_count

import pytest

from instructuie.training.text.ahead import Ahead


def test_items_come_in_their_order_and_end() -> None:
    ahead = Ahead(iter(range(20)), depth=3)
    assert list(ahead) == list(range(20))
    with pytest.raises(StopIteration):
        next(ahead)
    ahead.close()


def test_an_error_comes_where_its_item_would_have() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    ahead = Ahead(broken())
    assert next(ahead) == 1
    for _ in range(2):
        with pytest.raises(ValueError, match="no more"):
            next(ahead)
    ahead.close()


def test_closing_stops_an_endless_one() -> None:
    threads = active_count()
    ahead = Ahead(count(), depth=2)
    assert list(islice(ahead, 5)) == [0, 1, 2, 3, 4]
    ahead.close()
    assert active_count() == threads
