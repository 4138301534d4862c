"""The SVD in two stages, and that of every shape: LAPACK's scaled residuals, and what has to come out exactly."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.linalg import LinAlgError
from residuals import THRESHOLD, orthogonal, relative

import numpywren as npywren


@pytest.fixture
def rng():
    return np.random.default_rng(20261127)


def check(X, U, S, Vh, *, values=True):
    """U, S and Vh decompose X by LAPACK's measures, and S is what NumPy finds, in float64."""
    scale = max(float(np.abs(X).max()), np.finfo(np.float64).tiny)
    x, u, s, vh = np.float64(X) / scale, np.float64(U), np.float64(S) / scale, np.float64(Vh)
    k = min(X.shape)
    assert (S.shape, U.dtype, S.dtype, Vh.dtype) == ((k,), X.dtype, X.dtype, X.dtype)
    assert relative(u[:, :k] * s @ vh[:k] - x, x, X.dtype) < THRESHOLD
    assert orthogonal(u, X.dtype) < THRESHOLD
    assert orthogonal(vh.T, X.dtype) < THRESHOLD
    assert (s >= 0).all()
    assert (np.diff(s) <= 0).all()
    if values:
        size = max(X.shape) * max(s[0], np.finfo(np.float64).tiny) * np.finfo(X.dtype).eps
        assert np.abs(s - np.linalg.svd(x, compute_uv=False)).max() / size < THRESHOLD


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block", [(8, 8), (16, 16), (30, 7), (300, 300)])
@pytest.mark.parametrize("shape", [(1, 1), (40, 40), (50, 33), (33, 50), (101, 20), (20, 101)])
def test_small(ex, rng, shape, block, dtype):
    X = rng.standard_normal(shape).astype(dtype)
    A = ex.matrix_init(X, block_shape=block)
    U, S, Vh = ex.linalg.svd(A, full_matrices=False)
    k = min(shape)
    assert (U.shape, S.shape, Vh.shape) == ((shape[0], k), (k,), (k, shape[1]))
    U, S, Vh = ex.compute(U, S, Vh)
    check(X, U, S, Vh)
    np.testing.assert_allclose(ex.linalg.svdvals(A).numpy(), S, atol=THRESHOLD * max(shape) * np.finfo(dtype).eps * S[0])


def test_numpys_names(ex, rng):
    X = rng.standard_normal((50, 20))
    A = ex.matrix_init(X, block_shape=(16, 16))
    U, s, Vh = np.linalg.svd(A, full_matrices=False)
    check(X, *ex.compute(U, s, Vh))
    np.testing.assert_allclose(np.linalg.svd(A, compute_uv=False).numpy(), s.numpy(), rtol=1e-12)
    xp = A.__array_namespace__()
    np.testing.assert_allclose(xp.linalg.svdvals(A).numpy(), s.numpy(), rtol=1e-13)
    np.testing.assert_array_equal(xp.linalg.svd(A, full_matrices=False).S.numpy(), s.numpy())


def test_refuses(ex):
    for f in (ex.linalg.svd, ex.linalg.svdvals):
        with pytest.raises(LinAlgError, match=r"1-dimensional array given. Array must be at least two-dimensional"):
            f(np.ones(3))
        with pytest.raises(NotImplementedError, match="stack"):
            f(np.ones((2, 2, 2)))
        with pytest.raises(NotImplementedError, match=r"\(70000,80000\).* 65536 elements at most; svd_lowrank"):
            f(ex.zeros((70000, 80000)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(769, 769), (1025, 1025), (1100, 800), (800, 1100)])
def test_two_stages(ex, rng, shape, dtype):
    X = rng.standard_normal(shape).astype(dtype)
    A = ex.matrix_init(X, block_shape=(300, 217))
    U, S, Vh = ex.compute(*ex.linalg.svd(A, full_matrices=False))
    assert (U.shape, Vh.shape) == ((shape[0], min(shape)), (min(shape), shape[1]))
    check(X, U, S, Vh)
    alone = np.float64(ex.linalg.svdvals(A).numpy())
    assert np.abs(alone - S).max() / S[0] / max(shape) / np.finfo(dtype).eps < THRESHOLD


