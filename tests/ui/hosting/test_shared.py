"""What a crowd asks, one finds out."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ui.hosting.shared import Shared


def test_who_comes_while_one_looks_shares_the_next_look_and_gets_nothing_older_than_the_question():
    looking, go_on, looks = threading.Event(), threading.Event(), []

    def look() -> int:
        looks.append(1)
        looking.set()
        assert go_on.wait(30)
        return len(looks)

    shared = Shared(look)
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(shared)
        assert looking.wait(30)
        others = [pool.submit(shared) for _ in range(19)]
        deadline = time.monotonic() + 30
        while shared.waiting < 19:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        go_on.set()
        assert first.result(30) == 1
        assert [other.result(30) for other in others] == [2] * 19
    assert shared() == 3


def test_a_failure_is_shared_and_over():
    answers = iter([ValueError("no"), 7])

    def look() -> int:
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    shared = Shared(look)
    with pytest.raises(ValueError, match="no"):
        shared()
    assert shared() == 7
