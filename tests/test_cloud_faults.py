"""What jobs of workers elsewhere survive, over real servers: every time with the bits of one machine without faults.

The short forms have over 100 tasks. With NUMPYWREN_SOAK=1 they are of more than 1,000, both programs meet every fault, and more
is broken. Each test prints what the faults cost in core-seconds, and its seed with the command that repeats it. With
NUMPYWREN_TEST_COSTS=FILE the costs are also added to a file, of which `python tests/faultcosts.py FILE` makes a table.
"""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cloudsite
import faultcosts
import numpy as np
import pytest
import servers
from faultproxy import FAULTS, FaultProxy

import numpywren as npywren

SOAK = bool(os.environ.get("NUMPYWREN_SOAK"))
BLOCK = 32
BLOCKS = 18 if SOAK else 8  # a side: 1140 or 120 tasks of a Cholesky
KILLS = 20 if SOAK else 4
PROGRAMS = ["cholesky", "solve"]


def programs(short: str) -> pytest.MarkDecorator:
    """The programs that a test is done with: both, or one in the short form."""
    return pytest.mark.parametrize("program", PROGRAMS if SOAK else [short])


PACE = 0.003  # seconds that a request takes: otherwise small tasks are over before anything can be broken
SECONDS = 900 if SOAK else 120


@pytest.fixture(scope="module")
def sqs() -> str:
    endpoint = os.environ.get("NUMPYWREN_TEST_ELASTICMQ")
    if endpoint is None:
        pytest.skip("no SQS server: make py-test, or python tools/servers.py run elasticmq -- python -m pytest")
    return endpoint


@pytest.fixture(scope="module")
def s3() -> Iterator[servers.Server]:
    """A server of these tests' own: they stop it."""
    with servers.Server("versitygw") as server:
        yield server


