"""Kernels of users' own: Python functions that their programs call by name."""

# LAmbdaPACK's names are those of its language, not Python's.
# ruff: noqa: F821

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

import numpywren as npywren


@npywren.register_kernel("soft")
def soft(tile, threshold):
    return tile - np.clip(tile, -threshold, threshold)


npywren.register_kernel("halved", lambda tile: tile // 2, dtype=np.int64)


@npywren.lambdapack
def shrunk(A, T):
    for i in range(blocks(A, 0)):
        for j in range(blocks(A, 1)):
            X[i, j] = soft(A[i, j], T[0, 0])
    return X


@npywren.lambdapack
def halves(A):
    for i in range(blocks(A, 0)):
        for j in range(blocks(A, 1)):
            X[i, j] = halved(A[i, j])
            Y[i, j] = halved(A[i, j], dtype="float32")
    return X, Y


@pytest.fixture(scope="module", params=["local", "elsewhere"])
def anywhere(request, tmp_path_factory) -> Iterator[npywren.Executor]:
    if request.param == "local":
        executor = npywren.local_executor(workers=2, progress=False)
    else:
        executor = npywren.aws_executor(tmp_path_factory.mktemp("storage"), "memory", workers=2, progress=False)
    with executor:
        yield executor


def shrink(X, by):
    return X - np.clip(X, -by, by)


def test_a_function_is_a_kernel(anywhere, rng):
    X = rng.standard_normal((23, 9))
    A = anywhere.matrix_init(X, block_shape=(8, 4))
    np.testing.assert_array_equal(shrunk(A, [[0.5]]).numpy(), shrink(X, 0.5))
    # In a larger program, twice, and with functions of map_blocks.
    both = shrunk(A * 2, [[0.5]]) + shrunk(anywhere.map_blocks(np.cbrt, A), [[0.25]])
    np.testing.assert_allclose(both.numpy(), shrink(2 * X, 0.5) + shrink(np.cbrt(X), 0.25))
    assert 'pyblock("soft-' in shrunk(A * 3, [[0.5]]).explain()


def test_the_dtype(anywhere):
    X = np.arange(30).reshape(5, 6)
    A = anywhere.matrix_init(X, block_shape=(2, 4))
    whole, single = halves(A)
    assert whole.dtype == np.int64
    assert single.dtype == np.float32
    np.testing.assert_array_equal(whole.numpy(), X // 2)
    np.testing.assert_array_equal(single.numpy(), np.float32(X // 2))
    assert shrunk(A, [[1.0]]).dtype == np.int64, "that of the first tile"
    with pytest.raises(RuntimeError, match=r"soft made a block of float64, where int64 was said, or found: pass dtype="):
        shrunk(A, [[1.5]]).numpy()


def test_a_name_that_is_registered_again(ex):
    npywren.register_kernel("later", lambda tile: tile + 1)

    @npywren.lambdapack
    def program(A):
        X[0, 0] = later(A[0, 0])
        return X

    A = ex.ones((2, 2))
    first = program(A)
    npywren.register_kernel("later", lambda tile: tile + 10)
    np.testing.assert_array_equal(program(A).numpy(), np.full((2, 2), 11.0))
    np.testing.assert_array_equal(first.numpy(), np.full((2, 2), 2.0))


def test_functions_of_several_programs(ex):
    """Programs of one text may mean different functions by one name."""
    npywren.register_kernel("step", lambda tile: tile + 1)

    @npywren.lambdapack
    def program(A):
        X[0, 0] = step(A[0, 0])
        return X

    A = ex.ones((2, 2))
    first = program(A)
    npywren.register_kernel("step", lambda tile: tile * 5)
    np.testing.assert_array_equal((first + program(A)).numpy(), np.full((2, 2), 7.0))


def test_what_it_raises(anywhere):
    npywren.register_kernel("picky", lambda tile: {}["not this one"])

    @npywren.lambdapack
    def refusing(A):
        X[0, 0] = picky(A[0, 0])
        return X

    with pytest.raises(RuntimeError, match=r"task picky|picky raised KeyError: 'not this one'") as e:
        refusing(anywhere, np.ones((2, 2))).numpy()
    assert "test_kernels.py" in str(e.value.__cause__)


def test_bad_names():
    with pytest.raises(TypeError, match=r'register_kernel\("soft", f\)'):
        npywren.register_kernel(soft)
    for name in ("", "a b", "1a", "é", "def"):
        with pytest.raises(ValueError, match="a name was expected"):
            npywren.register_kernel(name, soft)
    with pytest.raises(ValueError, match="name is 'gemm': a function cannot be called gemm: that is a kernel"):
        npywren.register_kernel("gemm", soft)
    with pytest.raises(ValueError, match="name is 'blocks': a function cannot be called blocks: that is a word"):
        npywren.register_kernel("blocks")
    with pytest.raises(ValueError, match="name is 'load'"):
        npywren.register_kernel("load", soft)  # a word of Starlark's
    with pytest.raises(TypeError, match="function is 3: a function was expected"):
        npywren.register_kernel("three", 3)
    with pytest.raises(TypeError, match="dtype complex128 is not supported"):
        npywren.register_kernel("complex", soft, dtype=complex)


def test_bad_calls(ex):
    with pytest.raises(ValueError, match=r"test_kernels\.py:\d+:23: there is no kernel sofft; did you mean soft\?"):

        @npywren.lambdapack
        def misspelt(A):
            X[0, 0] = sofft(A[0, 0])
            return X

    with pytest.raises(ValueError, match=r":\d+:13: soft is a kernel: it makes a tile, X\[i, j\] = soft"):

        @npywren.lambdapack
        def of_matrices(A):
            X = soft(A)
            return X

        of_matrices(ex.ones((2, 2)))

    A = ex.matrix_init(np.ones((5, 5)), block_shape=(3, 3))

    @npywren.lambdapack
    def mismatched(A):
        X[0, 0] = soft(A[0, 0], A[1, 1])
        return X

    with pytest.raises(ValueError, match=r"test_kernels\.py:\d+:\d+: soft of tiles of shapes \(3, 3\), \(2, 2\)"):
        mismatched(A)


def test_a_function_that_cannot_be_pickled(ex):
    lock = threading.Lock()
    npywren.register_kernel("locked", lambda tile: lock and tile)

    @npywren.lambdapack
    def program(A):
        X[0, 0] = locked(A[0, 0])
        return X

    with pytest.raises(TypeError, match=r"the function locked cannot be pickled: .*lock"):
        program(ex, np.ones((2, 2)))
