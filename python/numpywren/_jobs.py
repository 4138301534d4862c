"""Long calls: start, then wait in short steps, so that Ctrl-C works and progress can be shown."""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from . import _abi

STEP_MS = 50  # how long Ctrl-C may be held back
SHOW_AFTER = 1.0  # seconds; what ends sooner shows nothing

T = TypeVar("T")


def run(
    name: str,
    *arguments: Any,
    label: str,
    progress: bool,
    result: Callable[[_abi.Handle], T],
) -> T:
    """Starts the job that the ABI function `name` gives and waits for it.

    `result` takes what the finished job gives. However this ends, the job is stopped and freed before it does: only
    then may the caller's buffers go.
    """
    job = _abi.Handle()
    try:
        _abi.call(name, *arguments, ctypes.byref(job))
        _wait(job, label, progress)
        return result(job)
    finally:
        if job.value:
            _abi.call("npw_job_free", job)


def nothing(job: _abi.Handle) -> None:
    """For jobs without a result."""


def array(job: _abi.Handle) -> _abi.Owned:
    """The array that a source job made."""
    handle = _abi.Handle()
    _abi.call("npw_job_result", job, ctypes.byref(handle))
    return _abi.Owned(handle.value)


def _wait(job: _abi.Handle, label: str, progress: bool) -> None:
    done = ctypes.c_int32()
    started = time.monotonic()
    bar = None
    try:
        while True:
            _abi.call("npw_job_wait", job, STEP_MS, ctypes.byref(done))
            if done.value:
                break
            if progress and bar is None and time.monotonic() - started > SHOW_AFTER:
                bar = _Bar(label, time.monotonic() - started)
            if bar is not None:
                bar.update(_abi.call_json("npw_job_progress", job))
        if bar is not None:
            bar.update(_abi.call_json("npw_job_progress", job))
    finally:
        if bar is not None:
            bar.close()


def seen() -> bool:
    """Whether somebody looks at a bar: in a terminal or a notebook, not in a log."""
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())


class _Bar:
    """A tqdm bar, in a terminal or a notebook, fed with what npw_job_progress says."""

    def __init__(self, label: str, elapsed: float) -> None:
        from tqdm.auto import tqdm  # here: it takes longer to import than all of numpywren

        self._bar = tqdm(total=0, desc=label, unit="task", leave=False)
        if not self._bar.disable:
            self._bar.start_t -= elapsed  # when the job began, for rates and the time that is left

    def update(self, state: dict[str, Any]) -> None:
        bar = self._bar
        bar.unit = state.get("unit", "task")
        bar.unit_scale = bar.unit == "B"
        bar.total = state.get("total") or None
        bar.n = state.get("done", 0)
        if (flops := state.get("flops")) and (seconds := state.get("seconds")):
            bar.set_postfix_str(f"{flops / seconds / 1e9:.1f} GF/s", refresh=False)
        bar.refresh()

    def close(self) -> None:
        self._bar.close()
