"""Functions of matrices: their identities, against SciPy's, and matrices that are hard."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from numpy.linalg import LinAlgError

from numpywren import _matfuncs

SHAPES = [(1, 1), (1, 6), (6, 1), (16, 16), (17, 17), (40, 25), (25, 40), (90, 8)]


def norm(x):
    return np.abs(x).sum(axis=0).max(initial=0.0)


@pytest.fixture(params=["svd", "qdwh"])
def way(request, monkeypatch):
    """Both ways to the polar factors, whatever the size."""
    monkeypatch.setattr(_matfuncs, "_BY_SVD", 10**9 if request.param == "svd" else 0)
    return request.param


def check_polar(X, U, P, side):
    """LAPACK's scaled residuals: ‖A - UP‖, ‖I - UᵀU‖ and how far P is from being positive."""
    eps, scale = np.finfo(X.dtype).eps, np.abs(X).max() or 1
    X, U, P = np.float64(X) / scale, np.float64(U), np.float64(P) / scale
    bound = 30 * max(X.shape) * eps
    k = min(X.shape)
    assert norm(X - (U @ P if side == "right" else P @ U)) <= bound * norm(X)
    assert norm(np.eye(k) - (U.T @ U if X.shape[0] >= X.shape[1] else U @ U.T)) <= bound
    np.testing.assert_array_equal(P, P.T)
    assert np.linalg.eigvalsh(P).min() >= -bound * norm(X)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("shape", SHAPES)
def test_polar(ex, rng, way, shape, side, dtype):
    X = rng.standard_normal(shape).astype(dtype)
    for block in ((8, 8), (30, 7)):
        U, P = ex.linalg.polar(ex.matrix_init(X, block_shape=block), side)
        n = shape[1] if side == "right" else shape[0]
        assert (U.shape, P.shape, U.dtype, P.dtype) == (shape, (n, n), X.dtype, X.dtype)
        check_polar(X, *ex.compute(U, P), side)
    wanted = scipy.linalg.polar(np.float64(X), side)
    tolerance = 1e3 * np.finfo(dtype).eps * np.linalg.cond(X)
    np.testing.assert_allclose(U.numpy(), wanted[0], atol=tolerance)
    np.testing.assert_allclose(P.numpy(), wanted[1], atol=tolerance * norm(X))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["ill-conditioned", "huge", "tiny", "graded", "orthogonal", "Hilbert"])
def test_hard_polar(ex, rng, way, name, dtype):
    X, limits = rng.standard_normal((40, 40)), np.finfo(dtype)
    X = {
        "ill-conditioned": lambda: np.linalg.qr(X)[0] * np.geomspace(1, 1e-15, 40) @ np.linalg.qr(X.T)[0],
        "huge": lambda: X * (float(limits.max) / 1e3),
        "tiny": lambda: X * float(limits.tiny) * 1e3,
        "graded": lambda: X * np.geomspace(1, 1e-12, 40),
        "orthogonal": lambda: np.linalg.qr(X)[0],
        "Hilbert": lambda: scipy.linalg.hilbert(40),
    }[name]().astype(dtype)
    U, P = ex.compute(*ex.linalg.polar(ex.matrix_init(X, block_shape=(16, 16))))
    check_polar(X, U, P, "right")


def test_polar_of_singular_matrices(ex, rng, way):
    zeros = ex.compute(*ex.linalg.polar(np.zeros((5, 3))))
    check_polar(np.zeros((5, 3)), *zeros, "right")
    X = rng.standard_normal((30, 4)) @ rng.standard_normal((4, 30))
    U, P = ex.compute(*ex.linalg.polar(ex.matrix_init(X, block_shape=(8, 8))))
    assert norm(X - U @ P) <= 30 * 30 * np.finfo(float).eps * norm(X)
    assert np.linalg.norm(U, 2) <= 1 + 1e-13
    assert [a.shape for a in ex.linalg.polar(np.zeros((0, 3)))] == [(0, 3), (3, 3)]


def test_bad_polar(ex):
    with pytest.raises(ValueError, match="`side` must be either 'right' or 'left'"):
        ex.linalg.polar(np.eye(3), "both")
    with pytest.raises(ValueError, match="2-D"):
        ex.linalg.polar(np.ones(3))
    with pytest.raises(LinAlgError, match="infs or NaNs"):
        ex.linalg.polar(np.diag([1.0, np.nan]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 50])
