"""PyWren: calls of Python functions in other processes, against concurrent.futures' meaning; map_blocks, against NumPy."""

from __future__ import annotations

import concurrent.futures
import functools
import inspect
import os
import pathlib
import pickle
import signal
import sys
import threading
import time

import numpy as np
import pytest

import numpywren as npywren


@pytest.fixture(scope="module", params=["local", "far"])
def pwex(request, tmp_path_factory):
    """An executor of this process, and one whose calls go by way of a folder and a queue to a worker, in this process too."""
    settings = {"workers": 2, "memory_limit": "512MiB", "progress": False}
    if request.param == "local":
        with npywren.local_executor(**settings) as executor:
            yield executor
        return
    storage = tmp_path_factory.mktemp("storage")
    with npywren.aws_executor(storage, "memory", pipeline_width=1, **settings) as executor:
        yield executor
    left = [path for path in storage.glob(".numpywren/calls/**/*") if path.is_file()]
    assert not left


@pytest.fixture
def pywren():
    return npywren


def myfunc(x):
    return x + 1


def test_the_talks_program(pwex, pywren):
    futures = pwex.map(myfunc, [1, 2, 3])
    assert pywren.get_all_results(futures) == [2, 3, 4]


def test_word_for_word(python):
    done = python(
        """
        import numpywren as pywren
        pwex = pywren.default_executor()

        def myfunc(x):
            return x + 1

        futures = pwex.map(myfunc, [1, 2, 3])
        print(pywren.get_all_results(futures))          # [2, 3, 4]
        """
    )
    assert done.stdout.split("\n")[0] == "[2, 3, 4]"
    assert done.stderr == ""


# ---- What can be called with what -------------------------------------------------------------------------------------


class Scale:
    def __init__(self, by):
        self.by = by

    def __call__(self, x):
        return x * self.by

    def method(self, x):
        return x - self.by


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x * 2, [0, 2, 4]),
        (Scale(3), [0, 3, 6]),
        (Scale(1).method, [-1, 0, 1]),
        (functools.partial(pow, 2), [1, 2, 4]),
        (abs, [0, 1, 2]),
        (np.square, [0, 1, 4]),
    ],
)
def test_functions_of_all_kinds(pwex, f, expected):
    assert npywren.get_all_results(pwex.map(f, range(3))) == expected


def test_closures_see_what_they_closed_over(pwex):
    table = {k: np.full(3, k) for k in range(3)}

    def look(k):
        return table[k].sum() + myfunc(k)

    assert npywren.get_all_results(pwex.map(look, [0, 1, 2])) == [1, 5, 9]


def test_data_of_all_kinds(pwex):
    assert pwex.map(myfunc, []) == []
    assert npywren.get_all_results(pwex.map(myfunc, (k for k in range(700)))) == list(range(1, 701))
    assert npywren.get_all_results(pwex.map(pow, [2, 3, 4], [3, 2])) == [8, 9]
    assert npywren.get_all_results(pwex.map(len, ["", "ab", [1, 2, 3], {1: 2}])) == [0, 2, 3, 1]
    assert pwex.call_async(int, "ff", base=16).result() == 255
    assert pwex.call_async(dict, f=1, self=2).result() == {"f": 1, "self": 2}
    assert pwex.call_async(lambda: None).result() is None


@pytest.mark.parametrize("n", [0, 1, 100, 10_000, 700_000])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
def test_arrays_come_and_go(pwex, n, dtype):
    X = np.random.default_rng(n).integers(0, 2, (n, 3)).astype(dtype)

    def change(X):
        X[:1] = 1  # it is ours to write
        return [X, X.T[:, ::2], "text"]

    back, strided, text = pwex.call_async(change, X).result()
    before = X.copy()
    before[:1] = 1
    np.testing.assert_array_equal(back, before)
    np.testing.assert_array_equal(strided, before.T[:, ::2])
    assert back.dtype == dtype
    assert text == "text"
    back[...] = 0  # and so is the result


def test_a_result_is_one_object(pwex):
    future = pwex.call_async(list)
    assert future.result() is future.result()


def test_ten_thousand_calls(pwex, request):
    npywren.get_all_results(pwex.map(myfunc, range(100)))
    started = time.perf_counter()
    assert npywren.get_all_results(pwex.map(myfunc, range(10_000))) == list(range(1, 10_001))
    took = time.perf_counter() - started
    print(f"{took / 10_000 * 1e6:.0f} µs a call")
    assert took < (6 if "local" in request.node.callspec.id else 60)  # 0.7 s and 4 s on two cores that do nothing else


