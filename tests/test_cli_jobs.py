"""The command's groups for jobs and garbage, in this process, over a folder."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import time

import numpy as np
import pytest

import numpywren as npywren


@pytest.fixture
def store(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The storage of a deployment whose workers are in each client's process."""
    monkeypatch.setenv("NUMPYWREN_STORAGE", str(tmp_path / "store"))
    monkeypatch.setenv("NUMPYWREN_QUEUE", "memory")
    return tmp_path / "store"


def submit(store: pathlib.Path, A: np.ndarray, name: str, block: int = 50) -> str:
    """A factorisation that is over."""
    with npywren.aws_executor(store, "memory", workers=2, progress=False) as e:
        job = e.submit(e.linalg.cholesky(e.matrix_init(A, block_shape=(block, block))), name=name)
        with contextlib.suppress(np.linalg.LinAlgError):
            job.wait(60)
        return job.id


def abandon(store: pathlib.Path, name: str) -> str:
    """A job whose workers and messages went with its client: it runs, for all that the store knows."""
    with npywren.aws_executor(store, "memory", workers=1, progress=False) as e:
        X = e.random.standard_normal((1500, 1500), seed=0, block_shape=(50, 50))
        return e.submit(X @ X.T, name=name).id


def age(store: pathlib.Path, hours: float) -> None:
    """Makes all objects look older."""
    at = time.time() - hours * 3600
    for path in store.rglob("*"):
        if path.is_file():
            os.utime(path, (at, at))


def test_jobs(store, run, spd):
    assert run("jobs").out.split() == ["ID", "NAME", "STATE", "PROGRESS", "WORKERS", "AGE"]
    assert json.loads(run("jobs", "--json").out) == []
    done = submit(store, spd(200), "L")
    failed = submit(store, np.diag([1.0, 2.0, -1.0]), "M", 1)
    head, *rows = run("jobs").out.splitlines()
    assert head.split() == ["ID", "NAME", "STATE", "PROGRESS", "WORKERS", "AGE"]
    found = {row.split()[0]: row.split()[1:] for row in rows}
    assert found[done][:4] == ["L", "done", "20/20", "100%"]
    assert found[failed][:2] == ["M", "failed"]
    assert all(re.fullmatch(r"\d+[smhd]", row[-1]) for row in found.values())
    assert len({len(row) for row in rows}) == 1, "the columns stand below each other"
    assert {j["id"] for j in json.loads(run("jobs", "--json").out)} == {done, failed}

    status = run("status", failed)
    assert status.status == 0
    assert re.search(r"^state +failed$", status.out, re.M) and re.search(r"^message .*cholesky\(iter=2\)", status.out, re.M)
    assert json.loads(run("status", done, "--json").out)["state"] == "done"
    report = run("report", done)
    assert re.search(r"^tasks +20, computed 2\d times$", report.out, re.M), report.out
    assert re.search(r"^cost +\$\d", report.out, re.M)
    assert json.loads(run("report", done, "--json").out)["tasks"] == 20
    logs = run("logs", failed)
    assert logs.status == 0 and "failed" in logs.out

    assert run("wait", done) == (0, f"{done} is done\n", "")
    waited = run("wait", failed)
    assert waited.status == 1 and waited.out == ""
    assert re.fullmatch(r"numpywren wait: .*cholesky\(iter=2\).*\n", waited.err)
    assert run("resume", done, "--wait") == (0, f"{done} is done\n", "")
    refused = run("cancel", done)
    assert refused.status == 1 and f"{done} is over already: done" in refused.err


def test_life_of_an_abandoned_job(store, run):
    job = abandon(store, "P")
    assert json.loads(run("status", job, "--json").out)["state"] == "running"
    waited = run("wait", job, "--timeout", "0.2")
    assert waited.status == 124 and "not done after 0.2 seconds" in waited.err
    assert "--wait" in run("resume", job).err
    assert run("cancel", job) == (0, f"{job} is cancelled\n", "")
    assert run("wait", job).status == 1
    assert run("resume", job, "--wait").out == f"{job} is done\n"
    with npywren.aws_executor(store, "memory", workers=1, progress=False) as e:
        P = e.open("P").numpy()
        X = e.random.standard_normal((1500, 1500), seed=0, block_shape=(50, 50)).numpy()
    np.testing.assert_allclose(P, X @ X.T, atol=1e-9)


def test_gc(store, run, spd):
    A = spd(200)
    done = submit(store, A, "L")
    running = abandon(store, "P")
    kept = {p for p in store.rglob("*") if "P" in p.parts or running in p.parts}
    plan = run("gc", "--dry-run")
    assert plan.status == 0
    assert re.search(rf"^intermediate +\d+ +[\d.]+ \w+ +\.numpywren/[0-9a-f.]+\w* .*job {done}", plan.out, re.M), plan.out
    assert re.search(rf"^run +\d+ .*\.numpywren/jobs/{done}/1/claims ", plan.out, re.M)
    assert re.search(r"^would free \d+ objects", plan.out, re.M)
    assert "left for now" in plan.out
    asked = run("gc")
    assert asked.status == 1 and "nothing was freed: --yes" in asked.err
    assert run("gc", "--dry-run").out == plan.out
    assert re.search(r"^freed \d+ objects", run("gc", "--yes").out, re.M)
    assert "would free 0 objects" in run("gc", "--dry-run").out
    age(store, 2)
    found = json.loads(run("gc", "--json", "--yes", "--keep-days", "0").out)
    assert found["freed"] and {g["kind"] for g in found["items"]} == {"unnamed", "job"}
    assert [job["id"] for job in json.loads(run("jobs", "--json").out)] == [running]
    assert all(p.exists() for p in kept), "a job that runs keeps its tiles"
    run("cancel", running)
    found = json.loads(run("gc", "--json", "--yes", "--keep-days", "0").out)
    assert ("unfinished", "P") in {(g["kind"], g["place"]) for g in found["items"]} or not (store / "P" / ".computing").exists()
    with npywren.aws_executor(store, "memory", workers=1, progress=False) as e:
        assert e.list() == ["L"]
        np.testing.assert_allclose(np.tril(e.open("L").numpy() @ e.open("L").numpy().T), np.tril(A), atol=1e-10)


