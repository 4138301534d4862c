"""QR, least squares and the SVD: LAPACK's scaled residuals, every tiling, and inputs that must fail."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.linalg import LinAlgError

import numpywren as npywren

# Sizes on both sides of tiles' edges; square tiles and others, that do not divide, of one block column, of one tile.
SHAPES = [(1, 1), (1, 7), (7, 1), (16, 16), (17, 15), (40, 40), (33, 50), (50, 33), (101, 20), (20, 101), (200, 3)]
BLOCKS = [(8, 8), (16, 16), (7, 30), (30, 7), (25, 25), (300, 300)]


def norm(x):
    return np.abs(x).sum(axis=0).max(initial=0.0)


def check_qr(X, Q, R):
    """‖A - QR‖ / (m ‖A‖ ε) and ‖I - QᵀQ‖ / (m ε), as LAPACK's tests measure them."""
    eps, m = np.finfo(X.dtype).eps, max(X.shape)
    scale = norm(np.float64(X))
    X, R, Q = np.float64(X) / (scale or 1), np.float64(R) / (scale or 1), np.float64(Q)
    assert norm(X - Q @ R) <= 30 * m * eps
    assert norm(np.eye(Q.shape[1]) - Q.T @ Q) <= 30 * m * eps
    np.testing.assert_array_equal(R, np.triu(R))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("shape", SHAPES)
def test_qr(ex, rng, shape, block, dtype):
    X = rng.standard_normal(shape).astype(dtype)
    A = ex.matrix_init(X, block_shape=block)
    k = min(shape)
    Q, R = ex.linalg.qr(A)
    assert (Q.shape, R.shape, Q.dtype, R.dtype) == ((shape[0], k), (k, shape[1]), X.dtype, X.dtype)
    q, r = ex.compute(Q, R)
    check_qr(X, q, r)
    only = ex.linalg.qr(A, mode="r")
    assert only.shape == R.shape
    assert norm(only.numpy() - r) <= 30 * max(shape) * np.finfo(dtype).eps * norm(X)
    Q, R = ex.linalg.qr(A, mode="complete")
    assert (Q.shape, R.shape) == ((shape[0], shape[0]), shape)
    check_qr(X, *ex.compute(Q, R))
    F = ex.linalg.qr(A, mode="raw")
    assert (F.shape, F.R.shape) == (shape, (k, shape[1]))
    np.testing.assert_array_equal(F.R.numpy(), r)
    C = rng.standard_normal((shape[0], 5)).astype(dtype)
    back = F.multiply(F.multiply_transposed(C)).numpy()
    assert np.abs(back - C).max() <= 30 * max(shape) * np.finfo(dtype).eps
    turned = F.multiply_transposed(X).numpy()
    assert norm(np.float64(turned[:k]) - r) <= 30 * max(shape) * np.finfo(dtype).eps * max(norm(X), 1)
    vector = F.multiply_transposed(C[:, 0])
    np.testing.assert_allclose(vector.numpy(), F.multiply_transposed(C).numpy()[:, 0], atol=30 * shape[0] * np.finfo(dtype).eps)


@pytest.mark.parametrize("shape", [(90, 4), (300, 8), (163, 80)])
def test_trees(ex, rng, shape):
    """More domains than a power of two, and one that is not whole."""
    X = rng.standard_normal(shape)
    A = ex.matrix_init(X, block_shape=(8, 8))
    q, r = ex.compute(*ex.linalg.qr(A))
    check_qr(X, q, r)
    check_qr(X, *ex.compute(*ex.linalg.qr(A, mode="complete")))
    F = ex.linalg.qr(A, mode="raw")
    C = rng.standard_normal((shape[0], 3))
    np.testing.assert_allclose(F.multiply(F.multiply_transposed(C)).numpy(), C, atol=1e-12)
    np.testing.assert_allclose(F.multiply_transposed(C).numpy()[: shape[1]], q.T @ C, atol=1e-12)