def test_processes_are_reused_and_as_many_as_workers(pwex):
    seen = set(npywren.get_all_results(pwex.map(lambda _: os.getpid(), range(200))))
    assert 1 <= len(seen) <= 2
    assert os.getpid() not in seen
    assert set(npywren.get_all_results(pwex.map(lambda _: os.getpid(), range(50)))) <= seen


def test_calls_run_at_once(pwex, tmp_path):
    """Two calls that wait for each other."""

    def meet(me, other):
        pathlib.Path(tmp_path, me).touch()
        while not pathlib.Path(tmp_path, other).exists():
            time.sleep(0.005)
        return me

    assert npywren.get_all_results(pwex.map(meet, "ab", "ba")) == ["a", "b"]


# ---- Failures ---------------------------------------------------------------------------------------------------------


def inner(x):
    return 1 / x


def test_tracebacks_arrive_whole(pwex):
    def outer(x):
        try:
            return inner(x)
        except ZeroDivisionError as e:
            raise LookupError("outer", x) from e

    future = pwex.call_async(outer, 0)
    e = future.exception()
    assert type(e) is LookupError
    assert e.args == ("outer", 0)
    text = str(e.__cause__)
    for part in ("return 1 / x", "in inner", "in outer", 'raise LookupError("outer", x) from e', "direct cause", __file__):
        assert part in text
    assert "_sidecar" not in text
    assert future.traceback in text
    with pytest.raises(LookupError):
        future.result()
    with pytest.raises(LookupError):
        npywren.get_all_results([pwex.call_async(myfunc, 1), future])


class TwoArgumentsError(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


class WithLockError(Exception):
    def __init__(self):
        super().__init__("holds a lock")
        self.lock = threading.Lock()


@pytest.mark.parametrize(("make", "text"), [(lambda: TwoArgumentsError(1, 2), "1 and 2"), (WithLockError, "holds a lock")])
def test_exceptions_that_cannot_be_pickled(pwex, make, text):
    def fail():
        raise make()

    e = pwex.call_async(fail).exception()
    assert isinstance(e, RuntimeError)
    assert text in str(e)
    assert type(make()).__name__ in str(e)
    assert "raise make()" in str(e.__cause__)


def test_base_exceptions_are_the_callers(pwex):
    assert isinstance(pwex.call_async(sys.exit, 3).exception(), SystemExit)
    assert pwex.call_async(myfunc, 1).result() == 2


def test_what_cannot_be_pickled(pwex):
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"the function .*uses cannot be pickled: .*lock"):

        def uses():
            return lock

        pwex.call_async(uses)
    with pytest.raises(TypeError, match=r"the arguments of myfunc cannot be pickled: .*lock"):
        pwex.call_async(myfunc, lock)
    with pytest.raises(TypeError, match="item 2 of the data of myfunc cannot be pickled"):
        pwex.map(myfunc, [1, 2, lock])
    with pytest.raises(TypeError, match=r"the result of .*Lock|the result of allocate_lock, a lock, cannot be pickled"):
        pwex.call_async(threading.Lock).result()
    with pytest.raises(TypeError, match="open one in each process"):
        pwex.call_async(lambda: pwex)
    with pytest.raises(TypeError, match="f is 3: a function was expected"):
        pwex.map(3, [1])
    with pytest.raises(TypeError, match="map needs data"):
        pwex.map(myfunc)


class OnlyThere:
    """Fails to come back."""

    def __reduce__(self):
        return _refuse_here, (os.getpid(),)


def _refuse_here(pid):
    if pid != os.getpid():
        raise OSError("only there")
    return OnlyThere()


def test_results_that_do_not_unpickle(pwex):
    with pytest.raises(RuntimeError, match=r"the result of .*OnlyThere cannot be unpickled here: OSError: only there"):
        pwex.call_async(OnlyThere).result()


def segfault():
    import ctypes

    ctypes.string_at(1)


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (functools.partial(os._exit, 3), "exit status 3 while it ran _exit"),
        (segfault, r"signal 11 \(segmentation fault\) while it ran segfault[\s\S]*in segfault"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), r"signal 9 \(killed\), as the system does when memory runs out"),
    ],
)
def test_a_function_that_kills_its_process(pwex, f, says):
    with pytest.raises(concurrent.futures.BrokenExecutor, match=says):
        pwex.call_async(f).result(timeout=30)
    assert npywren.get_all_results(pwex.map(myfunc, range(10))) == list(range(1, 11))


def test_a_function_that_forks(pwex):
    def forks():
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return "child" if child == 0 else "parent"

    assert npywren.get_all_results(pwex.call_async(forks) for _ in range(4)) == ["parent"] * 4
    assert pwex.call_async(myfunc, 1).result() == 2


