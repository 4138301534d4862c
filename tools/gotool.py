"""The go command in the environment that our C code needs: ``python tools/gotool.py test ./...``.

The Makefile and setup.py call this one, so that the flags have one home. They cannot stand in the sources: cgo's list of
allowed flags has neither of them. Without them everything is right, but the loops of core/kernel are not vectorised: a
compiler must keep `errno` and the floating-point traps of each `sqrt` and comparison unless it is told that nobody looks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

CFLAGS = "-O3 -fno-math-errno -fno-trapping-math"
MISSING = "numpywren is built from Go source and `go` is not on the PATH: install Go 1.26 or newer, or a ready-made wheel."


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`environ` with cgo switched on and our flags before those that are set already."""
    return {
        **environ,
        "CGO_ENABLED": "1",
        "CGO_CFLAGS": f"{CFLAGS} {environ.get('CGO_CFLAGS', '')}".strip(),
        "GOFLAGS": f"-buildvcs=false {environ.get('GOFLAGS', '')}".strip(),
    }


def go(*arguments: str, **variables: str) -> None:
    """Runs go in the current directory, with more variables; a failure ends the program with go's own message above it."""
    if shutil.which("go") is None:
        raise SystemExit(MISSING)
    if status := subprocess.run(["go", *arguments], env=environment(os.environ | variables), check=False).returncode:
        raise SystemExit(status)


if __name__ == "__main__":
    go(*sys.argv[1:])
