"""Workers elsewhere against threads here: ``make bench``, or ``python benchmarks/cloud.py [--size N] [--tile N]``.

A Cholesky factorisation by worker processes of one thread each over versitygw and ElasticMQ on this machine, against the local
executor with two workers: the speed, requests and bytes a task against the least possible, what chains and the cache of tiles
are worth, and what a task costs beside its kernel. The servers share the cores with the workers; their part of the processors
is in the table. A product of large tiles, which leaves the servers little to do, shows what a second worker adds. Other
factorisations follow, of half the size. The tables go to benchmarks/results/DATE-cloud.md.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import sys
import time
from collections.abc import Iterator

import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path += [str(HERE.parent / "tests"), str(HERE.parent / "tools")]

import cloudsite  # noqa: E402
import servers  # noqa: E402
from clock import warm_memory  # noqa: E402

import numpywren as npywren  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
AMPLE = "2GiB"  # of tiles in a worker: all of them stay


@dataclasses.dataclass(frozen=True)
class Run:
    """A way to run the job."""

    name: str
    workers: int
    chains: bool = True
    cache: bool = True
    retain: str = "all"
    job: str = "cholesky"


RUNS = [
    Run("2 workers", 2),
    Run("1 worker", 1),
    Run("2 workers, no chains", 2, chains=False),
    Run("2 workers, no cache", 2, cache=False),
    Run("2 workers, results only", 2, retain="results"),
    Run("1 worker, results only", 1, retain="results"),
]
PRODUCTS = [Run("product, 1 worker", 1, job="matmul"), Run("product, 2 workers", 2, job="matmul")]
JOBS = {
    "cholesky": lambda ex, a: ex.linalg.cholesky(a),
    "matmul": lambda _, a: a @ a,
    "solve": lambda ex, a: ex.linalg.solve(a, a[:, :1] + 1),
    "inv": lambda ex, a: ex.linalg.inv(a),
    "qr, R": lambda ex, a: ex.linalg.qr(a, mode="r"),
    "qr, Q": lambda ex, a: ex.linalg.qr(a)[0],
    "eigh, values": lambda ex, a: ex.linalg.eigvalsh(a),
    "eigh, vectors": lambda ex, a: ex.linalg.eigh(a)[1],
    "svd, values": lambda ex, a: ex.linalg.svdvals(a),
}
FACTORISATIONS = [Run(job, 2, retain="results", job=job) for job in list(JOBS)[2:]]


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a run took."""

    seconds: float
    report: dict
    workers: float  # seconds of processors
    servers: dict[str, float]  # the same


def processor_seconds(pid: int | None) -> float:
    """User and system time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def positive_definite(n: int) -> np.ndarray:
    A = np.random.default_rng(0).standard_normal((n, n))
    A += A.T.copy()
    A.flat[:: n + 1] += 8 * np.sqrt(n)
    return A


def touched(A: np.ndarray, tile: int) -> int:
    """The bytes that two workers, the server and its files may use."""
    tasks, reads, _ = least(len(A), tile)
    return -(-5 * (tasks + reads) * tile * tile * 8 >> 20) << 20


def local(A: np.ndarray, tile: int, job: str = "cholesky") -> tuple[float, np.ndarray]:
    """The local executor's seconds, and its result."""
    with npywren.local_executor(workers=2, progress=False) as ex:
        a = ex.matrix_init(A, block_shape=(tile, tile))
        warm_memory(touched(A, tile))
        began = time.monotonic()
        X = JOBS[job](ex, a).persist()
        return time.monotonic() - began, X.numpy()