def test_a_function_that_closes_all_files(pwex):
    with pytest.raises(concurrent.futures.BrokenExecutor, match="exit status 1 while it ran closerange"):
        pwex.call_async(os.closerange, 3, 200).result(timeout=30)
    assert pwex.call_async(myfunc, 1).result() == 2


def test_classes_of_a_script_come_back_as_they_are(python):
    text = """
        import dataclasses, enum
        import numpywren

        @dataclasses.dataclass
        class Point:
            x: int

        class Color(enum.Enum):
            RED = 1

        class MineError(Exception):
            pass

        def move(p):
            if p.x < 0:
                raise MineError("negative")
            return Point(p.x + 1), Color.RED

        with numpywren.local_executor(workers=1) as ex:
            point, color = ex.call_async(move, Point(1)).result()
            assert type(point) is Point and point.x == 2 and color is Color.RED
            try:
                ex.call_async(move, Point(-1)).result()
            except MineError:
                print("as they are")
    """
    assert python(text).stdout == "as they are\n"


def test_numpywren_in_a_function(pwex):
    def total(n):
        with npywren.local_executor(workers=1) as ex:
            return float(ex.sum(ex.ones((n, n))))

    assert npywren.get_all_results(pwex.map(total, [2, 3])) == [4, 9]


def test_deaths_among_many(pwex):
    def some_die(x):
        if x % 10 == 3:
            os._exit(x)
        return x

    futures = pwex.map(some_die, range(40))
    for x, future in enumerate(futures):
        if x % 10 == 3:
            assert f"exit status {x}" in str(future.exception(timeout=60))
        else:
            assert future.result() == x


def forever(path=None):
    if path is not None:
        pathlib.Path(path).write_text(str(os.getpid()))
    while True:
        pass


def until(condition, seconds=30.0):
    stop = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < stop
        time.sleep(0.01)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


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
    failing = pwex.call_async(inner, 0)
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


# ---- map_blocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, bool])
@pytest.mark.parametrize(
    ("shape", "block"),
    [((10, 7), (4, 3)), ((10, 7), (100, 100)), ((5,), (2,)), ((4, 3, 5), (2, 2, 2)), ((1, 9), (1, 4)), ((0, 3), (2, 2))],
)
def test_map_blocks(pwex, shape, block, dtype):
    X = (np.random.default_rng(0).standard_normal(shape) * 10).astype(dtype)

    def f(x):
        assert x.flags.c_contiguous
        return np.where(x > 1, x, -x.astype(np.float32)) if x.dtype != bool else ~x

    Y = pwex.map_blocks(f, pwex.matrix_init(X, block_shape=block))
    expected = f(X)
    assert Y.dtype == expected.dtype
    assert Y.shape == shape
    got = Y.numpy()
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_each_tile_is_given_once_and_in_place(pwex, tmp_path):
    X = np.arange(35.0).reshape(5, 7)

    def f(x):
        path = pathlib.Path(tmp_path, f"{x[0, 0]:.0f}-{x.shape[0]}-{x.shape[1]}")
        path.touch(exist_ok=False)
        return x

    np.testing.assert_array_equal(pwex.map_blocks(f, pwex.matrix_init(X, block_shape=(2, 3)), dtype=float).numpy(), X)
    expected = {f"{X[i, j]:.0f}-{min(2, 5 - i)}-{min(3, 7 - j)}" for i in (0, 2, 4) for j in (0, 3, 6)}
    assert {path.name for path in tmp_path.iterdir()} == expected


def test_several_operands_broadcast(pwex):
    rng = np.random.default_rng(1)
    X, row, column = rng.standard_normal((9, 8)), rng.standard_normal(8).astype(np.float32), rng.standard_normal((9, 1))
    A = pwex.matrix_init(X, block_shape=(4, 3))
    Y = pwex.map_blocks(lambda a, b, c, power: (a + b) ** power / c, A, row, column, power=3)
    np.testing.assert_array_equal(Y.numpy(), (X + row) ** 3 / column)
    with pytest.raises(ValueError, match="broadcast"):
        pwex.map_blocks(np.add, A, np.ones(5))


def test_it_takes_part_in_programs(pwex, spd):
    M = spd(60)
    A = pwex.matrix_init(M, block_shape=(17, 17))
    half = pwex.map_blocks(lambda x: x / 2, A)
    L = pwex.linalg.cholesky(half + half)
    np.testing.assert_allclose(L.numpy(), np.linalg.cholesky(M))
    B = pwex.map_blocks(np.exp, -(A @ A)) * 3
    np.testing.assert_allclose(pwex.sum(B, axis=1).numpy(), (np.exp(-(M @ M)) * 3).sum(axis=1, keepdims=True))
    kept = pwex.map_blocks(np.cos, A).persist()
    np.testing.assert_array_equal((kept.T + 0).numpy(), np.cos(M).T)
    np.testing.assert_array_equal(pwex.map_blocks(np.sin, A.T).numpy(), np.sin(M.T))


