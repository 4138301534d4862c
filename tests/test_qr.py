"""QR: LAPACK's scaled residuals, every tiling, and inputs that must fail."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.linalg import LinAlgError
from residuals import THRESHOLD, orthogonal, relative

import numpywren as npywren

# Sizes on both sides of tiles' edges; square tiles and others, that do not divide, of one block column, of one tile.
SHAPES = [(1, 1), (1, 7), (7, 1), (16, 16), (17, 15), (40, 40), (33, 50), (50, 33), (101, 20), (20, 101), (200, 3)]
BLOCKS = [(8, 8), (16, 16), (7, 30), (30, 7), (25, 25), (300, 300)]


def check_qr(X, Q, R):
    """Q R is X, Q has orthonormal columns, and R is a triangle."""
    dtype, scale = X.dtype, np.abs(X).max(initial=0.0) or 1  # nothing overflows in the norms
    X, R, Q = np.float64(X) / scale, np.float64(R) / scale, np.float64(Q)
    assert relative(Q @ R - X, X, dtype) <= THRESHOLD
    assert orthogonal(Q, dtype) <= THRESHOLD
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
    assert relative(only.numpy() - r, X) <= THRESHOLD
    Q, R = ex.linalg.qr(A, mode="complete")
    assert (Q.shape, R.shape) == ((shape[0], shape[0]), shape)
    check_qr(X, *ex.compute(Q, R))
    F = ex.linalg.qr(A, mode="raw")
    assert (F.shape, F.R.shape) == (shape, (k, shape[1]))
    np.testing.assert_array_equal(F.R.numpy(), r)
    C = rng.standard_normal((shape[0], 5)).astype(dtype)
    back = F.multiply(F.multiply_transposed(C)).numpy()
    tolerance = THRESHOLD * max(shape) * np.finfo(dtype).eps
    assert np.abs(back - C).max() <= tolerance
    turned = F.multiply_transposed(X).numpy()
    assert relative(np.float64(turned[:k]) - r, X) <= THRESHOLD
    vector = F.multiply_transposed(C[:, 0])
    np.testing.assert_allclose(vector.numpy(), F.multiply_transposed(C).numpy()[:, 0], atol=tolerance)


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


def test_numpys_names(ex, rng):
    X = rng.standard_normal((50, 20))
    A = ex.matrix_init(X, block_shape=(16, 16))
    check_qr(X, *ex.compute(*np.linalg.qr(A)))
    result = np.linalg.qr(A)
    np.testing.assert_array_equal(result.Q.numpy(), result[0].numpy())
    assert np.linalg.qr(A, "r").shape == (20, 20)
    xp = A.__array_namespace__()
    check_qr(X, *ex.compute(*xp.linalg.qr(A)))


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
    with pytest.raises(LinAlgError, match=r"1-dimensional array given. Array must be at least two-dimensional"):
        ex.linalg.qr(X[0])
    with pytest.raises(NotImplementedError, match="stack"):
        ex.linalg.qr(np.ones((2, 2, 2)))
    F = ex.linalg.qr(X, mode="raw")
    with pytest.raises(ValueError, match=r"Q has 4 rows.*\(3,1\)"):
        F.multiply(np.ones((3, 1)))


def test_nan(ex, rng):
    X = rng.standard_normal((40, 20))
    X[3, 11] = np.nan
    A = ex.matrix_init(X, block_shape=(8, 8))
    unknown = np.isnan(ex.linalg.qr(A, mode="r").numpy())  # how far above the diagonal is a matter of blocks, in NumPy too
    assert not unknown[:, :11].any()
    assert unknown[:, 11].any()
    assert unknown[range(12, 20), range(12, 20)].all()


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


def test_factors_are_kept_as_a_whole(tmp_path, rng):
    """Where a name is taken nothing is kept."""
    with npywren.local_executor(path=tmp_path, progress=False) as ex:
        ex.matrix_init(np.eye(3), name="F.R")
        with pytest.raises(FileExistsError, match=r"F\.R"):
            ex.linalg.qr(rng.standard_normal((70, 30)), mode="raw").persist("F")
        assert ex.list() == ["F.R"]
