"""LU and what is made of it: LAPACK's scaled residuals, every tiling, and hard matrices."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from matrices import HARD, normal
from numpy.linalg import LinAlgError
from residuals import THRESHOLD, backward, relative

import numpywren as npywren

SIZES = [1, 2, 15, 16, 17, 33, 64, 101]
BLOCKS = [16, 23, 200]


@pytest.mark.parametrize("pivoting", ["partial", "tournament"])
@pytest.mark.parametrize("name", HARD)
def test_hard_matrices(ex, name, pivoting):
    """No worse than LAPACK, whose residual is small but where the elements grow."""
    for n, block in [(48, 16), (60, 23), (40, 100), (68, 2)]:
        A, b = HARD[name](n), normal(n, 3)
        a = ex.matrix_init(A, block_shape=(block, block))
        x = (ex.linalg.solve(a, b) if pivoting == "partial" else ex.linalg.lu_factor(a, pivoting=pivoting).solve(b)).numpy()
        scale = np.abs(A).max()  # or the norms overflow
        theirs = backward(A / scale, np.linalg.solve(A, b) * scale, b)
        assert backward(A / scale, x * scale, b) <= max(THRESHOLD, 10 * theirs)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", SIZES)
def test_solve(ex, n, dtype):
    A, b = normal(n, n, dtype=dtype), normal(n, 5, dtype=dtype)
    for block in BLOCKS:
        a = ex.matrix_init(A, block_shape=(block, block))
        for assume in ("gen", "sym"):
            x = ex.linalg.solve(a, ex.matrix_init(b, block_shape=(block, 3)), assume_a=assume).numpy()
            assert x.dtype == dtype
            eps = np.finfo(dtype).eps / np.finfo(np.float64).eps
            assert backward(A, x, b) / eps <= THRESHOLD
        v = ex.linalg.solve(a, b[:, 0])
        assert v.shape == (n,)
        assert backward(A, v.numpy(), b[:, 0]) / eps <= THRESHOLD


@pytest.mark.parametrize("shape", [(1, 1), (7, 40), (40, 7), (33, 33), (70, 33), (33, 70), (64, 65), (65, 64), (100, 16)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lu(ex, shape, dtype):
    A = normal(*shape, dtype=dtype)
    m, k = shape[0], min(shape)
    for block in BLOCKS:
        a = ex.matrix_init(A, block_shape=(min(block, m), min(block, shape[1])))
        P, L, U = (x.numpy() for x in ex.linalg.lu(a))
        assert (P.dtype, L.dtype, U.dtype) == (dtype,) * 3
        assert (P.shape, L.shape, U.shape) == ((m, m), (m, k), (k, shape[1]))
        np.testing.assert_array_equal(P @ P.T, np.eye(m))
        np.testing.assert_array_equal(L, np.tril(L, -1) + np.eye(m, k))
        assert np.abs(L).max() <= 1
        np.testing.assert_array_equal(U, np.triu(U))
        assert relative(np.float64(P) @ np.float64(L) @ np.float64(U) - A, A) <= THRESHOLD
        PL, U2 = (x.numpy() for x in ex.linalg.lu(a, permute_l=True))
        np.testing.assert_array_equal(PL, P @ L)
        np.testing.assert_array_equal(U2, U)
        p, L3, _ = (x.numpy() for x in ex.linalg.lu(a, p_indices=True))
        np.testing.assert_array_equal(L3[p], PL)
        for kept, found in zip(ex.linalg.lu_factor(a).unpack(), (P, L, U), strict=True):
            np.testing.assert_array_equal(kept.numpy(), found)


@pytest.mark.parametrize("shape", [(1, 1), (7, 40), (40, 7), (33, 33), (70, 33), (33, 70), (65, 64), (300, 16), (150, 150)])
def test_tournament(ex, shape):
    """Groups of 16 tile rows elect pivots: the growth of the elements is little more than with partial pivoting."""
    A = normal(*shape)
    for block in (4, 7, 64):
        a = ex.matrix_init(A, block_shape=(min(block, shape[0]), min(block, shape[1])))
        P, L, U = (x.numpy() for x in ex.linalg.lu(a, pivoting="tournament"))
        np.testing.assert_array_equal(P @ P.T, np.eye(shape[0]))
        np.testing.assert_array_equal(L, np.tril(L, -1) + np.eye(shape[0], min(shape)))
        np.testing.assert_array_equal(U, np.triu(U))
        assert relative(P @ L @ U - A, A) <= THRESHOLD
        assert np.abs(L).max() <= 4
        assert np.abs(U).max() <= 4 * np.abs(scipy.linalg.lu(A)[2]).max()


def test_tournament_of_low_rank(ex):
    """Where nothing is left to elect L is zeros, and the factors are good."""
    for rank, n in [(0, 40), (1, 40), (5, 90)]:
        A = normal(n, rank) @ normal(rank, n) if rank else np.zeros((n, n))
        A[: n // 2] = np.round(A[: n // 2])
        P, L, U = (x.numpy() for x in ex.linalg.lu(ex.matrix_init(A, block_shape=(4, 4)), pivoting="tournament"))
        assert relative(P @ L @ U - A, A) <= THRESHOLD


def test_pivots_are_lapacks(ex):
    """The pivots are those of partial pivoting in whole columns, whatever the tiles."""
    A = normal(90, 90)
    P, L, U = scipy.linalg.lu(A)
    for block in BLOCKS:
        ours = ex.linalg.lu(ex.matrix_init(A, block_shape=(block, block)))
        np.testing.assert_array_equal(ours[0].numpy(), P)
        np.testing.assert_allclose(ours[1].numpy(), L, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(ours[2].numpy(), U, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("n", [1, 16, 33, 70])
def test_inv_det_slogdet(ex, n):
    A = normal(n, n)
    a = ex.matrix_init(A, block_shape=(16, 16))
    for inverse in (ex.linalg.inv(a), np.linalg.inv(a), a.__array_namespace__().linalg.inv(a)):
        found = inverse.numpy()
        bound = THRESHOLD * n * np.finfo(float).eps * np.linalg.norm(A, 1) * np.linalg.norm(found, 1)
        assert np.linalg.norm(found @ A - np.eye(n), 1) <= bound
    for det in (ex.linalg.det(a), np.linalg.det(a), a.__array_namespace__().linalg.det(a)):
        assert det.shape == ()
        np.testing.assert_allclose(det.item(), np.linalg.det(A), rtol=1e-10)
    for sign, log in (ex.linalg.slogdet(a), np.linalg.slogdet(a), a.__array_namespace__().linalg.slogdet(a)):
        assert sign.item() == np.linalg.slogdet(A).sign
        np.testing.assert_allclose(log.item(), np.linalg.slogdet(A)[1], rtol=1e-12, atol=1e-11)


def test_determinants_neither_overflow_nor_vanish(ex):
    n = 64
    D = np.diag(np.tile([1e300, 1e-300], n // 2))
    np.testing.assert_allclose(ex.linalg.det(ex.matrix_init(D, block_shape=(16, 16))).item(), 1, rtol=1e-12)
    assert ex.linalg.det(np.eye(n) * 1e300).item() == np.inf
    assert ex.linalg.det(np.eye(n) * 1e-300).item() == 0
    sign, log = ex.linalg.slogdet(-np.eye(n - 1) * 1e300)
    assert (sign.item(), log.item()) == (-1, pytest.approx((n - 1) * np.log(1e300), rel=1e-14))


def test_permutations_have_their_sign(ex):
    rng = np.random.default_rng(11)
    for n in (1, 2, 3, 17, 40, 64):
        for _ in range(5):
            A = np.eye(n)[rng.permutation(n)]
            assert ex.linalg.det(ex.matrix_init(A, block_shape=(16, 16))).item() == round(np.linalg.det(A))


@pytest.mark.parametrize("where", [0, 15, 16, 40, 63])
def test_singular(ex, where):
    A = normal(64, 64)
    A[:, where] = 0
    a = ex.matrix_init(A, block_shape=(16, 16))
    for lazy in (ex.linalg.solve(a, np.ones(64)), ex.linalg.inv(a)):
        with pytest.raises(LinAlgError, match=rf"(?i)singular.*row {where}\b.*panel\(iter={where // 16}\)"):
            lazy.numpy()
    assert ex.linalg.det(a).item() == 0
    assert [x.item() for x in ex.linalg.slogdet(a)] == [0, -np.inf]
    P, L, U = (x.numpy() for x in ex.linalg.lu(a))
    assert relative(P @ L @ U - A, A) <= THRESHOLD
    F = ex.linalg.lu_factor(a)
    with pytest.raises(LinAlgError, match=r"(?i)singular"):
        F.solve(np.ones(64)).numpy()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite(ex, value):
    A = normal(40, 40)
    A[20, 3] = value
    a = ex.matrix_init(A, block_shape=(16, 16))
    with np.errstate(all="ignore"):
        assert np.isnan(ex.linalg.solve(a, np.ones(40)).numpy()).any() == np.isnan(np.linalg.solve(A, np.ones(40))).any()
        assert np.isnan(ex.linalg.det(a).item()) == np.isnan(np.linalg.det(A))


def test_empty(ex):
    A = np.zeros((0, 0))
    assert ex.linalg.solve(A, np.zeros((0, 3))).numpy().shape == (0, 3)
    assert ex.linalg.solve(np.eye(3), np.zeros((3, 0))).numpy().shape == (3, 0)
    assert ex.linalg.inv(A).numpy().shape == (0, 0)
    assert ex.linalg.det(A).item() == 1
    assert [x.item() for x in ex.linalg.slogdet(A)] == [1, 0]
    for shape in [(0, 0), (0, 5), (5, 0)]:
        P, L, U = (x.numpy() for x in ex.linalg.lu(np.zeros(shape)))
        assert (P @ L @ U).shape == shape


def test_integers(ex):
    A = np.array([[2, 1], [4, 7]])
    np.testing.assert_allclose(ex.linalg.solve(A, np.array([1, 2])).numpy(), np.linalg.solve(A, [1, 2]))
    assert ex.linalg.det(A).item() == pytest.approx(10)


def test_tiles_that_are_not_square(ex):
    A, b = normal(90, 90), normal(90)
    for block in [(90, 10), (10, 90), (33, 20), (7, 64), (1, 90), (90, 1)]:
        a = ex.matrix_init(A, block_shape=block)
        assert backward(A, ex.linalg.solve(a, b).numpy(), b) <= THRESHOLD
        assert backward(A.T, ex.linalg.solve(a.T, b).numpy(), b) <= THRESHOLD


def test_one_factorisation_serves_all(ex):
    """What is computed together factors the matrix once."""
    a = ex.matrix_init(normal(60, 60), block_shape=(20, 20))
    text = ex.explain(ex.linalg.det(a), *ex.linalg.slogdet(a))
    assert text.count(" = lu(") == 1


def test_bad_arguments(ex):
    F = ex.linalg.lu_factor(np.ones((3, 4)))
    for method in (lambda: F.solve(np.ones(3)), F.det, F.slogdet, F.inv):
        with pytest.raises(LinAlgError, match="square"):
            method()
    for call in (lambda A: ex.linalg.solve(A, np.ones(3)), ex.linalg.inv, ex.linalg.det, ex.linalg.slogdet):
        with pytest.raises(LinAlgError, match="square"):
            call(np.ones((3, 4)))
    F = ex.linalg.lu_factor(np.eye(3))
    with pytest.raises(ValueError, match="size 4 is different from 3"):
        F.solve(np.ones(4))
    with pytest.raises(ValueError, match="trans is 'H'"):
        F.solve(np.ones(3), trans="H")
    with pytest.raises(TypeError, match="lu_factor"):
        ex.linalg.lu_solve(np.eye(3), np.ones(3))
    with pytest.raises(NotImplementedError, match="sym"):
        ex.linalg.solve(np.eye(3), np.ones(3), assume_a="banded")


def test_same_bits_with_any_number_of_workers():
    A, B = normal(150, 150), normal(150, 30)
    found = []
    for workers, limit in [(1, None), (2, None), (4, None), (2, "3MB")]:
        with npywren.local_executor(workers=workers, memory_limit=limit) as ex:
            a = ex.matrix_init(A, block_shape=(32, 32))
            found.append(ex.linalg.solve(a, B).numpy().tobytes() + ex.linalg.inv(a).numpy().tobytes())
    assert len(set(found)) == 1


def test_the_same_elsewhere(tmp_path):
    """Workers that share a store and a queue give the bits of threads here."""
    A, B = normal(70, 70), normal(70, 20)
    found = []
    for make in (lambda: npywren.local_executor(workers=2), lambda: npywren.aws_executor(tmp_path, "memory", workers=2)):
        with make() as ex:
            a = ex.matrix_init(A, block_shape=(16, 16))
            F = ex.linalg.lu_factor(a, pivoting="tournament")
            arrays = [ex.linalg.solve(a, B), ex.linalg.inv(a), *ex.linalg.lu(a), ex.linalg.det(a), F.solve(B, trans=1)]
            found.append([x.tobytes() for x in ex.compute(*arrays)])
    assert found[0] == found[1]


def test_tiles_that_were_never_written(ex, spd):
    """A triangular factor has tiles that do not exist, and stand for zeros."""
    A, b = spd(64), normal(64, 2)
    L = ex.linalg.cholesky(ex.matrix_init(A, block_shape=(16, 16))).persist()
    for lazy, M in ((L, np.linalg.cholesky(A)), (L.T, np.linalg.cholesky(A).T)):
        assert backward(M, ex.linalg.solve(lazy, b).numpy(), b) <= THRESHOLD
        np.testing.assert_allclose(ex.linalg.inv(lazy).numpy(), np.linalg.inv(M), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ex.linalg.slogdet(lazy).logabsdet.item(), np.linalg.slogdet(M)[1], rtol=1e-12)