def test_explain_shows_it(pwex):
    A = pwex.ones((6, 6), block_shape=(3, 3))

    def halve(x):
        return x / 2

    text = (pwex.map_blocks(halve, A, dtype=float) * 2 + 1).explain()
    assert ' + 1", pyblock("' in text  # one task
    assert "halve-" in text
    assert "PYBLOCK" in text


def test_equal_functions_have_equal_keys(pwex):
    def make():
        return lambda x: x + 12345

    A = pwex.ones((4, 4))

    def key(f):
        text = pwex.map_blocks(f, A, dtype=float).explain()
        return text[text.index("pyblock(") :].split('"')[1]

    assert key(make()) == key(make())
    assert key(make()) != key(lambda x: x + 12346)


def test_errors_name_the_task_and_the_tile(pwex):
    A = pwex.matrix_init(np.arange(36.0).reshape(6, 6), name="Numbers", block_shape=(3, 3))

    def refuse(x):
        if x[0, 0] == 21:
            raise KeyError("not this one")
        return x

    with pytest.raises(
        RuntimeError, match=r"task map_blocks\(i=1, j=1\), tile .*\[1, 1\]: .*refuse raised KeyError: 'not this"
    ) as e:
        pwex.map_blocks(refuse, A, dtype=float).numpy()
    assert 'raise KeyError("not this one")' in str(e.value.__cause__)
    assert __file__ in str(e.value.__cause__)
    for wrong, says in (
        (lambda x: x[:1], r"made a block of shape \(1, 3\) of one of shape \(3, 3\)"),
        (lambda x: x * 1j, "made a block of complex128, where float64 was said, or found"),
        (lambda x: os._exit(7), "the Python process ended with exit status 7 while it ran"),
        (lambda x: "text", "made a block of shape"),
    ):
        with pytest.raises(RuntimeError, match=says):
            pwex.map_blocks(wrong, A, dtype=float).numpy()
    np.testing.assert_array_equal(pwex.map_blocks(np.negative, A).numpy(), -A.numpy())


def test_dtypes_that_cannot_be_found(pwex):
    A = pwex.ones((6, 6), block_shape=(3, 3))

    def picky(x):
        if x.size == 1:
            raise ValueError("too small")
        return x

    with pytest.raises(ValueError, match=r"picky with tiles of one element .*\(ValueError: too small\): pass dtype=") as e:
        pwex.map_blocks(picky, A)
    assert "too small" in str(e.value.__cause__.__cause__)
    np.testing.assert_array_equal(pwex.map_blocks(picky, A, dtype=float).numpy(), np.ones((6, 6)))
    with pytest.raises(ValueError, match=r"gave an array of shape \(\): it must keep the shape"):
        pwex.map_blocks(np.sum, A)
    with pytest.raises(ValueError, match="pass dtype="):
        pwex.map_blocks(lambda x: os._exit(1), A)
    with pytest.raises(TypeError, match="complex128 is not supported"):
        pwex.map_blocks(lambda x: x * 1j, A)
    assert pwex.map_blocks(lambda x: x, A, dtype="float32").dtype == np.float32


def test_the_memory_limit_holds():
    n = 1500
    with npywren.local_executor(workers=2, memory_limit="8MiB", progress=False) as ex:
        A = ex.random.standard_normal((n, n), seed=0, block_shape=(250, 250)).persist()
        B = ex.map_blocks(lambda x: x * 2, A).persist()
        assert ex.describe()["memory_used"] <= 8 << 20
        assert ex.describe()["bytes_spilled"] > 0
        np.testing.assert_array_equal(B.numpy(), A.numpy() * 2)


def test_results_of_a_path_are_found_again(tmp_path):
    with npywren.local_executor(path=tmp_path, progress=False) as ex:
        A = ex.matrix_init(np.ones((6, 6)), name="A", block_shape=(3, 3))
        ex.map_blocks(lambda x: x * 3, A).persist(name="B")
    with npywren.local_executor(path=tmp_path, progress=False) as ex:
        np.testing.assert_array_equal(ex.open("B").numpy(), np.full((6, 6), 3.0))


def test_pyblock_needs_a_function(pwex):
    A = pwex.ones((4, 4))
    with pytest.raises(ValueError, match="no key of a function"):
        pwex._apply("map_blocks", [A], function="../x", dtype="float64")
    with pytest.raises(KeyError, match="there is no function"):
        pwex._apply("map_blocks", [A], function="f-0123456789abcdef", dtype="float64").numpy()


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
