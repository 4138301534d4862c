"""Least squares, of any rank and shape."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.linalg import LinAlgError


@pytest.mark.parametrize("rank", [None, 5])
@pytest.mark.parametrize("rhs", [(), (3,)])
@pytest.mark.parametrize("block", [(8, 8), (30, 30), (300, 300)])
@pytest.mark.parametrize("shape", [(1, 1), (30, 30), (60, 30), (30, 60), (200, 12)])
def test_lstsq(ex, rng, shape, block, rhs, rank):
    X = rng.standard_normal(shape)
    if rank is not None and rank < min(shape):
        X = rng.standard_normal((shape[0], rank)) @ rng.standard_normal((rank, shape[1]))
    b = rng.standard_normal((shape[0], *rhs))
    mine = ex.linalg.lstsq(ex.matrix_init(X, block_shape=block), b)
    wanted = np.linalg.lstsq(X, b, rcond=None)
    assert mine[2] == wanted[2]
    for got, want in zip((mine[0], mine[1], mine[3]), (wanted[0], wanted[1], wanted[3]), strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(got.numpy(), want, rtol=1e-8, atol=1e-10)


def test_numpys_lstsq(ex, rng):
    X = rng.standard_normal((50, 20))
    x = np.linalg.lstsq(ex.matrix_init(X, block_shape=(16, 16)), X[:, 0], rcond=None)[0]
    np.testing.assert_allclose(x.numpy(), np.eye(20)[0], atol=1e-12)


def test_bad_arguments(ex, rng):
    X = rng.standard_normal((40, 20))
    with pytest.raises(LinAlgError, match="Incompatible dimensions"):
        ex.linalg.lstsq(X, np.ones(20))
    with pytest.raises(LinAlgError, match=r"1-dimensional array given. Array must be two-dimensional"):
        ex.linalg.lstsq(X[0], np.ones(20))
    with pytest.raises(ValueError, match=r"alpha is 0\.0"):
        ex.linalg.ridge(X, np.ones(40), 0)
    X[3, 11] = np.nan
    with pytest.raises(LinAlgError, match="SVD did not converge"):
        ex.linalg.lstsq(ex.matrix_init(X, block_shape=(8, 8)), X[:, 0])


def test_lstsq_of_nothing(ex):
    for shape in [(0, 3), (3, 0)]:
        mine = ex.linalg.lstsq(np.zeros(shape), np.ones(shape[0]))
        wanted = np.linalg.lstsq(np.zeros(shape), np.ones(shape[0]), rcond=None)
        np.testing.assert_array_equal(mine[0].numpy(), wanted[0])
        assert mine[2] == wanted[2]


def test_rcond(ex):
    X = np.diag([1.0, 1e-3, 1e-9])
    assert [ex.linalg.lstsq(X, np.ones(3), rcond=r)[2] for r in (None, 1e-6, 1e-2, -1)] == [3, 2, 1, 3]


def test_ridge(ex, rng):
    X, y = rng.standard_normal((50, 20)), rng.standard_normal(50)
    wanted = np.linalg.solve(X.T @ X + 0.7 * np.eye(20), X.T @ y)
    A = ex.matrix_init(X, block_shape=(8, 8))
    np.testing.assert_allclose(ex.linalg.ridge(A, y, 0.7).numpy(), wanted, atol=1e-12)
    wide = X @ np.linalg.solve(X.T @ X + 0.7 * np.eye(20), np.ones(20))
    np.testing.assert_allclose(ex.linalg.ridge(A.T, np.ones(20), 0.7).numpy(), wide, atol=1e-10)