@npywren.lambdapack
def by_trees(A, C):
    V, T, U, W, R = tsqr(A)  # noqa: F821
    Q = tsqr_generate(V, T, U, W, C)  # noqa: F821
    return Q, R


@npywren.lambdapack
def by_tiles(A, C, domain=8):
    V, T, U, W, R = qr(A, domain=domain)  # noqa: F821
    Q = qr_generate(V, T, U, W, C, domain=domain)  # noqa: F821
    return Q, R


@pytest.mark.parametrize("block", [(2500, 1100), (1200, 1100)])
def test_tiles_of_several_chunks(ex, rng, block):
    """Tiles that kernels cut into chunks of rows, with more columns than a chunk has rows otherwise."""
    X = rng.standard_normal((2500, 1100))
    A, C = ex.matrix_init(X, block_shape=block), ex.matrix_init(np.eye(1100), block_shape=(1100, 1100))
    check_qr(X, *ex.compute(*by_trees(A, C)))


@pytest.mark.parametrize("domain", [1, 2, 3])
@pytest.mark.parametrize("shape", [(100, 100), (75, 40), (52, 90)])
def test_domains(ex, rng, shape, domain):
    """Trees of every depth."""
    X = rng.standard_normal(shape)
    k = min(shape)
    A = ex.matrix_init(X, block_shape=(8, 8))
    C = ex.matrix_init(np.eye(shape[0], k), block_shape=(8, 8))
    Q, R = ex.compute(*by_tiles(A, C, domain=domain))
    check_qr(X, Q, R[:k])
    assert not R[k:].any()


def hard(name, rng, dtype):
    X = rng.standard_normal((60, 30))
    tiny = np.finfo(dtype).tiny
    return {
        "zeros": lambda: np.zeros((60, 30)),
        "rank 1": lambda: np.outer(X[:, 0], X[0]),
        "rank deficient": lambda: X[:, :5] @ X[:5],
        "a column of zeros": lambda: X * (np.arange(30) != 7),
        "columns equal": lambda: np.repeat(X[:, :1], 30, axis=1),
        "graded columns": lambda: X * 10.0 ** -np.arange(30),
        "graded rows": lambda: X * (10.0 ** (-np.arange(60) / 3))[:, None],
        "tiny": lambda: X * tiny * 8,
        "huge": lambda: X * (np.finfo(dtype).max / 1e4),
        "Hilbert": lambda: 1 / (1 + np.add.outer(np.arange(60), np.arange(30))),
    }[name]().astype(dtype)