def test_sqrtm(ex, spd, way, n, dtype):
    X = spd(n, dtype)
    root = ex.linalg.sqrtm(ex.matrix_init(X, block_shape=(16, 16)))
    assert (root.shape, root.dtype) == (X.shape, X.dtype)
    found = np.float64(root.numpy())
    np.testing.assert_array_equal(found, found.T)
    assert norm(found @ found - X) <= 30 * n * np.finfo(dtype).eps * norm(X)
    np.testing.assert_allclose(found, scipy.linalg.sqrtm(np.float64(X)), atol=1e3 * np.finfo(dtype).eps)


def test_sqrtm_of_semidefinite_matrices(ex, rng):
    for X in (np.zeros((20, 20)), np.ones((20, 20)), (lambda M: M @ M.T)(rng.standard_normal((20, 6)))):
        found = ex.linalg.sqrtm(ex.matrix_init(X, block_shape=(8, 8))).numpy()
        np.testing.assert_allclose(found @ found, X, atol=30 * 20 * np.finfo(float).eps * norm(X))
    assert ex.linalg.sqrtm(np.zeros((0, 0))).shape == (0, 0)
    np.testing.assert_array_equal(ex.linalg.sqrtm([[4, 0], [0, 9]]).numpy(), [[2, 0], [0, 3]])


def test_bad_sqrtm(ex):
    with pytest.raises(LinAlgError, match="not positive semidefinite: it has the eigenvalue -1"):
        ex.linalg.sqrtm(np.array([[1.0, 2], [2, 1]]))
    with pytest.raises(ValueError, match="not symmetric"):
        ex.linalg.sqrtm(np.array([[1.0, 2], [0, 1]]))
    with pytest.raises(LinAlgError, match="square"):
        ex.linalg.sqrtm(np.ones((2, 3)))
    with pytest.raises(LinAlgError, match="infs or NaNs"):
        ex.linalg.sqrtm(np.diag([np.inf, 1.0]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("size", [1e-300, 1e-8, 1e-3, 0.05, 0.4, 1, 3, 40])
def test_expm(ex, rng, size, dtype):
    """All orders of the approximants, and squarings."""
    X = (rng.standard_normal((25, 25)) * size / 5).astype(dtype)
    E = ex.linalg.expm(ex.matrix_init(X, block_shape=(8, 8)))
    assert (E.shape, E.dtype) == (X.shape, X.dtype)
    wanted = scipy.linalg.expm(np.float64(X))
    assert norm(E.numpy() - wanted) <= 30 * 25 * np.finfo(dtype).eps * max(1, norm(X)) * norm(wanted)


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((4, 4)),
        np.array([[0.5]]),
        np.diag(np.arange(20.0) - 15),
        np.triu(np.full((12, 12), 1.0), 1),  # nilpotent
        np.array([[1.0, 1e6], [0, -1]]),  # far from normal, for which scaling by the norm loses digits
        np.array([[-49.0, 24], [-64, 31]]),  # Moler's and Van Loan's
        -np.eye(3) * 700.0,
        np.array([[0, 3], [-3, 0]]),  # integers
    ],
    ids=["zeros", "one", "diagonal", "nilpotent", "nonnormal", "Moler", "tiny result", "rotation"],
)
def test_exponentials_known(ex, X):
    wanted = scipy.linalg.expm(np.float64(X))
    found = ex.linalg.expm(ex.matrix_init(X, block_shape=(2, 3))).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-13 * np.abs(wanted).max())


def test_exponentials_of_large_norms(ex):
    """Powers of these overflow; what comes out does not."""
    np.testing.assert_array_equal(ex.linalg.expm(np.diag([-1e35, -1e200])).numpy(), np.zeros((2, 2)))
    found = ex.linalg.expm(np.array([[-1e4, 0], [0, 1]], np.float32)).numpy()
    assert found[0, 0] == 0
    np.testing.assert_allclose(found[1, 1], np.e, rtol=0.01)  # of single precision, squared 14 times


def test_bad_expm(ex):
    with pytest.raises(LinAlgError, match="square"):
        ex.linalg.expm(np.ones((2, 3)))
    with pytest.raises(LinAlgError, match="infs or NaNs"):
        ex.linalg.expm(np.array([[np.inf, 0], [0, 1]]))
    with pytest.raises(NotImplementedError, match="stack"):
        ex.linalg.expm(np.ones((2, 2, 2)))
    assert ex.linalg.expm(np.zeros((0, 0))).shape == (0, 0)
