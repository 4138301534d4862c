"""Futures of calls, against concurrent.futures' meaning; how calls, executors and processes end."""

from __future__ import annotations

import concurrent.futures
import inspect
import os
import pathlib
import pickle
import sys
import time

import numpy as np
import pytest
from waiting import gone, until

import numpywren as npywren


def myfunc(x):
    return x + 1


def reciprocal(x):
    return 1 / x


def forever(path=None):
    if path is not None:
        pathlib.Path(path).write_text(str(os.getpid()))
    while True:
        pass


def test_a_time_limit(pwex):
    started = time.monotonic()
    futures = pwex.map(lambda x: forever() if x == 1 else x, range(3), time_limit=1)
    assert futures[0].result() == 0
    assert futures[2].result() == 2
    with pytest.raises(TimeoutError, match=r"lambda.* ran longer than its time limit of 1 seconds"):
        futures[1].result()
    assert time.monotonic() - started < 30
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="time_limit is"):
            pwex.map(myfunc, [1], time_limit=wrong)


def test_waiting_may_end_before_the_call(pwex, tmp_path):
    future = pwex.call_async(forever, tmp_path / "pid")
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(timeout=0.1)
    with pytest.raises(concurrent.futures.TimeoutError):
        future.exception(timeout=0.01)
    assert not future.done()
    assert future.cancel()


def test_cancelling_kills_the_process_of_a_call_that_runs(pwex, tmp_path):
    future = pwex.call_async(forever, tmp_path / "pid")
    until(future.running)
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    pid = int((tmp_path / "pid").read_text())
    told = []
    future.add_done_callback(told.append)
    assert future.cancel()
    assert future.cancelled()
    assert future.done()
    assert not future.running()
    assert told == [future]
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()
    until(lambda: gone(pid))
    assert future.cancel()  # again
    assert pwex.call_async(myfunc, 1).result() == 2


def test_cancelling_calls_that_wait(pwex, tmp_path):
    blockers = [pwex.call_async(forever, tmp_path / str(k)) for k in range(2)]
    waiting = pwex.map(lambda k: pathlib.Path(tmp_path, f"ran{k}").touch(), range(10))
    assert not waiting[0].running()
    assert all(future.cancel() for future in waiting)
    assert all(future.cancel() for future in blockers)
    done, not_done = npywren.wait([*blockers, *waiting], timeout=30)
    assert len(done) == 12
    assert not_done == set()
    assert pwex.call_async(myfunc, 1).result() == 2
    assert not list(tmp_path.glob("ran*"))
    finished = pwex.call_async(myfunc, 1)
    finished.result()
    assert not finished.cancel()
    assert not finished.cancelled()


def test_logs(pwex):
    def talk(x):
        print("out", x)
        print("err", x, file=sys.stderr)
        os.system(f"echo child {x}")
        return sys.stdin.read()

    futures = pwex.map(talk, range(4))
    assert npywren.get_all_results(futures) == [""] * 4
    assert [future.log for future in futures] == [f"out {x}\nerr {x}\nchild {x}\n" for x in range(4)]
    silent = pwex.call_async(myfunc, 1)
    silent.result()
    assert silent.log == ""
    much = pwex.call_async(lambda: print("x" * 10_000_000, "end"))
    much.result()
    assert len(much.log) < 100_000
    assert much.log.endswith("end\n")

    def last_words():
        print("last words")
        os._exit(1)

    with pytest.raises(concurrent.futures.BrokenExecutor, match=r"exit status 1 [\s\S]*last words"):
        pwex.call_async(last_words).result()


# ---- concurrent.futures -----------------------------------------------------------------------------------------------


def test_it_is_a_future_of_the_standard_library(pwex):
    futures = pwex.map(myfunc, range(20))
    assert all(isinstance(future, concurrent.futures.Future) for future in futures)
    assert sorted(future.result() for future in concurrent.futures.as_completed(futures, timeout=30)) == list(range(1, 21))
    done, not_done = concurrent.futures.wait(futures)
    assert (len(done), len(not_done)) == (20, 0)
    told = []
    futures[0].add_done_callback(lambda future: told.append(future.result()))
    assert told == [1]


def test_wait(pwex, tmp_path):
    never = pwex.call_async(forever)
    quick = pwex.call_async(myfunc, 1)
    found = npywren.wait([never, quick], return_when=npywren.FIRST_COMPLETED)
    assert found.done == {quick}
    assert found.not_done == {never}
    failing = pwex.call_async(reciprocal, 0)
    done, not_done = npywren.wait([never, failing], timeout=30, return_when=npywren.FIRST_EXCEPTION)
    assert done == {failing}
    assert not_done == {never}
    started = time.monotonic()
    done, not_done = npywren.wait((future for future in (never, quick)), timeout=0.2)
    assert 0.15 < time.monotonic() - started < 5
    assert (done, not_done) == ({quick}, {never})
    never.cancel()
    assert npywren.wait([never, quick], timeout=30).not_done == set()
    with pytest.raises(ValueError, match="return_when is 'SOON'"):
        npywren.wait([never], return_when="SOON")


def test_asyncio_can_await_it(pwex):
    import asyncio

    async def both():
        return await asyncio.gather(*map(asyncio.wrap_future, pwex.map(myfunc, [1, 2])))

    assert asyncio.run(both()) == [2, 3]