HARD = [
    *("zeros", "rank 1", "rank deficient", "a column of zeros", "columns equal", "graded columns", "graded rows"),
    *("tiny", "huge", "Hilbert"),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block", [(8, 8), (40, 40)])
@pytest.mark.parametrize("name", HARD)
def test_hard_matrices(ex, rng, name, block, dtype):
    X = hard(name, rng, dtype)
    A = ex.matrix_init(X, block_shape=block)
    check_qr(X, *ex.compute(*ex.linalg.qr(A)))
    check_qr(X.T, *ex.compute(*ex.linalg.qr(A.T)))
    if name != "tiny":  # where values lose their last digits
        s, wanted = ex.linalg.svdvals(A).numpy(), np.linalg.svd(np.float64(X), compute_uv=False)
        assert np.abs(s - wanted).max() <= 60 * np.finfo(dtype).eps * max(wanted[0], np.finfo(dtype).tiny)


@pytest.mark.parametrize("shape", [(0, 0), (5, 0), (0, 5)])
@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_qr_of_nothing(ex, shape, mode):
    X = np.zeros(shape)
    for mine, wanted in zip(ex.linalg.qr(X, mode=mode), np.linalg.qr(X, mode=mode), strict=True):
        assert mine.shape == wanted.shape
        np.testing.assert_array_equal(mine.numpy(), wanted)
    assert ex.linalg.qr(X, mode="r").shape == np.linalg.qr(X, mode="r").shape
    assert [a.shape for a in ex.linalg.svd(X, full_matrices=False)] == [a.shape for a in np.linalg.svd(X, full_matrices=False)]


def test_numpys_names(ex, rng):
    X = rng.standard_normal((50, 20))
    A = ex.matrix_init(X, block_shape=(16, 16))
    check_qr(X, *ex.compute(*np.linalg.qr(A)))
    result = np.linalg.qr(A)
    np.testing.assert_array_equal(result.Q.numpy(), result[0].numpy())
    assert np.linalg.qr(A, "r").shape == (20, 20)
    U, s, Vh = np.linalg.svd(A, full_matrices=False)
    np.testing.assert_allclose((U * s @ Vh).numpy(), X, atol=1e-12)
    np.testing.assert_allclose(np.linalg.svd(A, compute_uv=False).numpy(), np.linalg.svd(X, compute_uv=False), rtol=1e-12)
    xp = A.__array_namespace__()
    check_qr(X, *ex.compute(*xp.linalg.qr(A)))
    np.testing.assert_allclose(xp.linalg.svdvals(A).numpy(), s.numpy(), rtol=1e-13)
    np.testing.assert_array_equal(xp.linalg.svd(A, full_matrices=False).S.numpy(), s.numpy())
    x = np.linalg.lstsq(A, X[:, 0], rcond=None)[0]
    np.testing.assert_allclose(x.numpy(), np.eye(20)[0], atol=1e-12)


def test_numpys_raw_mode(ex):
    with pytest.raises(NotImplementedError, match=r'use linalg\.qr\(A, mode="raw"\)'):
        np.linalg.qr(ex.ones((4, 3)), "raw")


def test_flops(ex):
    """What explain counts is 8/3 n³ for Q and R, 4/3 n³ for R, 4 m n² for a tall Q and R."""
    A, T = ex.zeros((8192, 8192)), ex.zeros((400_000, 128))

    def counted(*arrays):
        line = next(line for line in str(ex.explain(*arrays, blocks=1)).splitlines() if line.startswith("total "))
        return float(line.split()[2])

    assert counted(*ex.linalg.qr(A)) == pytest.approx(8 / 3 * 8.192**3, rel=0.01)
    assert counted(ex.linalg.qr(A, mode="r")) == pytest.approx(4 / 3 * 8.192**3, rel=0.01)
    assert counted(*ex.linalg.qr(T)) == pytest.approx(4 * 0.4 * 1.28**2 / 0.1, rel=0.05)
    assert counted(ex.linalg.qr(T, mode="r")) == pytest.approx(2 * 0.4 * 1.28**2 / 0.1, rel=0.05)


def test_qr_of_integers(ex):
    X = np.arange(12).reshape(4, 3)
    q, r = ex.compute(*ex.linalg.qr(X))
    assert q.dtype == np.float64
    check_qr(np.float64(X), q, r)


def test_bad_arguments(ex):
    X = np.ones((4, 3))
    with pytest.raises(ValueError, match="Unrecognized mode 'full'"):
        ex.linalg.qr(X, mode="full")
    for f in (ex.linalg.qr, ex.linalg.svd, ex.linalg.svdvals):
        with pytest.raises(LinAlgError, match=r"1-dimensional array given. Array must be at least two-dimensional"):
            f(X[0])
        with pytest.raises(NotImplementedError, match="stack"):
            f(np.ones((2, 2, 2)))
    with pytest.raises(NotImplementedError, match=r"\(70000,80000\).* 65536 elements at most; svd_lowrank"):
        ex.linalg.svd(ex.zeros((70000, 80000)))
    with pytest.raises(NotImplementedError, match=r"65536.*svd_lowrank"):
        ex.linalg.svdvals(ex.zeros((70000, 70000)))
    with pytest.raises(LinAlgError, match="Incompatible dimensions"):
        ex.linalg.lstsq(X, np.ones(3))
    with pytest.raises(LinAlgError, match=r"1-dimensional array given. Array must be two-dimensional"):
        ex.linalg.lstsq(X[0], np.ones(3))
    F = ex.linalg.qr(X, mode="raw")
    with pytest.raises(ValueError, match=r"Q has 4 rows.*\(3,1\)"):
        F.multiply(np.ones((3, 1)))
    with pytest.raises(ValueError, match="k is 9: 1 to 3"):
        ex.linalg.svd_lowrank(X, 9)
    with pytest.raises(ValueError, match=r"alpha is 0\.0"):
        ex.linalg.ridge(X, np.ones(4), 0)


def test_nan(ex, rng):
    X = rng.standard_normal((40, 20))
    X[3, 11] = np.nan
    A = ex.matrix_init(X, block_shape=(8, 8))
    unknown = np.isnan(ex.linalg.qr(A, mode="r").numpy())  # how far above the diagonal is a matter of blocks, in NumPy too
    assert not unknown[:, :11].any()
    assert unknown[:, 11].any()
    assert unknown[range(12, 20), range(12, 20)].all()
    for f in (ex.linalg.svdvals, lambda a: ex.linalg.svd(a, full_matrices=False).U):
        with pytest.raises(LinAlgError, match="SVD did not converge"):
            f(A).numpy()
    with pytest.raises(LinAlgError, match="SVD did not converge"):
        ex.linalg.lstsq(A, X[:, 0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("block", [(8, 8), (16, 16), (30, 7), (300, 300)])
@pytest.mark.parametrize("shape", [(1, 1), (40, 40), (50, 33), (33, 50), (101, 20), (20, 101)])
def test_svd(ex, rng, shape, block, dtype):
    X = rng.standard_normal(shape).astype(dtype)
    A = ex.matrix_init(X, block_shape=block)
    U, S, Vh = ex.linalg.svd(A, full_matrices=False)
    k = min(shape)
    assert (U.shape, S.shape, Vh.shape, U.dtype, S.dtype) == ((shape[0], k), (k,), (k, shape[1]), X.dtype, X.dtype)
    u, s, vh = (np.float64(x) for x in ex.compute(U, S, Vh))
    bound = 30 * max(shape) * np.finfo(dtype).eps
    assert norm(X - u * s @ vh) <= bound * norm(X)
    assert norm(np.eye(k) - u.T @ u) <= bound
    assert norm(np.eye(k) - vh @ vh.T) <= bound
    np.testing.assert_allclose(s, np.linalg.svd(np.float64(X), compute_uv=False), atol=bound * s[0])
    np.testing.assert_allclose(ex.linalg.svdvals(A).numpy(), s, atol=bound * s[0])


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


def slow(rng, m, n):
    """A matrix with the singular values 1, 1/√2, 1/√3 …, which decay slowly, and these."""
    q, p = np.linalg.qr(rng.standard_normal((m, n)))[0], np.linalg.qr(rng.standard_normal((n, n)))[0]
    values = 1 / np.sqrt(1 + np.arange(n))
    return q * values @ p.T, values


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("transposed", [False, True])
def test_svd_lowrank(ex, rng, transposed, dtype):
    X, values = slow(rng, 300, 200)
    X = (X.T if transposed else X).astype(dtype)
    U, S, Vh, error, bounds = ex.linalg.svd_lowrank(ex.matrix_init(X, block_shape=(64, 64)), 10)
    assert (U.shape, S.shape, Vh.shape, bounds.shape, S.dtype) == ((X.shape[0], 10), (10,), (10, X.shape[1]), (10,), dtype)
    np.testing.assert_allclose(S.numpy(), values[:10], rtol=1e-2)
    assert (bounds.numpy() <= 0.01 * S.numpy() + 1e-5).all()
    assert (np.abs(S.numpy() - values[:10]) <= bounds.numpy() + 1e-5).all()
    left = np.linalg.norm(X - (U * S @ Vh).numpy())
    np.testing.assert_allclose(error.item(), left, rtol=1e-8 if dtype == np.float64 else 1e-3)
    for a, b in ((U.numpy(), np.eye(10)), (Vh.numpy().T, np.eye(10))):
        np.testing.assert_allclose(a.T @ a, b, atol=1e3 * np.finfo(dtype).eps)


def test_bounds_of_svd_lowrank(ex, rng):
    """They hold for every number of iterations, and fall."""
    X, values = slow(rng, 200, 120)
    A = ex.matrix_init(X, block_shape=(64, 64))
    before = np.inf
    for n in range(0, 9, 2):
        _, S, _, _, bounds = ex.linalg.svd_lowrank(A, 6, iterations=n)
        nearest = np.abs(S.numpy()[:, None] - values).min(axis=1)
        assert (nearest <= bounds.numpy() + 1e-14).all()
        assert bounds.numpy().max() < before
        before = bounds.numpy().max()
    sharp = ex.linalg.svd_lowrank(A, 3, tol=1e-9)
    np.testing.assert_allclose(sharp.S.numpy(), values[:3], rtol=1e-9)


def test_svd_lowrank_of_low_ranks(ex, rng):
    X = rng.standard_normal((300, 200))
    exact = ex.linalg.svd_lowrank(X[:, :4] @ X[:4, :], 6)
    assert float(exact.error.item()) <= 1e-4
    np.testing.assert_allclose(exact.S.numpy()[4:], 0, atol=1e-10)
    assert not ex.linalg.svd_lowrank(np.zeros((30, 20)), 2).S.numpy().any()
    np.testing.assert_allclose(ex.linalg.svd_lowrank(np.full((1, 5), 2), 1).S.numpy(), [np.sqrt(20)])
    for bad in ({"tol": 0}, {"tol": 1}, {"iterations": -1}, {"oversample": -1}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            ex.linalg.svd_lowrank(X, 3, **bad)


def test_pca(ex, rng):
    X = rng.standard_normal((100, 6)) @ rng.standard_normal((6, 6)) + 5
    components, variance, mean, scores = ex.linalg.pca(ex.matrix_init(X, block_shape=(30, 30)), 2)
    centred = X - X.mean(axis=0)
    w, v = np.linalg.eigh(centred.T @ centred / 99)
    np.testing.assert_allclose(variance.numpy(), w[::-1][:2], rtol=1e-10)
    np.testing.assert_allclose(mean.numpy().ravel(), X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(np.abs(components.numpy()), np.abs(v[:, ::-1][:, :2].T), atol=1e-9)
    np.testing.assert_allclose(scores.numpy(), centred @ components.numpy().T, atol=1e-9)


def test_the_same_bits_with_any_number_of_workers(rng):
    found = []
    X, Y, Z = (rng.standard_normal(shape) for shape in [(300, 200), (3000, 40), (1100, 1100)])
    for workers in (1, 2):
        with npywren.local_executor(workers=workers, memory_limit="256MiB", progress=False) as ex:
            A = ex.matrix_init(X, block_shape=(32, 32))
            B = ex.matrix_init(Y, block_shape=(128, 40))
            C = ex.matrix_init(Z, block_shape=(550, 550))  # of tiles whose pieces idle workers compute
            found.append(
                ex.compute(*ex.linalg.qr(A), *ex.linalg.qr(B), *ex.linalg.svd(B, full_matrices=False), *ex.linalg.qr(C))
            )
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_stored_factors(tmp_path, rng):
    X, C = rng.standard_normal((70, 30)), rng.standard_normal((70, 4))
    for block in [(16, 16), (32, 32)]:
        with npywren.local_executor(path=tmp_path, progress=False) as ex:
            F = ex.linalg.qr(ex.matrix_init(X, block_shape=block), mode="raw").persist(f"F{block[0]}")
            wanted = F.multiply(C).numpy()
        with npywren.local_executor(path=tmp_path, progress=False) as ex:
            F = ex.linalg.open_qr(f"F{block[0]}")
            assert repr(F) == "<numpywren.QRFactors of a 70 × 30 matrix, float64>"
            np.testing.assert_array_equal(F.multiply(C).numpy(), wanted)
            np.testing.assert_allclose(F.multiply_transposed(X).numpy()[:30], F.R.numpy(), atol=1e-12)
            with pytest.raises(KeyError):
                ex.linalg.open_qr("G")
