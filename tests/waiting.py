"""What tests wait for."""

from __future__ import annotations

import os
import time


def until(condition, seconds=60.0):
    """Waits until a condition holds; the test fails if that takes too long."""
    stop = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < stop
        time.sleep(0.01)


def gone(pid):
    """Whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False