@contextlib.contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """AWS's variables in this process, which is the client."""
    before = dict(os.environ)
    os.environ.update({name: value for name, value in variables.items() if name.startswith("AWS_")})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def elsewhere(run: Run, A: np.ndarray, tile: int, wanted: np.ndarray | None, hosts: dict[str, servers.Server]) -> Measured:
    """A run, from the start of its workers to its end. Before it the matrix is in the store, and the first message sent."""
    s3, sqs = hosts["versitygw"], hosts["elasticmq"]
    with (
        cloudsite.Site(s3.url, sqs.url) as site,
        environment(site.environment()),
        npywren.aws_executor(site.storage, site.name, retain=run.retain, progress=False) as ex,
    ):
        job = ex.submit(JOBS[run.job](ex, ex.matrix_init(A, block_shape=(tile, tile))))
        if not run.chains:
            key = f".numpywren/jobs/{job.id}/job.json"
            manifest = json.loads(site.get(key))
            manifest["settings"]["unchain"] = True
            site.put(key, json.dumps(manifest).encode())
        warm_memory(touched(A, tile))
        memory = AMPLE if run.cache else str(12 * tile * tile * 8)  # enough for the tasks in hand
        before = {name: processor_seconds(server.pid) for name, server in hosts.items()}
        began = time.monotonic()
        crew = [site.worker("--memory-limit", memory, "--lease", "30s") for _ in range(run.workers)]
        job.wait()
        seconds = time.monotonic() - began
        spent = {name: processor_seconds(server.pid) - before[name] for name, server in hosts.items()}
        workers = sum(processor_seconds(worker.pid) for worker in crew)
        for worker in crew:
            worker.terminate()  # its last heartbeat has all of its counts
        if wanted is not None:
            np.testing.assert_array_equal(job.result().numpy(), wanted)
        return Measured(seconds, job.report(), workers, spent)