def special(kind, n, rng):
    """A matrix with a difficulty."""
    q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    i = np.arange(n)
    return {
        "zeros": lambda: np.zeros((n, n)),
        "identity": lambda: np.eye(n),
        "rank 5": lambda: rng.standard_normal((n, 5)) @ rng.standard_normal((5, n)),
        "condition 1e15": lambda: q * np.logspace(0, -15, n) @ q.T,
        "graded": lambda: rng.standard_normal((n, n)) * np.logspace(0, -200, n)[:, None],
        "hilbert": lambda: 1 / (i[:, None] + i + 1.0),
        "huge": lambda: rng.standard_normal((n, n)) * 1e306,
        "tiny": lambda: rng.standard_normal((n, n)) * 1e-307,
        "clusters": lambda: q * np.repeat([1.0, 1e-8, 0], [n // 3, n // 3, n - 2 * (n // 3)]) @ q.T,
        "bidiagonal": lambda: np.eye(n) + np.eye(n, k=1),
        "a zero column": lambda: rng.standard_normal((n, n)) * (i != 70),
        "ones": lambda: np.ones((n, n)),
    }[kind]()


@pytest.mark.parametrize(
    "kind",
    [
        "zeros",
        "identity",
        "rank 5",
        "condition 1e15",
        "graded",
        "hilbert",
        "huge",
        "tiny",
        "clusters",
        "bidiagonal",
        "a zero column",
        "ones",
    ],
)
def test_difficult_ones(ex, rng, kind):
    X = special(kind, 777, rng)
    check(X, *ex.compute(*ex.linalg.svd(ex.matrix_init(X))))


@pytest.mark.parametrize("scale", [1e-41, 1e36])
def test_far_from_one_in_float32(ex, rng, scale):
    X = (rng.standard_normal((780, 780)) * scale).astype(np.float32)
    check(X, *ex.compute(*ex.linalg.svd(X)))


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (3, 5), (1, 7), (7, 1), (40, 33), (300, 20), (20, 300), (900, 780)])
@pytest.mark.parametrize("block", [(8, 8), (300, 300)])
def test_full_matrices(ex, rng, shape, block):
    if max(shape) > 500 and block == (8, 8):
        pytest.skip("tiles of 8 are for small matrices")
    X = rng.standard_normal(shape)
    U, S, Vh = ex.compute(*ex.linalg.svd(ex.matrix_init(X, block_shape=block)))
    assert (U.shape, Vh.shape) == ((shape[0],) * 2, (shape[1],) * 2)
    check(X, U, S, Vh)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_empty(ex, shape):
    X = np.zeros(shape)
    for full in (True, False):
        for mine, wanted in zip(ex.linalg.svd(X, full_matrices=full), np.linalg.svd(X, full_matrices=full), strict=True):
            np.testing.assert_array_equal(mine.numpy(), wanted)
    assert ex.linalg.svdvals(X).shape == (0,)


@pytest.mark.parametrize("shape", [(40, 20), (790, 790)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(ex, rng, bad, shape):
    X = rng.standard_normal(shape)
    X[31, 11] = bad
    for f in (ex.linalg.svdvals, lambda a: ex.linalg.svd(a).S):
        with pytest.raises(LinAlgError, match="SVD did not converge"):
            f(ex.matrix_init(X)).numpy()


def test_same_bits_with_any_workers(rng):
    X = rng.standard_normal((900, 900))
    parts = []
    for workers in (1, 2):
        with npywren.local_executor(workers=workers) as ex:
            A = ex.matrix_init(X, block_shape=(256, 256))
            parts.append([*ex.compute(*ex.linalg.svd(A)), ex.linalg.svdvals(A).numpy()])
    for one, two in zip(*parts, strict=True):
        np.testing.assert_array_equal(one, two)


def test_least_squares_of_many_columns(ex, rng):
    X, b = rng.standard_normal((1000, 800)), rng.standard_normal(1000)
    X[:, 5] = X[:, 6]
    x, _, rank, _ = ex.linalg.lstsq(ex.matrix_init(X), b)
    wanted = np.linalg.lstsq(X, b, rcond=None)
    assert rank == wanted[2] == 799
    np.testing.assert_allclose(x.numpy(), wanted[0], atol=1e-10)


@npywren.lambdapack
def divided(D, side=64):
    U, S, V = svd_divide(D, side=side)  # noqa: F821
    return U, S, V


def bidiagonals(n):
    """Diagonals of matrices whose joins deflate nothing, nearly all, or what is nearly equal, and of singular ones."""
    k, rng = np.arange(n), np.random.default_rng(6)
    line, noise = np.float64(k), rng.standard_normal(n)
    graded = 10.0 ** -(20 * k / n)
    return {
        "random": (noise, rng.standard_normal(n)),
        "ones": (np.ones(n), np.ones(n)),
        "zero": (np.zeros(n), np.zeros(n)),
        "zero diagonal": (np.zeros(n), np.ones(n)),
        "identity": (np.ones(n), np.zeros(n)),
        "Wilkinson": (np.abs(line - (n - 1) // 2), np.ones(n)),
        "glued": (np.abs(line % 21 - 10), np.where(k % 21 == 20, 1e-7, 1.0)),
        "graded": (graded, graded / 2),
        "graded upwards": (graded[::-1], graded[::-1] / 2),
        "in parts": (noise, rng.standard_normal(n) * (k % 3)),
        "clustered": (1 + 1e-14 * noise, 1e-14 * noise),
        "low rank": (np.where(k < n // 3, 1 + line, 0), np.where(k < n // 3, 1.0, 0.0)),
        "tiny rows": (np.where(k % 4 == 0, 1e-17, 1.0), noise),
        "huge": (1e30 * noise, 1e30 * noise[::-1]),
        "tiny": (1e-30 * noise, 1e-30 * noise[::-1]),
    }


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "side"), [(1, 64), (5, 1), (64, 64), (65, 64), (150, 64), (300, 64), (333, 50)])
def test_divided(ex, n, side, dtype):
    for name, (d, e) in bidiagonals(n).items():
        D = np.stack([d, e], axis=1).astype(dtype)
        U, S, V = ex.compute(*divided(ex.matrix_init(D, block_shape=D.shape), side=side))
        try:
            check(np.diag(D[:, 0]) + np.diag(D[:-1, 1], 1), U, S[:, 0], V.T)
        except AssertionError as error:
            raise AssertionError(f"{name}, n={n}") from error


def test_divided_has_the_same_bits_with_any_number_of_workers(rng):
    """Above 2048 columns the bidiagonal matrix is decomposed in tiles."""
    found = []
    X = rng.standard_normal((2053, 2053))
    for workers, limit in [(1, "1GiB"), (2, "128MiB")]:
        with npywren.local_executor(workers=workers, memory_limit=limit, progress=False) as ex:
            found.append(ex.compute(*ex.linalg.svd(ex.matrix_init(X, block_shape=(600, 500)))))
    check(X, *found[0], values=False)
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)
