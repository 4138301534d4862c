"""PyWren: calls of Python functions in other processes: what can be called with what, and how calls fail."""

from __future__ import annotations

import concurrent.futures
import functools
import os
import pathlib
import signal
import sys
import threading
import time

import numpy as np
import pytest

import numpywren as npywren


def myfunc(x):
    return x + 1


@pytest.fixture
def pywren():
    return npywren


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