def least(n: int, tile: int) -> tuple[int, int, int]:
    """Tasks, tiles that are read and tiles that are written, when each is so once."""
    blocks = -(-n // tile)
    tasks = blocks * (blocks + 1) * (blocks + 2) // 6
    return tasks, blocks * (blocks + 1) // 2, tasks


def row(name: str, here: float, m: Measured) -> str:
    return (
        f"| {name} | {m.seconds:.2f} | {here / m.seconds:.2f} | {m.report['kernel_seconds']:.1f} | {m.workers:.1f} "
        f"| {m.servers['versitygw']:.1f} | {m.servers['elasticmq']:.1f} |"
    )


def second(one: Measured, two: Measured) -> str:
    """What a second worker adds, and what there was to add."""
    busy = (two.workers + sum(two.servers.values())) / two.seconds
    most = one.seconds * (os.cpu_count() or 1) / (one.workers + sum(one.servers.values()))
    return (
        f"2 workers are {one.seconds / two.seconds:.2f} × 1 worker; as the work of 1 worker and its servers fills the "
        f"processors, {most:.2f} × would be all. They and the servers keep {busy:.2f} of {os.cpu_count()} processors busy, "
        f"the servers {sum(two.servers.values()) / two.seconds:.2f} of these."
    )


def table(n: int, tile: int, here: float, measured: dict[str, Measured], small: Measured, small_size: int) -> str:
    tasks, reads, writes = least(n, tile)
    size = tile * tile * 8
    lines = [
        f"# Cholesky {n}, tiles of {tile}, by workers elsewhere",
        "",
        f"The local executor with 2 workers takes {here:.2f} s. The servers share its 2 cores with the workers, of one thread",
        "each; the last columns are processor-seconds. All tiles are retained, but where it says results only, as the local",
        "executor does. Every result has the local one's bits.",
        "",
        "| run | s | × local | kernels, s | workers | versitygw | ElasticMQ |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [row(name, here, m) for name, m in measured.items()]
    lines += [
        "",
        f"Requests a task, of {tasks} tasks. The least, when each input is read once and each output written once: "
        f"{reads / tasks:.2f} gets of {reads * size / tasks / 1e6:.2f} MB and {writes / tasks:.2f} puts of "
        f"{writes * size / tasks / 1e6:.2f} MB; each further worker reads once what it needs of the other's.",
        "",
        "| run | gets | puts | stats | lists | MB read | MB written | messages received | computed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, m in measured.items():
        t = m.report["traffic"]
        requests = " | ".join(f"{t[kind] / tasks:.2f}" for kind in ("gets", "puts", "stats", "lists"))
        lines.append(
            f"| {name} | {requests} | {t['bytes_read'] / tasks / 1e6:.2f} | {t['bytes_written'] / tasks / 1e6:.2f} "
            f"| {m.report['messages_received'] / tasks:.2f} | {m.report['computed']} |"
        )
    count = small.report["tasks"]
    t = small.report["traffic"]
    requests = sum(t[kind] for kind in ("gets", "puts", "stats", "lists")) / count
    beside = (small.workers - small.report["kernel_seconds"]) / count
    lines += [
        "",
        f"A task beside its kernel: {beside * 1e3:.2f} ms of a processor, on {small_size} in tiles of 32 ({count} tasks, "
        f"whose tiles are next to nothing to transfer), with its {requests:.1f} requests and with the worker's start.",
        "",
    ]
    lines += [second(measured["1 worker"], measured["2 workers"]), ""]
    more = "With results only, " + second(measured["1 worker, results only"], measured["2 workers, results only"])
    return "\n".join([*lines, more, ""])


def products(n: int, tile: int, here: float, measured: dict[str, Measured]) -> str:
    lines = [
        f"# Product {n}, tiles of {tile}, by workers elsewhere",
        "",
        f"The local executor with 2 workers takes {here:.2f} s.",
        "",
        "| run | s | × local | kernels, s | workers | versitygw | ElasticMQ |",
        "|---|---|---|---|---|---|---|",
        *[row(name, here, m) for name, m in measured.items()],
        "",
        second(*measured.values()),
        "",
    ]
    return "\n".join(lines)


def factorisations(n: int, tile: int, here: dict[str, float], measured: dict[str, Measured]) -> str:
    lines = [
        f"# Factorisations of {n}, tiles of {tile}, by 2 workers elsewhere",
        "",
        "Results only are retained. The first column is the local executor's time with 2 workers.",
        "",
        "| job | local, s | s | × local | tasks | kernels, s | workers | servers | matrices read | matrices written |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, m in measured.items():
        t = m.report["traffic"]
        moved = " | ".join(f"{t[kind] / (8 * n * n):.1f}" for kind in ("bytes_read", "bytes_written"))
        lines.append(
            f"| {name} | {here[name]:.2f} | {m.seconds:.2f} | {here[name] / m.seconds:.2f} | {m.report['tasks']} "
            f"| {m.report['kernel_seconds']:.1f} | {m.workers:.1f} | {sum(m.servers.values()):.1f} | {moved} |"
        )
    return "\n".join([*lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small size: whether everything runs, not how fast")
    parser.add_argument("--size", type=int, help="of the matrix; by default 8192")
    parser.add_argument("--tile", type=int, help="by default 1024")
    parser.add_argument("--output", type=pathlib.Path, default=HERE / "results", help="the folder for the table")
    options = parser.parse_args()
    n = options.size or (1024 if options.quick else 8192)
    tile = options.tile or (128 if options.quick else 1024)
    os.environ.pop("OPENBLAS_CORETYPE", None)
    os.environ["NUMPYWREN_CONFIG"] = os.devnull

    A = positive_definite(n)
    here, wanted = local(A, tile)
    print(f"local, 2 workers: {here:.2f} s", flush=True)
    measured = {}
    with contextlib.ExitStack() as stack:
        hosts = {name: stack.enter_context(servers.Server(name)) for name in ("versitygw", "elasticmq")}
        small_size = 512
        small = elsewhere(Run("small", 1), positive_definite(small_size), 32, None, hosts)
        for run in RUNS:
            measured[run.name] = elsewhere(run, A, tile, wanted, hosts)
            print(f"{run.name}: {measured[run.name].seconds:.2f} s", flush=True)
        large = 2 * tile
        here_product, wanted = local(A, large, "matmul")
        times = {}
        for run in PRODUCTS:
            times[run.name] = elsewhere(run, A, large, wanted, hosts)
            print(f"{run.name}: {times[run.name].seconds:.2f} s", flush=True)
        A, alone, others = positive_definite(n // 2), {}, {}
        for run in FACTORISATIONS:
            alone[run.name], wanted = local(A, tile, run.job)
            others[run.name] = elsewhere(run, A, tile, wanted, hosts)
            print(f"{run.name}: {alone[run.name]:.2f} s here, {others[run.name].seconds:.2f} s elsewhere", flush=True)
    text = "\n".join(
        (
            table(n, tile, here, measured, small, small_size),
            products(n, large, here_product, times),
            factorisations(n // 2, tile, alone, others),
        )
    )
    options.output.mkdir(parents=True, exist_ok=True)
    name = time.strftime("%Y-%m-%d") + ("-quick" if options.quick else "")
    (options.output / f"{name}-cloud.md").write_text(text)
    print("\n" + text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