@pytest.fixture
def seed(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> int:
    value = int(os.environ.get("NUMPYWREN_TEST_SEED") or random.SystemRandom().randrange(1 << 30))
    variables = f"NUMPYWREN_TEST_SEED={value}" + (" NUMPYWREN_SOAK=1" if SOAK else "")
    with capsys.disabled():
        print(f"\n{variables} python tools/servers.py run elasticmq -- python -m pytest '{request.node.nodeid}'")
    return value


# ---- Jobs ----------------------------------------------------------------------------------------------------------------


def inputs(program: str) -> tuple[np.ndarray, ...]:
    n = BLOCK * (BLOCKS if program == "cholesky" else BLOCKS - 1)
    rng = np.random.default_rng(n)
    M = rng.standard_normal((n, n))
    A = (M + M.T) / 2 + 2 * n * np.eye(n)
    return (A,) if program == "cholesky" else (A, rng.standard_normal((n, BLOCK)))


def expression(ex: npywren.Executor, program: str, data: tuple[np.ndarray, ...]) -> npywren.BigMatrix:
    """The program on the executor, the same tiles everywhere."""
    arrays = [ex.matrix_init(x, block_shape=(BLOCK, BLOCK)) for x in data]
    return ex.linalg.cholesky(*arrays) if program == "cholesky" else ex.linalg.solve(*arrays, assume_a="pos")


@pytest.fixture(scope="module")
def wanted() -> dict[str, np.ndarray]:
    """The results on one machine."""
    with npywren.local_executor(workers=2, progress=False) as ex:
        return {program: expression(ex, program, inputs(program)).numpy() for program in ("cholesky", "solve")}


@dataclasses.dataclass
class Deployed:
    """A deployment, a client of it, and proxies between the servers and the workers."""

    site: cloudsite.Site
    executor: npywren.Executor
    s3: FaultProxy
    sqs: FaultProxy

    def worker(self) -> cloudsite.Worker:
        environment = self.site.environment(self.s3.url, self.sqs.url)
        return self.site.worker("--memory-limit", "64MiB", environment=environment)

    def submit(self, program: str) -> cloudsite.Watch:
        job = self.executor.submit(expression(self.executor, program, inputs(program)), name=program)
        return cloudsite.Watch(self.site, job, SECONDS)

    def finish(self, watch: cloudsite.Watch) -> np.ndarray:
        """Waits for the job; gives its result."""
        while watch.poll():
            pass
        return watch.job.wait(SECONDS).result().numpy()


@pytest.fixture
def deployed(s3, sqs, monkeypatch, tmp_path) -> Iterator[Deployed]:
    with (
        cloudsite.Site(s3.url, sqs) as site,
        FaultProxy(s3.url, pace=PACE) as s3_proxy,
        FaultProxy(sqs, pace=PACE) as sqs_proxy,
    ):
        for name, value in site.environment().items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        with npywren.aws_executor(site.storage, site.name, scratch=tmp_path, progress=False) as executor:
            yield Deployed(site, executor, s3_proxy, sqs_proxy)


@pytest.fixture(scope="module")
def calm() -> dict[str, float]:
    """Core-seconds of each program without faults, measured by the first test that runs."""
    return {}


@pytest.fixture
def cost(deployed, calm, wanted, capsys):
    """Checks a job's result, and tells what the faults cost."""

    def check(watch: cloudsite.Watch, program: str, faults: str, kept: float = 0.0) -> None:
        np.testing.assert_array_equal(deployed.finish(watch), wanted[program])
        ended = time.monotonic()
        deployed.site.leave()  # the last heartbeats have all that was done
        report = watch.job.report()
        assert report["state"] == "done" and watch.job.status()["done"] == report["tasks"]
        assert not kept or report["computed"] < (1 - kept) * report["tasks"], "nothing was kept"
        assert report["tasks"] > (1000 if SOAK else 100)
        spent, cpu = deployed.site.spent(watch.began, ended)
        without = calm.get(program)
        faultcosts.note(program, faults, report, spent, cpu)
        extra = "" if without is None else f", {spent - without:+.1f} for the faults"
        with capsys.disabled():
            times = f"{report['tasks']} tasks, {report['computed']} computed, in {report['seconds']:.1f} s"
            print(f"{program}, {faults}: {times}, {spent:.1f} core-seconds{extra}")
        if faults == "no fault":  # nobody died without having told what it did
            assert report["computed"] >= report["tasks"]
            calm[program] = spent

    return check


# ---- Faults --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["cholesky", "solve"])
def test_no_fault(deployed, cost, program):
    """What the others are compared with."""
    for _ in range(2):
        deployed.worker()
    cost(deployed.submit(program), program, "no fault")


@programs("cholesky")
def test_killed_workers(deployed, cost, seed, program):
    chance, crew = random.Random(seed), [deployed.worker(), deployed.worker()]
    watch, killed = deployed.submit(program), 0
    for _ in watch.shares(KILLS + 1):
        victim = chance.randrange(len(crew))
        crew[victim].kill()
        crew[victim] = deployed.worker()
        killed += 1
    assert killed > KILLS // 2
    cost(watch, program, f"{killed} workers killed")


@programs("solve")
def test_all_workers_killed(deployed, cost, program):
    crew = [deployed.worker(), deployed.worker()]
    watch = deployed.submit(program)
    for _ in watch.shares(3):
        for worker in crew:
            worker.kill()
        assert watch.poll(), "it ended without workers"
        crew = [deployed.worker(), deployed.worker()]
    cost(watch, program, "all workers killed, twice")


CLIENT = """
    import sys
    import numpy as np
    import numpywren as npywren
    storage, queue, program, block, files = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5:]
    with npywren.aws_executor(storage, queue, progress=False) as ex:
        arrays = [ex.matrix_init(np.load(file), block_shape=(block, block)) for file in files]
        print("begun", flush=True)
        result = ex.linalg.cholesky(*arrays) if program == "cholesky" else ex.linalg.solve(*arrays, assume_a="pos")
        result.persist("result")
"""


@pytest.mark.parametrize("moment", ["before anybody works", "in the middle"])
@programs("cholesky")
def test_killed_client(deployed, cost, tmp_path, program, moment):
    """Its job goes on, and is found by whoever comes."""
    files = [tmp_path / f"{k}.npy" for k in range(len(inputs(program)))]
    for file, data in zip(files, inputs(program), strict=True):
        np.save(file, data)
    site = deployed.site
    command = [sys.executable, "-c", textwrap.dedent(CLIENT), site.storage, site.name, program, str(BLOCK), *map(str, files)]
    client = subprocess.Popen(command, env=site.environment(), stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None and client.stdout.readline() == "begun\n"
    end = time.monotonic() + 60
    submitted: list[dict] = []
    while not submitted:  # its message is there, and nobody works yet
        assert time.monotonic() < end and client.poll() is None
        submitted = [job for job in deployed.executor.jobs() if job["queue"]["Visible"]]
    watch = cloudsite.Watch(site, deployed.executor.job(submitted[0]["id"]), SECONDS)
    if moment == "in the middle":
        deployed.worker(), deployed.worker()
        assert next(watch.shares(2)) == 1
    client.send_signal(signal.SIGKILL)
    assert client.wait() == -signal.SIGKILL
    client.stdout.close()
    if moment != "in the middle":
        deployed.worker(), deployed.worker()
    cost(watch, program, f"the client killed {moment}")
    assert deployed.executor.list() == ["result"]


@programs("cholesky")
def test_restarted_store(deployed, cost, s3, program):
    deployed.worker(), deployed.worker()
    watch, times = deployed.submit(program), 0
    for _ in watch.shares(6 if SOAK else 3):
        s3.stop()
        refused, end = deployed.s3.counts["refused"] + deployed.s3.counts["broken"], time.monotonic() + 30
        while deployed.s3.counts["refused"] + deployed.s3.counts["broken"] < refused + 3:
            assert time.monotonic() < end, "nobody misses the server"
        s3.start()
        times += 1
    assert times > 0
    cost(watch, program, f"S3 restarted {times} times")


@programs("cholesky")
def test_failing_requests(deployed, cost, s3, sqs, seed, program):
    """1 % of requests, to both servers; more in the short form, so that each kind comes."""
    rate = 0.01 if SOAK else 0.03
    with FaultProxy(s3.url, seed, rate, PACE) as deployed.s3, FaultProxy(sqs, seed + 1, rate, PACE) as deployed.sqs:
        deployed.worker(), deployed.worker()
        watch = deployed.submit(program)
        cost(watch, program, f"{rate:.0%} of requests failing")
        counts = deployed.s3.counts + deployed.sqs.counts
        assert deployed.s3.faults() > 0 and sum(counts[fault] for fault in FAULTS) > rate * counts["requests"] / 3, counts


@programs("solve")
def test_every_message_twice(deployed, cost, sqs, program):
    """The second time late: some while the first is in hand, some when its task is done."""
    with FaultProxy(sqs, pace=PACE, late=0.3) as deployed.sqs:
        deployed.worker(), deployed.worker()
        watch = deployed.submit(program)
        cost(watch, program, "every message twice, the second time late")
        assert deployed.sqs.counts["again"] > 10


@pytest.mark.parametrize("how", ["slowed", "frozen"])
@programs("cholesky")
def test_slow_worker(deployed, cost, program, how):
    slow, _ = deployed.worker(), deployed.worker()
    watch = deployed.submit(program)
    for part in watch.shares(4):
        if SOAK or part == 2:
            break
    if how == "slowed":
        with slow.slowed(20):
            deployed.finish(watch)
    else:
        slow.freeze()
        deployed.finish(watch)
        slow.thaw()  # it goes on with what it has in hand, and must not spoil anything
    cost(watch, program, f"a worker {how}{' 20 times' if how == 'slowed' else ''}")


@programs("solve")
def test_purged_queue(deployed, cost, program):
    """All messages are gone; the job is resumed from its tiles."""
    crew = [deployed.worker(), deployed.worker()]
    watch = deployed.submit(program)
    for _ in watch.shares(2):
        for worker in crew:
            worker.kill()
        deployed.site.purge()
    assert watch.poll()
    watch.job.resume()
    deployed.worker(), deployed.worker()
    cost(watch, program, "the queue purged, the job resumed", kept=0.1)


@pytest.mark.parametrize("how", ["cancelled", "frozen"])
def test_name_taken_over(deployed, how):
    """Another job gets the name of one that was cancelled with tasks in hand: no tile of theirs gets into it."""
    slow, _ = deployed.worker(), deployed.worker()
    watch = deployed.submit("cholesky")
    for _ in watch.shares(2):
        break
    if how == "frozen":
        slow.freeze()
    watch.job.cancel()
    (A,) = inputs("cholesky")
    with npywren.local_executor(progress=False) as ex:
        other = expression(ex, "cholesky", (A + np.eye(len(A)),)).numpy()
    job = deployed.executor.submit(expression(deployed.executor, "cholesky", (A + np.eye(len(A)),)), name="cholesky")
    second = cloudsite.Watch(deployed.site, job, SECONDS)
    if how == "frozen":
        for _ in second.shares(2):
            break
        slow.thaw()  # it has tiles of the first job in hand
    np.testing.assert_array_equal(deployed.finish(second), other)
    deployed.site.leave()
    np.testing.assert_array_equal(deployed.executor.open("cholesky").numpy(), other)


# ---- What cannot succeed -------------------------------------------------------------------------------------------------


def test_numerical_poison(deployed, wanted):
    """A job that cannot succeed fails at once, with the tile; others go on."""
    deployed.worker(), deployed.worker()
    (A,) = inputs("cholesky")
    A[100, 100] = -1.0
    bad = cloudsite.Watch(deployed.site, deployed.executor.submit(expression(deployed.executor, "cholesky", (A,))), SECONDS)
    good = deployed.submit("solve")
    while bad.poll():
        pass
    assert bad.status["state"] == "failed"
    with pytest.raises(np.linalg.LinAlgError, match=r"cholesky\(iter=3\)"):
        bad.job.wait(10)
    np.testing.assert_array_equal(deployed.finish(good), wanted["solve"])


def test_deadly_task(s3, sqs, monkeypatch, wanted):
    """A task that kills every worker that runs it ends its job, with the reason, and not the fleet."""
    with cloudsite.Site(s3.url, sqs, deliveries=3) as site, FaultProxy(s3.url) as proxy:
        for name, value in site.environment().items():
            if name.startswith("AWS_"):
                monkeypatch.setenv(name, value)
        with npywren.aws_executor(site.storage, site.name, progress=False) as ex, ThreadPoolExecutor() as pool:
            job = ex.submit(expression(ex, "cholesky", inputs("cholesky")))
            (place,) = [place for name, place in job.matrices().items() if name.startswith("chol(")]

            def start() -> cloudsite.Worker:
                return site.worker("--lease", "1s", environment=site.environment(proxy.url))

            worker, died = start(), 0
            proxy.trap = (f"PUT /{site.name}/work/{place}/c/3/3?".encode(), lambda: worker.kill())
            waiting = pool.submit(job.wait, 60)
            while not waiting.done():
                if not worker.alive:
                    worker, died = start(), died + 1
                time.sleep(0.02)
            with pytest.raises(OSError, match=r"cholesky\(iter=3\) was .*its worker died"):
                waiting.result()
            assert died >= 3
            proxy.trap = None
            if not worker.alive:
                start()
            other = cloudsite.Watch(site, ex.submit(expression(ex, "solve", inputs("solve"))), SECONDS)
            while other.poll():
                pass
            np.testing.assert_array_equal(other.job.wait(10).result().numpy(), wanted["solve"])
