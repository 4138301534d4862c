"""Powers, and products of several matrices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matrices import normal
from numpy.linalg import LinAlgError


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
