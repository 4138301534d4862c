"""LU and what is made of it: scaled residuals as LAPACK's test programs define them, every tiling, and hard matrices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.linalg
from numpy.linalg import LinAlgError

import numpywren as npywren

THRESHOLD = 30  # LAPACK's
SIZES = [1, 2, 15, 16, 17, 33, 64, 101]
BLOCKS = [16, 23, 200]


def normal(*shape, dtype=np.float64, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def solve_residual(A, x, b):
    """LAPACK's get02: ‖b − A x‖ / (‖A‖ ‖x‖ ε) for float64's ε, the largest of the columns."""
    A, x, b = (np.float64(m) if m.ndim == 2 else np.float64(m)[:, None] for m in (A, x, b))
    size = np.linalg.norm(A, 1) * np.linalg.norm(x, 1, axis=0)
    return np.max(np.linalg.norm(b - A @ x, 1, axis=0) / np.maximum(size, 1e-300)) / np.finfo(np.float64).eps


def product_residual(A, product, dtype=np.float64):
    """LAPACK's get01: ‖A − P L U‖ / (n ‖A‖ ε)."""
    A = np.float64(A)
    return np.linalg.norm(np.float64(product) - A, 1) / (max(A.shape) * max(np.linalg.norm(A, 1), 1e-300) * np.finfo(dtype).eps)


def wilkinson(n):
    """Elements of U grow to 2^(n-1) with partial pivoting."""
    A = np.eye(n) - np.tril(np.ones((n, n)), -1)
    A[:, -1] = 1
    return A


def gfpp(n, c=0.4):
    """Growth with any partial pivoting (N. Higham, D. Higham, SIAM J. Matrix Anal. Appl. 10, 1989)."""
    A = np.eye(n) - c * np.tril(np.ones((n, n)), -1)
    A[:, -1] = 1
    return A


def nearly_singular_corner(n, sigma=1e-12):
    """The leading quarter has rank one but for sigma."""
    A, h = normal(n, n), n // 2
    A[:h, :h] = np.outer(A[:h, 0], A[0, :h]) + sigma * A[:h, :h]
    return A