def test_gc_of_a_path(tmp_path, run, ex, python):
    python(
        """
        import os, sys
        import numpywren
        ex = numpywren.local_executor(path=sys.argv[1], workers=1, progress=False)
        A = ex.random.standard_normal((400, 400), seed=0, block_shape=(100, 100)).persist("A")
        (A @ A.T + 1).numpy()
        os.makedirs(os.path.join(sys.argv[1], "half", "c"))
        for name in (".computing", "c/0"):
            open(os.path.join(sys.argv[1], "half", name), "w").close()
        ex.random.standard_normal((400, 400), seed=1).persist()
        os._exit(0)
        """,
        tmp_path,
    )
    (tmp_path / "A" / ".part-0123456789abcdef").write_bytes(b"x" * 100)
    os.utime(tmp_path / "A" / ".part-0123456789abcdef", (0, 0))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    with npywren.local_executor(path=tmp_path, workers=1) as other:
        found = other.gc()
        assert {g["kind"] for g in found["items"]} >= {"part", "unfinished", "unnamed"}
        spared = json.loads(run("gc", "--path", tmp_path, "--dry-run", "--json").out)
        assert {g["kind"] for g in spared["items"]} == {"part"}, "another executor has the folder open"
        assert spared["recent"]["objects"] > 0
    found = run("gc", "--path", tmp_path, "--yes")
    assert found.status == 0 and "half" in found.out and ".part-0123456789abcdef" in found.out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["A", "notes"]
    assert not list(tmp_path.rglob(".part-*"))
    with npywren.local_executor(path=tmp_path) as again:
        assert again.list() == ["A"] and again.open("A").numpy().shape == (400, 400)
    with pytest.raises(NotImplementedError, match="path="):
        ex.gc()


@pytest.mark.parametrize("days", [-1, float("inf"), float("nan"), "7", True])
def test_gc_of_wrong_days(store, days):
    with npywren.aws_executor(store, "memory", workers=1) as e, pytest.raises((ValueError, TypeError), match="keep_days is"):
        e.gc(keep_days=days)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["status"], 2, "ID"),
        (["status", "2020-1"], 1, "no job 2020-1"),
        (["status", "../../x"], 1, "is no job"),
        (["wait", "2020-1", "--timeout", "-1"], 1, "no job 2020-1"),
        (["wait", "x", "--timeout", "soon"], 2, "--timeout"),
        (["wait", "x", "--budget", "-1"], 1, "budget is -1"),
        (["wait", "x", "--workers", "0"], 1, "workers is 0"),
        (["jobs", "--storage", "gs://bucket"], 1, "not gs://"),
        (["jobs", "--storage", "s3://B"], 1, "is no S3 URL"),
        (["jobs", "--queue", ""], 1, "queue must not be empty"),
        (["jobs", "--profile", "none"], 1, "no profile [none]"),
        (["gc", "--keep-days", "-3", "--dry-run"], 1, "keep_days is -3"),
        (["gc", "--keep-days", "week"], 2, "--keep-days"),
        (["provision"], 1, "function is missing"),
        (["provision", "--function", "f"], 1, "cannot see"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_refusals(store, run, monkeypatch, tmp_path, arguments, status, words):
    (tmp_path / "config.toml").write_text("[default]\n")
    monkeypatch.setenv("NUMPYWREN_CONFIG", str(tmp_path / "config.toml"))
    result = run(*arguments)
    assert (result.status, result.out) == (status, "")
    assert words in result.err
    if status == 1:
        assert re.fullmatch(rf"numpywren {arguments[0]}: [^\n]+\n", result.err), "one line"


def test_nothing_is_given(run):
    assert "no storage is given: --storage, NUMPYWREN_STORAGE" in run("jobs").err
    assert "no queue is given: --queue" in run("jobs", "--storage", "s3://abc").err
    assert "no place is given" in run("gc", "--dry-run").err


def test_settings_of_a_file(run, tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text(f'[default]\npath = "/nowhere"\n[there]\nstorage = "{tmp_path / "store"}"\nqueue = "memory"\n')
    assert json.loads(run("jobs", "--config", config, "--profile", "there", "--json").out) == []
    assert json.loads(run("gc", "--config", config, "--path", tmp_path / "p", "--dry-run", "--json").out)["items"] == []
    assert "no profile [here]" in run("jobs", "--config", config, "--profile", "here").err
    assert "No such file" in run("jobs", "--config", tmp_path / "none.toml").err


def test_help(run):
    listed = run("--help").out
    for command in ("jobs", "status", "logs", "report", "wait", "cancel", "resume", "gc", "worker", "provision"):
        assert re.search(rf"^ +{command}\s", listed, re.M)
        text = run(command, "--help").out
        assert f"example:\n  numpywren {command}" in text
        assert max(map(len, text.splitlines())) <= 130
