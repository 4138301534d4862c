"""Solutions refined from float32, and what is certified of solutions."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import HARD, normal
from residuals import THRESHOLD, backward


@pytest.mark.parametrize("n", [1, 30, 101])
def test_refined_from_float32(ex, n):
    A, b = normal(n, n) + np.sqrt(n) * np.eye(n), normal(n, 3) * np.array([1, 1e-60, 1e60])
    a = ex.matrix_init(A, block_shape=(16, 16))
    x = ex.linalg.solve(a, b, refine="float32")
    assert x.dtype == np.float64
    assert backward(A, x.numpy(), b) <= THRESHOLD
    v = ex.linalg.solve(a, b[:, 0], refine="float32")
    assert v.shape == (n,)
    assert backward(A, v.numpy(), b[:, 0]) <= THRESHOLD


@pytest.mark.parametrize("name", ["hilbert", "huge", "nearly singular corner", "graded", "singular in float32"])
def test_refinement_that_fails(ex, name):
    """Where float32 does not do, float64 does, and a warning says so."""
    n = 12
    A = np.eye(n) + 1e-12 * normal(n, n) + np.ones((n, n)) * 1e9 if name == "singular in float32" else HARD[name](n)
    b = normal(n, 2)
    a = ex.matrix_init(A, block_shape=(4, 4))
    if name in ("nearly singular corner", "graded"):  # pivots and scales do for these
        x = ex.linalg.solve(a, b, refine="float32").numpy()
    elif name == "hilbert":  # GMRES does
        with pytest.warns(RuntimeWarning, match="goes on by GMRES"):
            x = ex.linalg.solve(a, b, refine="float32").numpy()
    else:
        with pytest.warns(RuntimeWarning, match="solved in float64"):
            x = ex.linalg.solve(a, b, refine="float32").numpy()
    scale = np.abs(A).max()
    assert backward(A / scale, x * scale, b) <= THRESHOLD


@pytest.mark.parametrize("rhs", [(), (1,), (5,)])
@pytest.mark.parametrize("cond", [1e9, 1e11])
def test_refinement_by_gmres(ex, rhs, cond):
    """Plain refinement needs a condition number below 1e7 or so."""
    n = 60
    A = np.linalg.qr(normal(n, n))[0] * np.geomspace(1, 1 / cond, n) @ np.linalg.qr(normal(n, n, seed=1))[0]
    b = normal(n, 5)[:, 0] if rhs == () else normal(n, *rhs)
    with pytest.warns(RuntimeWarning, match="goes on by GMRES") as warned:
        x, found = ex.linalg.solve(ex.matrix_init(A, block_shape=(16, 16)), b, refine="float32", check=True)
    assert (x.shape, found.method, len(warned)) == (b.shape, "GMRES", 1)
    assert warned[0].filename == __file__
    assert backward(A, x.numpy(), b) <= THRESHOLD
    assert found.backward_error <= THRESHOLD * np.finfo(float).eps
    exact = 1 / np.linalg.cond(A, 1)
    assert exact / 1.1 <= found.rcond <= 10 * exact


def test_how_it_was_solved(ex):
    A, b = normal(40, 40) + 10 * np.eye(40), normal(40, 2)
    a = ex.matrix_init(A, block_shape=(16, 16))
    assert ex.linalg.solve(a, b, check=True)[1].method == "direct"
    assert ex.linalg.solve(a, b, refine="float32", check=True)[1].method == "refinement"
    with pytest.warns(RuntimeWarning, match="solved in float64"):
        assert ex.linalg.solve(a * 1e200, b, refine="float32", check=True)[1].method == "fallback"
    with pytest.raises(NotImplementedError, match='assume_a="gen"'):
        ex.linalg.solve(a, b, assume_a="pos", refine="float32")


def test_certificates(ex, spd):
    for assume, A in (("gen", normal(50, 50)), ("pos", spd(50)), ("gen", HARD["hilbert"](8))):
        b = normal(len(A), 2)
        x, found = ex.linalg.solve(ex.matrix_init(A, block_shape=(16, 16)), b, assume_a=assume, check=True)
        assert backward(A, x.numpy(), b) <= THRESHOLD
        assert found.backward_error <= THRESHOLD * np.finfo(float).eps
        exact = 1 / np.linalg.cond(A, 1)
        assert exact / 1.1 <= found.rcond <= 10 * exact
        assert found.forward_error == found.backward_error / found.rcond
    with pytest.raises(ValueError, match="refine is"):
        ex.linalg.solve(np.eye(3), np.ones(3), refine="float16")
    with pytest.raises(ValueError, match="float32"):
        ex.linalg.solve(np.eye(3, dtype=np.float32), np.ones(3, np.float32), refine="float32")
