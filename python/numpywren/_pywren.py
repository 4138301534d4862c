"""PyWren: a function over data, on the executor's processes, with the meaning of `concurrent.futures`."""

from __future__ import annotations

import concurrent.futures
import concurrent.futures._base as base
from collections.abc import Iterable
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from . import _abi, _pickle
from ._errors import RemoteError, caused

if TYPE_CHECKING:
    from ._calls import Calls
    from ._executor import Executor

T = TypeVar("T")

__all__ = ["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", "DoneAndNotDone", "Future", "get_all_results", "wait"]

RETURNED, RAISED, DIED, EXCEEDED, FAILED, CANCELLED = range(1, 7)  # npw_calls_ended's


class Payload:
    """A result that was not looked at yet: its bytes, or where they are kept."""

    def __init__(self, executor: Executor, number: int, size: int, data: bytes | None) -> None:
        self._executor, self._number, self._size, self._data = executor, number, size, data

    def value(self) -> Any:
        """Unpickles it. Arrays in it use the memory that it was read into."""
        data: Any = self._data
        if data is None:
            data = np.empty(self._size, np.uint8)
            _abi.call("npw_call_read", self._executor._use(), self._number, data.ctypes.data, self._size)
        return _pickle.loads(data if isinstance(data, np.ndarray) else bytearray(data))

    def __del__(self) -> None:
        if self._data is None and not self._executor.closed:
            _abi.library().npw_call_forget(self._executor._handle, self._number, None)


class Future(concurrent.futures.Future[T]):
    """A call that was made. `Executor.map` and `Executor.call_async` make it.

    It is a `concurrent.futures.Future`, and works with that module's `wait` and `as_completed`. What the function raised
    is raised here, with the traceback in its process as the cause. Beyond that, `cancel` also ends a call that runs.
    """

    _number = 0
    _log = ""
    _traceback: str | None = None

    def __init__(self, calls: Calls, name: str) -> None:
        super().__init__()
        self._calls, self._name = calls, name

    def result(self, timeout: float | None = None) -> T:
        """What the function returned; waits for it, at most `timeout` seconds, and then raises TimeoutError."""
        self._refuse_fork()
        value: Any = super().result(timeout)
        if isinstance(value, Payload):
            with self._condition:
                if isinstance(self._result, Payload):
                    self._result = self._unpickled(self._result)
                value = self._result
        out: T = value
        return out

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the function raised, or None; waits for it like `result`."""
        self._refuse_fork()
        return super().exception(timeout)

    def _refuse_fork(self) -> None:
        """Raises an error in a forked child, where nobody would ever hear of the call."""
        if not self.done():
            self._calls.running(self._number)

    def _unpickled(self, payload: Payload) -> Any:
        try:
            return payload.value()
        except RuntimeError:
            raise
        except Exception as e:
            raise RuntimeError(f"the result of {self._name} cannot be unpickled here: {type(e).__name__}: {e}") from e

    def cancel(self) -> bool:
        """Ends the call: one that waits is not run, and the process of one that runs is killed. False if it is over."""
        with self._condition:
            again = self.cancelled()
        if not super().cancel():
            return False
        if not again:
            self._calls.cancel(self._number)
            self._notify_cancel()
        return True

    def _notify_cancel(self) -> None:
        """Tells those who wait for several futures of a cancelled one, once."""
        with self._condition:
            if self._state == base.CANCELLED:
                self.set_running_or_notify_cancel()

    def running(self) -> bool:
        """Whether the function runs now."""
        return not self.done() and self._calls.running(self._number)

    @property
    def log(self) -> str:
        """What the function printed, once the call is over; of much, the end."""
        return self._log

    @property
    def traceback(self) -> str | None:
        """The traceback in the function's process, if it raised."""
        return self._traceback

    def _settle(self, executor: Executor, ended: _abi.Ended) -> None:
        """Gives the future what became of its call. One that was cancelled meanwhile stays so."""
        self._log = ended.log
        try:
            if ended.state == CANCELLED:
                if super().cancel():
                    self._notify_cancel()
            elif ended.state == RETURNED:
                self.set_result(Payload(executor, self._number, ended.size, ended.payload))  # type: ignore[arg-type]
            else:
                self.set_exception(self._failure(executor, ended))
        except concurrent.futures.InvalidStateError:
            if ended.payload is None:
                self._calls.forget(self._number)

    def _failure(self, executor: Executor, ended: _abi.Ended) -> BaseException:
        if ended.state != RAISED:
            message = (ended.payload or b"").decode("utf-8", "replace")
            kinds: dict[int, type[Exception]] = {DIED: concurrent.futures.BrokenExecutor, EXCEEDED: TimeoutError}
            return kinds.get(ended.state, RuntimeError)(message)
        text, self._traceback, pickled = Payload(executor, self._number, ended.size, ended.payload).value()
        try:
            e = _pickle.loads(pickled) if pickled else RemoteError(text)
        except Exception as unpicklable:
            e = RemoteError(f"{text} (the exception cannot be unpickled here: {unpicklable})")
        return caused(e, self._traceback)


class DoneAndNotDone(NamedTuple):
    """What `wait` gives, like `concurrent.futures.wait`."""

    done: set[Future[Any]]
    not_done: set[Future[Any]]


def wait(futures: Iterable[Future[Any]], timeout: float | None = None, return_when: str = ALL_COMPLETED) -> DoneAndNotDone:
    """Waits for futures, at most `timeout` seconds: for all, or with FIRST_COMPLETED or FIRST_EXCEPTION for the first
    that is done, or that raised. Gives a named tuple of two sets, `done` and `not_done`."""
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise ValueError(f"return_when is {return_when!r}: ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION were expected")
    listed = list(futures)
    for future in listed:
        if isinstance(future, Future) and not future.done():
            future._refuse_fork()
            break
    return DoneAndNotDone(*concurrent.futures.wait(listed, timeout, return_when))  # type: ignore[arg-type]


def get_all_results(futures: Iterable[Future[T]]) -> list[T]:
    """The results of futures, in their order; raises what the first of them raised that did."""
    return [future.result() for future in futures]
