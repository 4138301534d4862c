"""`numpywren-worker`: the program that does the work of a deployment's jobs, as it lies beside this file."""

from __future__ import annotations

import os
import pathlib
import sys

PROGRAM = pathlib.Path(__file__).with_name("numpywren-worker")


def main() -> None:
    """Becomes the worker; its arguments are this process's. Functions run in this Python, unless the settings name another."""
    os.environ.setdefault("NUMPYWREN_PYTHON", sys.executable)
    os.execv(PROGRAM, [str(PROGRAM), *sys.argv[1:]])
