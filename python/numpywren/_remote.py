"""Jobs of workers elsewhere: they outlive the process that submitted them, and any other may ask about them."""

from __future__ import annotations

import ctypes
import datetime
import json
import time
from typing import TYPE_CHECKING, Any

from . import _abi, _jobs

if TYPE_CHECKING:
    from ._array import BigMatrix
    from ._executor import Executor


def ask(executor: Executor, op: str, *, timeout: float | None = None, progress: bool = False, **more: Any) -> Any:
    """Sends a request and gives its answer. TimeoutError when it takes longer than `timeout` seconds."""
    request = _abi.encode(json.dumps({"op": op, **more}), "the request")
    return _answered("npw_request", executor._use(), request, label=op, timeout=timeout, progress=progress)


def dispatch(executor: Executor, handles: Any, n: int, name: str | None) -> str:
    """Has arrays computed elsewhere; gives the job's number."""
    names = None if name is None else (ctypes.c_char_p * 1)(_abi.encode(name, "name"))
    answer = _answered("npw_dispatch", executor._use(), handles, names, n, label="submit", timeout=None, progress=False)
    number: str = answer["id"]
    return number


def _answered(function: str, *arguments: Any, label: str, timeout: float | None, progress: bool) -> Any:
    if timeout is None:
        return _jobs.run(function, *arguments, label=label, progress=progress, result=_answer)
    end = time.monotonic() + timeout
    handle, done = _abi.Handle(), ctypes.c_int32()
    try:
        _abi.call(function, *arguments, ctypes.byref(handle))
        while True:
            left = end - time.monotonic()
            _abi.call("npw_job_wait", handle, max(0, min(_jobs.STEP_MS, int(left * 1000))), ctypes.byref(done))
            if done.value:
                return _answer(handle)
            if left <= 0:
                raise TimeoutError(f"{label}: not done after {timeout} seconds")
    finally:
        if handle.value:
            _abi.call("npw_job_free", handle)


def _answer(job: _abi.Handle) -> Any:
    return _abi.call_json("npw_job_answer", job)


class Job:
    """A job that was submitted. It goes on without this process; `executor.job(id)` finds it again in any other."""

    def __init__(self, executor: Executor, number: str) -> None:
        self._executor = executor
        self._id = number

    @property
    def id(self) -> str:
        """The job's number."""
        return self._id

    def _ask(self, op: str, **more: Any) -> Any:
        return ask(self._executor, op, id=self._id, **more)

    def status(self) -> dict[str, Any]:
        """What is known of it now: `state` ("running", "done", "failed", "cancelled", "paused"), the tasks that are `done` and
        their `total`, the `workers` that were heard of lately, the `message` of its end."""
        status: dict[str, Any] = self._ask("status")
        return status

    def wait(self, timeout: float | None = None) -> Job:
        """Waits until it is done, and raises what it failed with; TimeoutError after `timeout` seconds. Interrupting the wait
        leaves the job alone. While somebody waits, workers are started as the executor's settings say."""
        if timeout is not None and timeout < 0:
            raise ValueError(f"timeout is {timeout}: 0 or more seconds were expected")
        self._ask("wait", timeout=timeout, progress=self._executor._progress)
        return self

    def cancel(self) -> None:
        """Stops it. Its tiles stay: `resume` goes on from them."""
        self._ask("cancel")

    def resume(self) -> Job:
        """Runs it again, if it is not done, from the tiles that exist."""
        self._ask("resume")
        return self

    def report(self) -> dict[str, Any]:
        """What it took so far: seconds, core-seconds, tasks, flops, bytes, requests and dollars, at the prices of a date."""
        report: dict[str, Any] = self._ask("report")
        return report

    def logs(self) -> list[str]:
        """What its workers noted."""
        lines = []
        for line in self._ask("logs"):
            at = datetime.datetime.fromisoformat(line["at"][:19] + "+00:00")
            lines.append(f"{at:%Y-%m-%d %H:%M:%S} {line.get('worker', '')} {line['text']}")
        return lines

    def matrices(self) -> dict[str, str]:
        """Its matrices by what they are called, such as "temp(BigMatrix(X))", and where each lies; `open` takes either."""
        found = {}
        for m in self._ask("matrices"):
            if m.get("prefix"):
                name, n = m["display"], 1
                while name in found:
                    n += 1
                    name = f"{m['display']} {n}"
                found[name] = m["prefix"].rstrip("/")
        return found

    def open(self, name: str) -> BigMatrix:
        """One of its matrices, by a name or a place of `matrices()`. Intermediate ones can be opened when the job is done."""
        places = self.matrices()
        if name not in places and name not in places.values():
            raise KeyError(f"job {self._id} has no matrix {name!r}: it has {', '.join(map(repr, places))}")
        return self._executor.open(places.get(name, name))

    def result(self, timeout: float | None = None) -> BigMatrix:
        """Waits until it is done, and gives its first result."""
        self.wait(timeout)
        for m in self._ask("matrices"):
            if m["role"] == "output":
                return self._executor.open(m["prefix"].rstrip("/"))
        raise KeyError(f"job {self._id} has no result")

    def __repr__(self) -> str:
        return f"<numpywren.Job {self._id}>"
