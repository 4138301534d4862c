"""Our speed against NumPy, SciPy, ScaLAPACK, scikit-learn and Dask: ``make bench``, or ``benchmarks/run.py [--only X]``.

Every measurement is a fresh process (jobs.py). The sides of a job take turns, so that a machine that grows slower slows all
of them; medians count. All have two threads. OPENBLAS_CORETYPE is unset for every side, and the kernels that each OpenBLAS
chose are printed. The report goes to benchmarks/results/DATE.md, with the numbers in .json and a picture in .svg beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import report
from report import Goal, Measured, faster, rate, under_bytes, under_seconds

HERE = pathlib.Path(__file__).parent
OURS = report.OURS
THREADS = "2"


@dataclasses.dataclass(frozen=True)
class Job:
    """A job of jobs.py: its sides, how large it is, how often it runs, and what we want of it."""

    name: str
    size: int
    sides: tuple[str, ...]
    goals: tuple[Goal, ...]
    work: Callable[[int], float] | None = None  # flops of a size
    quick: int = 2048
    repeats: int = 5

    @property
    def title(self) -> str:
        return f"{self.name} {self.size}"


def product(n: int) -> float:
    return 2.0 * n**3


def factorisation(n: int) -> float:
    return n**3 / 3


def solution(n: int) -> float:
    return n**3 / 3 + 2.0 * n**3


def elimination(n: int) -> float:
    return 2 / 3 * n**3


def triangle_of(n: int) -> float:
    """Of QR, its R; or to a tridiagonal matrix from both sides."""
    return 4 * n**3 / 3


def orthogonal(n: int) -> float:
    """Q and R; or to a bidiagonal matrix."""
    return 8 * n**3 / 3


def tall(m: int) -> float:
    return 4.0 * m * 128**2


def neighbours(n: int) -> float:
    return 2.0 * n * (n // 6) * 784


ALONE = f"{OURS}, 1 worker"
MEMORY = f"{OURS} in memory"
DOUBLE = f"{OURS}, float64"
JOBS = [
    Job("matmul", 8192, (OURS, "NumPy", ALONE), (faster("NumPy", 0.97), faster(ALONE, 1.9)), product),
    Job("matmul with copies", 8192, (OURS, "NumPy"), (faster("NumPy", 0.9),), product),
    Job(
        "cholesky",
        8192,
        (OURS, "NumPy", "SciPy", "ScaLAPACK", "Dask", ALONE),
        (faster("NumPy", 2.8), faster("ScaLAPACK", 1), faster(ALONE, 1.8), rate(138)),
        factorisation,
    ),
    Job("cholesky", 16384, (OURS, "SciPy"), (rate(160),), factorisation, quick=4096, repeats=3),
    Job("solve", 8192, (OURS, "SciPy"), (faster("SciPy", 1.3),), solution),
    Job(
        "solve general",
        8192,
        (OURS, "SciPy", ALONE, "ScaLAPACK", "Dask"),
        (faster("SciPy", 1.35), faster("ScaLAPACK", 1), faster("Dask", 1)),
        elimination,
    ),
    Job("solve general, refined", 8192, (OURS, "SciPy"), (faster("SciPy", 1.9),), elimination),
    Job(
        "solve general, n right sides",
        8192,
        (OURS, "SciPy", "ScaLAPACK"),
        (faster("SciPy", 1.4), faster("ScaLAPACK", 1)),
        lambda n: 8 / 3 * n**3,
        repeats=3,
    ),
    Job("inv", 8192, (OURS, "SciPy"), (faster("SciPy", 1.6),), product, repeats=3),
    Job("qr", 8192, (OURS, "NumPy", ALONE, "ScaLAPACK"), (faster("NumPy", 2.2), faster("ScaLAPACK", 1)), orthogonal, repeats=3),
    Job(
        "qr, R",
        8192,
        (OURS, "NumPy", ALONE, "ScaLAPACK"),
        (faster("NumPy", 2.2), faster("ScaLAPACK", 1)),
        triangle_of,
        repeats=3,
    ),
    Job(
        "tall qr",
        400_000,
        (OURS, "NumPy", ALONE, "Dask"),
        (faster("NumPy", 8), faster("Dask", 1)),
        tall,
        quick=40_000,
    ),
    Job(
        "tall qr, R",
        2_000_000,
        (OURS, "NumPy", ALONE, "Dask"),
        (faster("NumPy", 5), faster("Dask", 1)),
        lambda m: 2.0 * m * 64**2,
        quick=200_000,
    ),
    Job("svd", 3072, (OURS, "NumPy", ALONE), (faster("NumPy", 1.0),), quick=1024, repeats=3),
    Job("svd, values", 3072, (OURS, "NumPy", ALONE), (faster("NumPy", 1.5),), orthogonal, quick=1024, repeats=3),
    Job("eigh", 4096, (OURS, "NumPy", ALONE), (faster("NumPy", 1.0),), quick=1024, repeats=3),
    Job("eigh, values", 4096, (OURS, "NumPy", ALONE), (faster("NumPy", 1.3),), triangle_of, quick=1024, repeats=3),
    Job("tall svd", 200_000, (OURS, "NumPy", "Dask"), (faster("NumPy", 3), faster("Dask", 1)), quick=20_000),
    Job(
        "nearest neighbour",
        60_000,
        (OURS, "scikit-learn", "Dask", "NumPy"),
        (faster("scikit-learn", 1.0), under_bytes(1.5e9)),
        neighbours,
        quick=6_000,
    ),
    Job(
        "out-of-core matmul",
        20_000,
        (OURS, MEMORY, "Dask"),
        (faster(MEMORY, 0.8), faster("Dask", 1.2)),
        product,
        quick=4096,
        repeats=1,
    ),
    Job("out-of-core cholesky", 24_576, (OURS, MEMORY), (faster(MEMORY, 0.8),), factorisation, quick=4096, repeats=1),
    Job(
        "out-of-core solve general, n right sides",
        12_288,
        (OURS, MEMORY),
        (faster(MEMORY, 0.7),),
        lambda n: 8 / 3 * n**3,
        quick=4096,
        repeats=1,
    ),
    *(
        Job(f"out-of-core {name}", n, (OURS, MEMORY), (faster(MEMORY, 0.7),), work, quick, 1)
        for name, n, work, quick in (  # of a smaller matrix than `quick` the largest task takes more than a quarter
            ("solve general", 8192, elimination, 4096),
            ("inv", 8192, product, 4096),
            ("qr", 8192, orthogonal, 5120),
            ("qr, R", 12_288, triangle_of, 5120),
            ("eigh, values", 5120, None, 5120),
            ("svd, values", 3072, None, 3072),
        )
    ),
    *(
        Job(f"{name}, float32", 8192, (OURS, DOUBLE), (faster(DOUBLE, 1.7),), work, repeats=3)
        for name, work in {
            "matmul": product,
            "cholesky": factorisation,
            "solve general, n right sides": lambda n: 8 / 3 * n**3,
            "qr, R": triangle_of,
        }.items()
    ),
    Job("latency", 100, (OURS, "NumPy"), (under_seconds(1e-3),), quick=100),
    Job("import", 0, (OURS,), (under_seconds(0.3),), quick=0),
]


def environment() -> dict[str, str]:
    """The same rules for every side. Dask brings its own threads, for which BLAS must not add more: see `measure`."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBLAS_", "NUMPYWREN_"))}
    return kept | dict.fromkeys(names, THREADS)


