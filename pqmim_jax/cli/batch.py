"""A function on many items by a few threads, results in order, stopped at once by Ctrl-C."""

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """Yields function(item) in the order of the items, `workers` of them at work at once.

    With one worker or one item everything happens in this thread. Close the iterator
    (`contextlib.closing`) where the loop over it may be left: whatever leaves it, a
    KeyboardInterrupt for one, is raised in the workers too, and no new item is begun.

    Raises:
      Exception: the first, in the items' order, that `function` raised.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        yield from map(function, items)
        return
    workshop = _Workshop(function)
    with ThreadPoolExecutor(workers, thread_name_prefix="pqmim") as pool:
        try:
            futures = [pool.submit(workshop.work, item) for item in items]
            for future in futures:
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            workshop.close()
            raise


class _Workshop:
    """Runs a function in threads that can be told to stop."""

    def __init__(self, function: Callable):
        self._function = function
        self._lock = threading.Lock()
        self._at_work: set[int] = set()  # thread idents
        self._closed = False

    def work(self, item):
        ident = threading.get_ident()
        with self._lock:
            if self._closed:
                raise KeyboardInterrupt
            self._at_work.add(ident)
        try:
            return self._function(item)
        finally:
            with self._lock:
                self._at_work.discard(ident)

    def close(self) -> None:
        """Raises KeyboardInterrupt in every thread at work, at its next step of Python.

        Waiting for them instead could take minutes, for a large picture; and as in the main
        thread, the exception lets them clean up what they have half written.
        """
        with self._lock:
            self._closed = True
            for ident in self._at_work:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(ident), ctypes.py_object(KeyboardInterrupt)
                )
