"""map_blocks, against NumPy."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest

import numpywren as npywren


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