def child(*arguments: str, env: dict[str, str]) -> dict:
    command = [sys.executable, str(HERE / "jobs.py"), *arguments]
    done = subprocess.run(command, env=env, text=True, stdout=subprocess.PIPE, check=False)
    if done.returncode < 0:
        return {"error": f"the process died of {signal.Signals(-done.returncode).name}"}
    if done.returncode:
        return {"error": f"the process ended with status {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def measure(job: Job, size: int, repeats: int) -> dict[str, Measured]:
    """All sides in turn, `repeats` times."""
    runs: dict[str, list[dict]] = {side: [] for side in job.sides}
    for turn in range(repeats):
        for side in job.sides:
            env = environment()
            if side == "Dask":
                env["OPENBLAS_NUM_THREADS"] = "1"
            run = child(job.name, side, str(size), env=env)
            shown = run.get("error") or f"{run['seconds']:.4g} s, {run['peak_bytes'] / 1e9:.2f} GB"
            print(f"  {turn + 1}/{repeats} {side}: {shown}", flush=True)
            runs[side].append(run)
    return {side: summary(done) for side, done in runs.items()}


def summary(runs: list[dict]) -> Measured:
    good = [run for run in runs if "error" not in run]
    if not good:
        return Measured(error=runs[0]["error"])
    return Measured(
        seconds=statistics.median(run["seconds"] for run in good),
        spread=max(run["seconds"] for run in good) - min(run["seconds"] for run in good),
        peak_bytes=max(run["peak_bytes"] for run in good),
        kernel_share=statistics.median(run.get("kernel_share", float("nan")) for run in good),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, once: whether everything runs, not how fast")
    parser.add_argument("--only", metavar="TEXT", help="the jobs with TEXT in their title, such as 'cholesky 8192'")
    parser.add_argument("--repeats", type=int, help="how often each side runs, at most")
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "results", help="the folder for the report")
    options = parser.parse_args()

    chosen = [job for job in JOBS if (options.only or "") in job.title]
    if not chosen:
        parser.error(f"no job's title contains {options.only!r}: there are {', '.join(job.title for job in JOBS)}")
    kernels = child("kernels", env=environment())
    print("kernels: " + ", ".join(f"{side} {kernel}" for side, kernel in kernels.items()))
    rows = []
    for job in chosen:
        size = job.quick if options.quick else job.size
        print(f"{job.name} {size}", flush=True)
        repeats = 1 if options.quick else min(options.repeats or job.repeats, job.repeats)
        work = job.work(size) if job.work else None
        goals = () if options.quick else job.goals  # which are about the full size
        rows.append(report.Row(job.name, size, repeats, work, goals, measure(job, size, repeats)))
    name = time.strftime("%Y-%m-%d") + ("-quick" if options.quick else "") + ("-part" if options.only else "")
    print("\n" + report.write(options.output, name, kernels, rows))
    return int(options.quick and any(side.error for row in rows for side in row.sides.values()))


if __name__ == "__main__":
    sys.exit(main())
