"""Answers that cost much, within bounds: each is worked out once, a few at a time, and then kept.

A second request for what is being worked out gets that answer. Few are let wait, and none for
long, because a waiting request holds one of the server's threads: the others are refused with a
BusyError. What was begun goes on, so that who asks again finds it.

But: arguments must be hashable and tell by themselves what the answer is (digests, not files).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, TimeoutError
from contextlib import contextmanager
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from ..errors import BusyError, Message

MOST_UNDER_WAY = 8
"""Of one function: answers begun and not yet there, and askers that wait for one."""

P = ParamSpec("P")
T = TypeVar("T")


def bounded(
    *, keep: int, at_once: int = 1, patience: float = 20
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A function of positional arguments, so bounded: `keep` answers are kept, those longest not
    asked for go first; an asker waits at most `patience` seconds. An error is not kept."""

    def decorate(compute: Callable[P, T]) -> Callable[P, T]:
        answers: OrderedDict[tuple[object, ...], Future[T]] = OrderedDict()
        lock = threading.Lock()
        places, chairs = threading.Semaphore(at_once), threading.Semaphore(MOST_UNDER_WAY)

        def work(answer: Future[T], *arguments: P.args, **named: P.kwargs) -> None:
            with places:
                try:
                    answer.set_result(compute(*arguments, **named))
                except BaseException as error:
                    with lock:
                        if answers.get(arguments) is answer:
                            del answers[arguments]
                    answer.set_exception(error)

        def begun(arguments: tuple[object, ...]) -> Future[T]:
            with lock:
                answer = answers.get(arguments)
                if answer is None:
                    if sum(not other.done() for other in answers.values()) >= MOST_UNDER_WAY:
                        raise busy()
                    answer = answers[arguments] = Future()
                    task = (answer, *arguments)
                    threading.Thread(target=work, args=task, daemon=True).start()
                answers.move_to_end(arguments)
                done = [key for key, other in answers.items() if other.done()]
                for key in done[: max(0, len(answers) - keep)]:
                    del answers[key]
                return answer

        @wraps(compute)
        def ask(*arguments: P.args, **named: P.kwargs) -> T:
            assert not named, "the positional arguments tell what the answer is"
            answer = begun(arguments)
            if answer.done():
                return answer.result()
            if not chairs.acquire(blocking=False):
                raise busy()
            try:
                return answer.result(patience)
            except TimeoutError as error:
                raise busy() from error
            finally:
                chairs.release()

        return ask

    return decorate


def busy() -> BusyError:
    return BusyError("The server has much to do: try again in a few seconds.")


_done: dict[object, float] = {}
"""The share, 0..1, that is done of what is under way."""


@contextmanager
def shares(key: object) -> Iterator[Callable[[float], None]]:
    """What is told the share that is done."""
    _done[key] = 0.0
    try:
        yield partial(_done.__setitem__, key)
    finally:
        del _done[key]


@contextmanager
def told(said: Message, key: object) -> Iterator[None]:
    """Say how far it is, where something is not there yet: `said` has a share put in."""
    try:
        yield
    except BusyError as error:
        if (share := _done.get(key)) is not None:
            raise BusyError(said.template, share=share) from error
        raise
