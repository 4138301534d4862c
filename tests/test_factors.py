"""Factors that are kept: solutions, determinants, inverses and conditions from them, here and in another session."""

from __future__ import annotations

import numpy as np
import pytest
from matrices import HARD, normal
from numpy.linalg import LinAlgError
from residuals import THRESHOLD, backward

import numpywren as npywren

BLOCKS = [16, 23, 200]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 16, 17, 50, 101])
def test_factors(ex, n, dtype):
    A, b = normal(n, n, dtype=dtype), normal(n, 4, dtype=dtype)
    eps = np.finfo(dtype).eps / np.finfo(np.float64).eps
    for block in BLOCKS:
        F = ex.linalg.lu_factor(ex.matrix_init(A, block_shape=(block, block)))
        assert (F.shape, F.dtype) == (A.shape, A.dtype)
        assert backward(A, F.solve(b).numpy(), b) / eps <= THRESHOLD
        for trans in (1, "T"):
            assert backward(A.T, ex.linalg.lu_solve(F, b, trans).numpy(), b) / eps <= THRESHOLD
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
    for shape in [(5, 3), (3, 5)]:
        with pytest.raises(LinAlgError, match="square"):
            ex.linalg.lu_factor(np.ones(shape)).rcond()


def test_cholesky_factors(ex, spd):
    for n in (1, 16, 50):
        A, b = spd(n), normal(n, 3)
        lower = np.tril(A) + np.triu(np.full_like(A, np.nan), 1)  # the other triangle is not read
        F = ex.linalg.cho_factor(ex.matrix_init(lower, block_shape=(16, 16)))
        assert backward(A, F.solve(b).numpy(), b) <= THRESHOLD
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
        assert backward(A, F.solve(b).numpy(), b) <= THRESHOLD
        assert backward(A.T, F.solve(b, trans=1).numpy(), b) <= THRESHOLD
        assert backward(S, C.solve(b).numpy(), b) <= THRESHOLD
        np.testing.assert_allclose(F.rcond(), 1 / np.linalg.cond(A, 1), rtol=0.9)
        with pytest.raises(KeyError, match="not a factorisation"):
            ex.linalg.open_factor("plain")
        with pytest.raises(KeyError):
            ex.linalg.open_factor("nothing")
