"""The benchmarks are run by hand: here only that they start, and that each job has all of its sides."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "benchmarks"


@pytest.mark.parametrize("script", ["run.py", "sizes.py", "cloud.py"])
def test_starts(script: str) -> None:
    done = subprocess.run([sys.executable, FOLDER / script, "--help"], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--output" in done.stdout


def test_every_job_has_its_sides() -> None:
    """And no side is there that nobody asks for."""
    code = """
import jobs, run, sizes
asked = {(job.name, side) for job in run.JOBS for side in job.sides} | set(sizes.OTHERS.items())
print(*(asked ^ jobs.JOBS.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER, text=True, capture_output=True, check=True)
    assert done.stdout.strip() == ""
