"""What holds for every matrix, shape, tiling and dtype: hypothesis looks for one for which it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from residuals import THRESHOLD, orthogonal, relative

many = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
blocks = st.tuples(st.integers(1, 40), st.integers(1, 40))


@st.composite
def matrices(draw, square=False):
    """A matrix of up to 45 × 45 with singular values from 1 down to a chosen one, scaled far, some rows farther.

    No pivot becomes subnormal in float32: OpenBLAS's getrf then says that it exchanged rows, and did not.
    """
    m = draw(st.integers(1, 45))
    n = m if square else draw(st.integers(1, 45))
    k = min(m, n)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    U, V = (np.linalg.qr(rng.standard_normal((size, k)))[0] for size in (m, n))
    s = np.logspace(0, draw(st.sampled_from([0, -1, -6, -15])), k)
    s[k - draw(st.integers(0, k)) :] *= draw(st.sampled_from([1, 1, 0]))
    A = U * s @ V.T
    dtype, far = draw(st.sampled_from([(np.float64, 1e100), (np.float32, 1e10)]))
    A *= draw(st.sampled_from([1, 1, 1 / far, far]))
    A *= np.where(rng.random((m, 1)) < draw(st.sampled_from([0, 0.3])), 1e-4, 1)
    return A.astype(dtype)


def wide(*results):
    """The results in float64, so that no error of the test's own is added."""
    return (np.float64(x.numpy()) for x in results)


@many
@given(A=matrices(), block=blocks)
def test_lu(ex, A, block):
    P, L, U = wide(*ex.linalg.lu(ex.matrix_init(A, block_shape=block)))
    assert relative(P @ L @ U - A, A) < THRESHOLD
    assert np.abs(L).max() <= 1
    assert np.all(np.sort(P, axis=0)[-1] == 1) and P.sum() == len(A)


@many
@given(A=matrices(), block=blocks, mode=st.sampled_from(["reduced", "complete"]))
def test_qr(ex, A, block, mode):
    Q, R = wide(*ex.linalg.qr(ex.matrix_init(A, block_shape=block), mode))
    assert relative(Q @ R - A, A) < THRESHOLD
    assert orthogonal(Q, A.dtype) < THRESHOLD
    assert np.all(np.tril(R, -1) == 0)


@many
@given(A=matrices(), block=blocks)
def test_svd(ex, A, block):
    U, s, Vh = wide(*ex.linalg.svd(ex.matrix_init(A, block_shape=block), full_matrices=False))
    assert relative(U * s @ Vh - A, A) < THRESHOLD
    assert orthogonal(U, A.dtype) < THRESHOLD and orthogonal(Vh.T, A.dtype) < THRESHOLD
    assert np.all(np.diff(s) <= 0) and s[-1] >= 0


@many
@given(A=matrices(square=True), block=blocks, columns=st.integers(1, 5))
def test_solve(ex, A, block, columns):
    """However the matrix is cut, and whatever its condition: the backward error is small, or it is singular."""
    b = np.linspace(-1, 1, len(A) * columns).reshape(-1, columns).astype(A.dtype)
    try:
        (x,) = wide(ex.linalg.solve(ex.matrix_init(A, block_shape=block), ex.matrix_init(b, block_shape=block)))
    except np.linalg.LinAlgError:
        assert np.linalg.cond(np.float64(A)) > 1 / (len(A) * np.finfo(A.dtype).eps)
        return
    size = np.linalg.norm(np.float64(A), 1) * np.linalg.norm(x, 1, axis=0)
    residual = np.linalg.norm(b - A @ x, 1, axis=0)
    assert np.all(residual <= THRESHOLD * len(A) * size * np.finfo(A.dtype).eps) or not np.isfinite(x).all()


@many
@given(A=matrices(square=True), block=blocks)
def test_cholesky(ex, A, block):
    """A Aᵀ + c I is positive definite, and A Aᵀ − c I is not."""
    A = np.float64(A)
    size = np.linalg.norm(A, 2) ** 2 or 1.0
    good = A @ A.T + size * np.eye(len(A))
    (L,) = wide(ex.linalg.cholesky(ex.matrix_init(good, block_shape=block)))
    assert relative(L @ L.T - good, good) < THRESHOLD
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        ex.linalg.cholesky(ex.matrix_init(A @ A.T - 2 * size * np.eye(len(A)), block_shape=block)).numpy()


@many
@given(A=matrices(), B=matrices(), block=blocks, other=blocks)
def test_products_and_transposes(ex, A, B, block, other):
    """(A B)ᵀ = Bᵀ Aᵀ, each cut its own way."""
    B = np.resize(B, (A.shape[1], B.shape[1])).astype(A.dtype)
    a, b = ex.matrix_init(A, block_shape=block), ex.matrix_init(B, block_shape=other)
    product, transposed = wide(a @ b, b.T @ a.T)
    want = np.float64(A) @ np.float64(B)
    size = np.abs(np.float64(A)) @ np.abs(np.float64(B))
    assume(size.max() < np.finfo(A.dtype).max)
    bound = THRESHOLD * A.shape[1] * (np.finfo(A.dtype).eps * size + np.finfo(A.dtype).tiny)
    assert np.all(np.abs(product - want) <= bound) and np.all(np.abs(transposed.T - want) <= bound)