INTERRUPTED = """
    import os, signal, sys, threading, time
    import numpywren
    ex = numpywren.local_executor(workers=2)

    def forever(x):
        time.sleep(1000)

    ex.call_async(abs, 1).result()
    futures = ex.map(forever, range(4))
    threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    try:
        {call}
        print("was not interrupted")
    except KeyboardInterrupt:
        assert 0.3 < time.monotonic() - started < 5
        for future in futures:
            future.cancel()
        assert ex.call_async(abs, -2).result() == 2
        print("interrupted")
"""


@pytest.mark.parametrize(
    "call",
    [
        *("futures[0].result()", "numpywren.wait(futures)", "numpywren.get_all_results(futures)"),
        *("futures[3].exception()", "ex.map_blocks(forever, ex.ones((4, 4)), dtype=float).numpy()"),
    ],
)
def test_ctrl_c(python, call):
    assert python(INTERRUPTED.replace("{call}", call)).stdout.split() == ["interrupted"]


def test_closing_ends_all_calls(tmp_path):
    ex = npywren.local_executor(workers=1, progress=False)
    done = ex.call_async(np.ones, 5)
    done.result()
    unread = ex.call_async(np.zeros, 1_000_000)
    npywren.wait([unread], timeout=30)
    futures = ex.map(forever, [tmp_path / str(k) for k in range(3)])
    until(lambda: (tmp_path / "0").exists() and (tmp_path / "0").read_text())
    pid = int((tmp_path / "0").read_text())
    started = time.monotonic()
    ex.close()
    assert time.monotonic() - started < 5
    assert gone(pid)
    for future in futures:
        with pytest.raises(concurrent.futures.CancelledError):
            future.result(timeout=10)
    np.testing.assert_array_equal(done.result(), np.ones(5))
    with pytest.raises(RuntimeError, match="closed"):
        unread.result()
    for call in (lambda: ex.map(myfunc, [1]), lambda: ex.call_async(myfunc, 1)):
        with pytest.raises(RuntimeError, match="closed"):
            call()


@pytest.mark.parametrize("ending", ["sys.exit()", "os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_no_process_outlives_its_parent(python, tmp_path, ending):
    done = python(
        f"""
        import os, pathlib, signal, sys, time
        import numpywren
        ex = numpywren.local_executor(workers=2)

        def forever(path):
            pathlib.Path(path).write_text(str(os.getpid()))
            while True:
                pass

        paths = [sys.argv[1] + "/" + name for name in "ab"]
        futures = ex.map(forever, paths)
        while not all(os.path.exists(path) and os.path.getsize(path) for path in paths):
            time.sleep(0.01)
        {ending}
        """,
        tmp_path,
        code=-9 if "SIGKILL" in ending else 0,
    )
    assert done.stderr == ""
    pids = [int((tmp_path / name).read_text()) for name in "ab"]
    until(lambda: all(map(gone, pids)))


def test_futures_keep_their_executor():
    futures = npywren.local_executor(workers=1).map(lambda x: (time.sleep(0.05), x)[1], range(5))
    assert npywren.get_all_results(futures) == list(range(5))


def test_an_interpreter_without_numpywren(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    says = r"a Python process \(/bin/false -m numpywren._sidecar\) could not be started"
    with npywren.local_executor(workers=1, progress=False) as ex, pytest.raises(RuntimeError, match=says):
        ex.call_async(myfunc, 1).result(timeout=30)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    says = "/no/such/python cannot be started"
    with npywren.local_executor(workers=1, progress=False) as ex, pytest.raises(RuntimeError, match=says):
        ex.call_async(myfunc, 1).result(timeout=30)


def test_modules_that_others_cannot_import_go_by_value(pwex, tmp_path):
    import importlib.util

    (tmp_path / "hidden.py").write_text("def helper(x):\n    return x + 40\n\ndef f(x):\n    return helper(x)\n")
    spec = importlib.util.spec_from_file_location("hidden", tmp_path / "hidden.py")
    module = sys.modules["hidden"] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        assert pwex.call_async(module.f, 2).result() == 42
    finally:
        del sys.modules["hidden"]


def test_a_forked_child_does_not_wait_for_ever(python):
    text = """
        import os, time, warnings
        import numpywren
        warnings.simplefilter("ignore")
        ex = numpywren.local_executor(workers=1)
        done, never = ex.call_async(abs, -1), ex.call_async(time.sleep, 1000)
        done.result()
        waiting = ex.map(abs, [1])
        child = os.fork()
        if child == 0:
            said = int(done.result() == 1)
            for call in (waiting[0].result, waiting[0].exception, lambda: numpywren.wait(waiting), lambda: ex.map(abs, [1])):
                try:
                    call()
                except RuntimeError as e:
                    said += "forked child" in str(e)
            os._exit(said)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 5, status
    """
    python(text, timeout=30)


def test_futures_are_not_pickled(pwex):
    with pytest.raises(TypeError):
        pickle.dumps(pwex.call_async(myfunc, 1))


def test_signatures():
    assert str(inspect.signature(npywren.wait)).startswith("(futures: ")
    assert list(inspect.signature(npywren.Future.result).parameters) == ["self", "timeout"]