HARD = {
    "swap": lambda n: np.roll(np.eye(n), n // 2, axis=0),
    "nearly singular corner": nearly_singular_corner,
    "wilkinson": wilkinson,
    "gfpp": gfpp,
    "graded": lambda n: normal(n, n) * np.logspace(0, -15, n)[:, None],
    "graded columns": lambda n: normal(n, n) * np.logspace(0, -15, n),
    "hilbert": lambda n: 1 / (np.arange(n)[:, None] + np.arange(n) + 1.0),
    "tiny": lambda n: normal(n, n) * 1e-300,
    "huge": lambda n: normal(n, n) * 1e300,
    "symmetric indefinite": lambda n: normal(n, n) + normal(n, n).T,
    "orthogonal": lambda n: np.linalg.qr(normal(n, n))[0],
}


@pytest.mark.parametrize("pivoting", ["partial", "tournament"])
@pytest.mark.parametrize("name", HARD)
def test_hard_matrices(ex, name, pivoting):
    """No worse than LAPACK, whose residual is small but where the elements grow."""
    for n, block in [(48, 16), (60, 23), (40, 100), (68, 2)]:
        A, b = HARD[name](n), normal(n, 3)
        a = ex.matrix_init(A, block_shape=(block, block))
        x = (ex.linalg.solve(a, b) if pivoting == "partial" else ex.linalg.lu_factor(a, pivoting=pivoting).solve(b)).numpy()
        scale = np.abs(A).max()  # or the norms overflow
        theirs = solve_residual(A / scale, np.linalg.solve(A, b) * scale, b)
        assert solve_residual(A / scale, x * scale, b) <= max(THRESHOLD, 10 * theirs)


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
            assert solve_residual(A, x, b) / eps <= THRESHOLD
        v = ex.linalg.solve(a, b[:, 0])
        assert v.shape == (n,)
        assert solve_residual(A, v.numpy(), b[:, 0]) / eps <= THRESHOLD


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
        assert product_residual(A, np.float64(P) @ np.float64(L) @ np.float64(U), dtype) <= THRESHOLD
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
        assert product_residual(A, P @ L @ U) <= THRESHOLD
        assert np.abs(L).max() <= 4
        assert np.abs(U).max() <= 4 * np.abs(scipy.linalg.lu(A)[2]).max()


def test_tournament_of_low_rank(ex):
    """Where nothing is left to elect L is zeros, and the factors are good."""
    for rank, n in [(0, 40), (1, 40), (5, 90)]:
        A = normal(n, rank) @ normal(rank, n) if rank else np.zeros((n, n))
        A[: n // 2] = np.round(A[: n // 2])
        P, L, U = (x.numpy() for x in ex.linalg.lu(ex.matrix_init(A, block_shape=(4, 4)), pivoting="tournament"))
        assert product_residual(A, P @ L @ U) <= THRESHOLD


def test_pivots_are_lapacks(ex):
    """The pivots are those of partial pivoting in whole columns, whatever the tiles."""
    A = normal(90, 90)
    P, L, U = scipy.linalg.lu(A)
    for block in BLOCKS:
        ours = ex.linalg.lu(ex.matrix_init(A, block_shape=(block, block)))
        np.testing.assert_array_equal(ours[0].numpy(), P)
        np.testing.assert_allclose(ours[1].numpy(), L, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(ours[2].numpy(), U, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 16, 17, 50, 101])
def test_factors(ex, n, dtype):
    A, b = normal(n, n, dtype=dtype), normal(n, 4, dtype=dtype)
    eps = np.finfo(dtype).eps / np.finfo(np.float64).eps
    for block in BLOCKS:
        F = ex.linalg.lu_factor(ex.matrix_init(A, block_shape=(block, block)))
        assert (F.shape, F.dtype) == (A.shape, A.dtype)
        assert solve_residual(A, F.solve(b).numpy(), b) / eps <= THRESHOLD
        for trans in (1, "T"):
            assert solve_residual(A.T, ex.linalg.lu_solve(F, b, trans).numpy(), b) / eps <= THRESHOLD
        inverse = F.inv().numpy()
        bound = THRESHOLD * n * np.finfo(dtype).eps * np.linalg.norm(A, 1) * np.linalg.norm(inverse, 1)
        assert np.linalg.norm(np.float64(inverse) @ np.float64(A) - np.eye(n), 1) <= bound
        np.testing.assert_array_equal(F.inv_diag().numpy(), np.diag(inverse))
        sign, log = np.linalg.slogdet(np.float64(A))
        found = F.slogdet()
        assert found.sign.item() == sign
        np.testing.assert_allclose(found.logabsdet.item(), log, rtol=1e-4 if dtype == np.float32 else 1e-11, atol=1e-4)
        if dtype == np.float64:  # float32 has no room for it
            np.testing.assert_allclose(F.det().item(), sign * np.exp(log), rtol=1e-9)


def test_condition_estimates(ex, spd):
    """At most the true number, and seldom less than a third of it."""
    for n in (1, 2, 30, 70):
        for A in (normal(n, n), np.diag(np.logspace(0, -9, n)) if n > 1 else np.ones((1, 1)), HARD["graded"](n)):
            exact = 1 / np.linalg.cond(A, 1)
            found = ex.linalg.lu_factor(ex.matrix_init(A, block_shape=(16, 16))).rcond()
            assert exact * (1 - 1e-6) <= found <= 10 * exact
        A = spd(n)
        exact = 1 / np.linalg.cond(A, 1)
        assert exact * (1 - 1e-6) <= ex.linalg.cho_factor(ex.matrix_init(A, block_shape=(16, 16))).rcond() <= 10 * exact
    assert ex.linalg.lu_factor(np.ones((5, 5))).rcond() == 0
    assert ex.linalg.lu_factor(np.zeros((5, 5))).rcond() == 0


def test_cholesky_factors(ex, spd):
    for n in (1, 16, 50):
        A, b = spd(n), normal(n, 3)
        lower = np.tril(A) + np.triu(np.full_like(A, np.nan), 1)  # the other triangle is not read
        F = ex.linalg.cho_factor(ex.matrix_init(lower, block_shape=(16, 16)))
        assert solve_residual(A, F.solve(b).numpy(), b) <= THRESHOLD
        np.testing.assert_array_equal(ex.linalg.cho_solve(F, b).numpy(), F.solve(b).numpy())
        np.testing.assert_allclose(F.logdet().item(), np.linalg.slogdet(A)[1], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(F.inv().numpy(), np.linalg.inv(A), rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(F.inv_diag().numpy(), np.diag(np.linalg.inv(A)), rtol=1e-10)


def test_factors_by_name(tmp_path, spd):
    """Factors that one session keeps are opened and used by another."""
    A, S, b = normal(60, 60), spd(60), normal(60, 2)
    with npywren.local_executor(workers=2, path=tmp_path) as ex:
        ex.linalg.lu_factor(ex.matrix_init(A, block_shape=(16, 16)), name="general")
        ex.linalg.cho_factor(ex.matrix_init(S, block_shape=(16, 16))).persist("definite")
        ex.matrix_init(A, name="plain")
    with npywren.local_executor(workers=1, path=tmp_path) as ex:
        F, C = ex.linalg.open_factor("general"), ex.linalg.open_factor("definite")
        assert "LU of a 60 × 60" in repr(F)
        assert solve_residual(A, F.solve(b).numpy(), b) <= THRESHOLD
        assert solve_residual(A.T, F.solve(b, trans=1).numpy(), b) <= THRESHOLD
        assert solve_residual(S, C.solve(b).numpy(), b) <= THRESHOLD
        np.testing.assert_allclose(F.rcond(), 1 / np.linalg.cond(A, 1), rtol=0.9)
        with pytest.raises(KeyError, match="not a factorisation"):
            ex.linalg.open_factor("plain")
        with pytest.raises(KeyError):
            ex.linalg.open_factor("nothing")


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
    assert product_residual(A, P @ L @ U) <= THRESHOLD
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
        assert solve_residual(A, ex.linalg.solve(a, b).numpy(), b) <= THRESHOLD
        assert solve_residual(A.T, ex.linalg.solve(a.T, b).numpy(), b) <= THRESHOLD


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


@pytest.mark.parametrize("n", [1, 30, 101])
def test_refined_from_float32(ex, n):
    A, b = normal(n, n) + np.sqrt(n) * np.eye(n), normal(n, 3) * np.array([1, 1e-60, 1e60])
    a = ex.matrix_init(A, block_shape=(16, 16))
    x = ex.linalg.solve(a, b, refine="float32")
    assert x.dtype == np.float64
    assert solve_residual(A, x.numpy(), b) <= THRESHOLD
    v = ex.linalg.solve(a, b[:, 0], refine="float32")
    assert v.shape == (n,)
    assert solve_residual(A, v.numpy(), b[:, 0]) <= THRESHOLD


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
    assert solve_residual(A / scale, x * scale, b) <= THRESHOLD


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
    assert solve_residual(A, x.numpy(), b) <= THRESHOLD
    assert found.backward_error <= THRESHOLD * np.finfo(float).eps


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
        assert solve_residual(A, x.numpy(), b) <= THRESHOLD
        assert found.backward_error <= THRESHOLD * np.finfo(float).eps
        exact = 1 / np.linalg.cond(A, 1)
        assert exact / 1.1 <= found.rcond <= 10 * exact
        assert found.forward_error == found.backward_error / found.rcond
    with pytest.raises(ValueError, match="refine is"):
        ex.linalg.solve(np.eye(3), np.ones(3), refine="float16")
    with pytest.raises(ValueError, match="float32"):
        ex.linalg.solve(np.eye(3, dtype=np.float32), np.ones(3, np.float32), refine="float32")


def test_powers(ex):
    A = normal(30, 30) / 5
    a = ex.matrix_init(A, block_shape=(16, 16))
    for n in (0, 1, 2, 3, 7, 8, -1, -3):
        expected = np.linalg.matrix_power(A, n)
        for found in (
            ex.linalg.matrix_power(a, n),
            np.linalg.matrix_power(a, n),
            a.__array_namespace__().linalg.matrix_power(a, n),
        ):
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())
    with pytest.raises(LinAlgError, match="square"):
        ex.linalg.matrix_power(np.ones((2, 3)), 2)
    with pytest.raises(TypeError, match=r"n is 1\.5"):
        ex.linalg.matrix_power(a, 1.5)


def test_products_of_several(ex):
    for sides in ([4, 50, 3, 60, 2], [50, 4, 60, 3, 70], [7, 7, 7], [1, 9, 1, 9]):
        arrays = [normal(*pair, seed=k) for k, pair in enumerate(itertools.pairwise(sides))]
        np.testing.assert_allclose(ex.linalg.multi_dot(arrays).numpy(), np.linalg.multi_dot(arrays), rtol=1e-11, atol=1e-11)
        vectors = [arrays[0][0], *arrays[1:-1], arrays[-1][:, 0]]
        found = ex.linalg.multi_dot(vectors)
        assert found.shape == ()
        np.testing.assert_allclose(found.item(), np.linalg.multi_dot(vectors), rtol=1e-11, atol=1e-11)
    with pytest.raises(ValueError, match="do not fit"):
        ex.linalg.multi_dot([np.ones((2, 3)), np.ones((4, 2))])


def test_tiles_that_were_never_written(ex, spd):
    """A triangular factor has tiles that do not exist, and stand for zeros."""
    A, b = spd(64), normal(64, 2)
    L = ex.linalg.cholesky(ex.matrix_init(A, block_shape=(16, 16))).persist()
    for lazy, M in ((L, np.linalg.cholesky(A)), (L.T, np.linalg.cholesky(A).T)):
        assert solve_residual(M, ex.linalg.solve(lazy, b).numpy(), b) <= THRESHOLD
        np.testing.assert_allclose(ex.linalg.inv(lazy).numpy(), np.linalg.inv(M), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ex.linalg.slogdet(lazy).logabsdet.item(), np.linalg.slogdet(M)[1], rtol=1e-12)
