"""What costs much is worked out once for all who ask, a few at a time, and kept for a while."""

import threading

import pytest
from servers import PATIENCE_SECONDS

from mnist_core.errors import BusyError
from mnist_core.page.bounded import MOST_UNDER_WAY, bounded


class Work:
    """A dear function that counts its calls and waits at a gate."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.at_once = self.most_at_once = 0
        self.gate, self.lock = threading.Event(), threading.Lock()

    def __call__(self, number: int) -> int:
        with self.lock:
            self.calls.append(number)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.gate.wait(PATIENCE_SECONDS)
        with self.lock:
            self.at_once -= 1
        return number * number


def asked_at_once(ask, numbers) -> tuple[list[threading.Thread], list[object]]:
    """Threads that each ask for one number, and what they are answered, refusals too."""
    answers: list[object] = []

    def one(number: int) -> None:
        try:
            answers.append(ask(number))
        except BusyError as error:
            answers.append(type(error))

    threads = [threading.Thread(target=one, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    return threads, answers


def test_who_asks_while_it_is_worked_out_gets_the_same_answer():
    work = Work()
    threads, answers = asked_at_once(bounded(keep=4)(work), [3] * MOST_UNDER_WAY)
    work.gate.set()
    for thread in threads:
        thread.join()
    assert answers == [9] * MOST_UNDER_WAY
    assert work.calls == [3]


def test_no_more_are_worked_out_at_once_than_is_said():
    work = Work()
    threads, answers = asked_at_once(bounded(keep=9, at_once=2)(work), range(MOST_UNDER_WAY))
    work.gate.set()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [number * number for number in range(MOST_UNDER_WAY)]
    assert work.most_at_once <= 2


@pytest.mark.parametrize("numbers", [[7] * 180, range(180)], ids=["the same", "all different"])
def test_of_many_at_once_a_few_wait_and_the_others_are_refused_at_once(numbers):
    work = Work()
    threads, answers = asked_at_once(bounded(keep=4)(work), numbers)
    while len(answers) < 180 - MOST_UNDER_WAY:  # the refused need no gate
        threading.Event().wait(0.01)
    assert answers == [BusyError] * (180 - MOST_UNDER_WAY)
    work.gate.set()
    for thread in threads:
        thread.join()
    assert len(answers) == 180
    assert answers.count(BusyError) == 180 - MOST_UNDER_WAY
    assert len(work.calls) <= MOST_UNDER_WAY


def test_what_was_begun_for_one_who_was_refused_is_there_the_next_time():
    work = Work()
    ask = bounded(keep=4, patience=0)(work)
    with pytest.raises(BusyError, match="try again"):
        ask(5)
    work.gate.set()
    while True:
        try:
            assert ask(5) == 25
            break
        except BusyError:
            threading.Event().wait(0.01)
    assert work.calls == [5]


def test_answers_are_kept_and_those_longest_not_asked_for_go_first():
    work = Work()
    work.gate.set()
    ask = bounded(keep=2)(work)
    for number in (1, 2, 1, 3, 1, 2):
        ask(number)
    assert work.calls == [1, 2, 3, 2]


def test_arguments_by_name_would_be_lost_and_are_refused():
    with pytest.raises(AssertionError, match="positional"):
        bounded(keep=2)(lambda number=1: number)(number=2)


def test_an_error_reaches_all_who_ask_and_is_not_kept():
    calls = []

    @bounded(keep=4)
    def work(number: int) -> int:
        calls.append(number)
        raise ValueError(f"no {number}")

    for _ in range(2):
        with pytest.raises(ValueError, match="no 4"):
            work(4)
    assert calls == [4, 4]
