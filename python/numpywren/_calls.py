"""The calls of one executor: functions on their way to its processes, and a thread that hears of those that ended."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import _abi, _modules, _pickle
from ._pywren import CANCELLED, Future

if TYPE_CHECKING:
    from ._executor import Executor

# So many calls are started at once, unless their arguments are large: others run while the next are pickled.
BATCH = 256
BATCH_BYTES = 1 << 20

HEAR_MS = 1000  # how long the thread waits at a time
LINGER = 1.0  # seconds that it stays when nothing is pending


def name_of(f: Callable[..., Any]) -> str:
    """The name of a function, for messages."""
    inner = getattr(f, "func", f)  # of a functools.partial
    name = getattr(inner, "__qualname__", None) or type(inner).__qualname__
    return str(name).replace("<locals>.", "")


def pickled_function(f: Callable[..., Any], far: bool, name: str | None = None) -> tuple[str, bytes, _pickle.Files]:
    """A function's key, which names its bytes, its pickle, and the files that it comes from. `far` is for another machine;
    `name` is what messages call it, by default its own."""
    if not callable(f):
        raise TypeError(f"f is {f!r}: a function was expected")
    name = name or name_of(f)
    try:
        with _modules.by_value(_modules.own() if far else _modules.hidden(f)):
            data, files = _pickle.function(f)
    except Exception as e:
        raise TypeError(f"the function {name} cannot be pickled: {e}") from e
    plain = re.sub(r"[^A-Za-z0-9_.]", "", name)[-64:] or "function"
    return f"{plain}-{hashlib.sha256(data).hexdigest()[:32]}", data, files


class Calls:
    """Makes calls, and settles their futures. It keeps its executor alive while there are some that are not over."""

    def __init__(self, executor: Executor, far: bool) -> None:
        self._executor = weakref.ref(executor)
        self._far = far  # functions run on other machines
        self._handle = executor._handle
        self._lock = threading.Condition()
        self._pending: dict[int, Future[Any]] = {}
        self._keep: Executor | None = None  # while there are pending ones
        self._listening = False
        self._put: set[str] = set()

    def put(self, executor: Executor, f: Callable[..., Any], name: str | None = None) -> str:
        """Brings a function to the executor, and gives its key."""
        key, data, files = pickled_function(f, self._far, name)
        if key not in self._put:
            path = [os.path.abspath(entry) for entry in sys.path]
            made_by = sys.version_info[:2]
            pieces = _abi.Pieces(_pickle.framed(_pickle.dumps((made_by, path, files, data))))
            _abi.call("npw_put_function", executor._use(), key.encode(), pieces.array, pieces.count)
            self._put.add(key)
        return key

    def start(
        self, executor: Executor, key: str, name: str, arguments: Iterable[tuple[Any, ...]], limit: float | None
    ) -> list[Future[Any]]:
        """Starts a call for each of the arguments."""
        call = json.dumps({"function": key, "name": name, "time_limit": limit or 0}).encode()
        made: list[Future[Any]] = []
        batch: list[_pickle.Pieces] = []
        waiting = 0
        try:
            for args in arguments:
                pieces = self._arguments(name, len(made) + len(batch), args, {})
                batch.append(pieces)
                waiting += _pickle.size(pieces)
                if len(batch) >= BATCH or waiting >= BATCH_BYTES:
                    made += self.send(executor, call, name, batch)
                    batch, waiting = [], 0
            if batch:
                made += self.send(executor, call, name, batch)
        except BaseException:
            for future in made:
                future.cancel()
            raise
        return made

    def one(self, executor: Executor, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
        """Starts one call."""
        key, name = self.put(executor, f), name_of(f)
        call = json.dumps({"function": key, "name": name}).encode()
        return self.send(executor, call, name, [self._arguments(name, None, args, kwargs)])[0]

    def send(self, executor: Executor, call: bytes, name: str, batch: list[_pickle.Pieces]) -> list[Future[Any]]:
        """Starts calls with pickled arguments."""
        pieces = _abi.Pieces([piece for one in batch for piece in one])
        counts = (ctypes.c_int32 * len(batch))(*map(len, batch))
        futures: list[Future[Any]] = [Future(self, name) for _ in batch]
        first = ctypes.c_int64()
        with self._lock:  # the thread must not hear of a call that is not noted yet
            _abi.call("npw_call", executor._use(), call, pieces.array, counts, len(batch), ctypes.byref(first))
            for number, future in enumerate(futures, first.value):
                future._number = number
                self._pending[number] = future
            self._keep = executor
            self._lock.notify()
            if not self._listening:
                self._listening = True
                threading.Thread(target=self._listen, name="numpywren-calls", daemon=True).start()
        return futures

    def _listen(self) -> None:
        """Settles futures until none is pending, and none comes for a while."""
        while True:
            with self._lock:
                if not self._pending and not self._lock.wait_for(lambda: self._pending, LINGER):
                    self._listening = False
                    return
            try:
                ended = _abi.calls_ended(self._handle, HEAR_MS)
            except Exception:  # the executor was closed
                self._abandon()
                return
            for one in ended:
                self._settle(one)

    def _settle(self, ended: _abi.Ended) -> None:
        with self._lock:
            future, executor = self._pending.pop(ended.number, None), self._keep
            if not self._pending:
                self._keep = None
        if future is not None and executor is not None:
            future._settle(executor, ended)

    def _abandon(self) -> None:
        with self._lock:
            numbers, self._listening = list(self._pending), False
        for number in numbers:
            self._settle(_abi.Ended(number, CANCELLED, 0, "", b""))

    def cancel(self, number: int) -> None:
        """Ends a call; its future is settled by whoever asks."""
        self._quietly("npw_call_cancel", number)

    def running(self, number: int) -> bool:
        """Whether a call is being run."""
        return self._quietly("npw_call_running", number)

    def _quietly(self, name: str, number: int) -> bool:
        out = ctypes.c_int32()
        executor = self._executor()
        if executor is None or executor.closed:
            return False
        _abi.call(name, self._handle, number, ctypes.byref(out))
        return bool(out.value)

    def forget(self, number: int) -> None:
        """Lets go of a result that nobody will read."""
        executor = self._executor()
        if executor is not None and not executor.closed:
            _abi.call("npw_call_forget", self._handle, number)

    def _arguments(self, name: str, place: int | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _pickle.Pieces:
        try:
            with _modules.by_value(self._travelling()):
                return _pickle.framed(_pickle.arguments(args, kwargs))
        except Exception as e:
            which = "the arguments" if place is None else f"item {place} of the data"
            raise TypeError(f"{which} of {name} cannot be pickled: {e}") from e

    def _travelling(self) -> list[ModuleType]:
        """The modules whose classes and functions in arguments go by value."""
        return _modules.own() if self._far else []
