"""Random data for tests against NumPy, and how results are compared."""

from __future__ import annotations

import numpy as np

DTYPES = ["float64", "float32", "int64", "bool"]
BLOCKS = [7, 16, 1000]
SHAPES = [(), (1,), (23,), (1, 1), (16, 16), (5, 40), (33, 17), (40, 1), (1, 29), (5, 6, 7)]


def data(shape, dtype, seed=0, low=-5, high=6):
    rng = np.random.default_rng([seed, len(shape), *shape])
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype == "int64":
        return rng.integers(low, high, shape)
    return np.asarray(rng.standard_normal(shape)).astype(dtype)


def put(ex, X, block=7):
    return ex.matrix_init(X, block_shape=(block,) * X.ndim)


def same(ours, theirs, exact=False):
    """Equal in shape, dtype and, but for rounding, value."""
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    value = ours.numpy()
    assert np.shape(value) == theirs.shape
    assert value.dtype == theirs.dtype
    if exact or theirs.dtype.kind != "f":
        np.testing.assert_array_equal(value, theirs)
    else:
        size = np.abs(theirs[np.isfinite(theirs)]).max(initial=1)
        np.testing.assert_allclose(
            value, theirs, rtol=1e2 * np.finfo(theirs.dtype).eps, atol=1e2 * np.finfo(theirs.dtype).eps * size
        )
