"""Reductions on random shapes, tilings and dtypes, against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arraydata import DTYPES, data, put, same

REDUCTIONS = ["sum", "prod", "mean", "min", "max", "any", "all"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions(ex, name, dtype):
    function = getattr(np, name)
    for shape in [(), (23,), (33, 17), (40, 1), (5, 6, 7)]:
        X = data(shape, dtype, low=1, high=3)
        axes = [None, *range(-len(shape), len(shape)), *([(0, -1)] if len(shape) > 1 else [])]
        for axis in axes:
            want = function(X, axis=axis, keepdims=True)
            if name == "prod" and dtype == "int64" and X.size > 60 and axis is None:
                continue  # overflows in NumPy too
            A = put(ex, X)
            same(function(A, axis=axis), function(X, axis=axis))
            same(getattr(A, name)(axis, keepdims=True), want)
            talk = getattr(ex, name)(A, axis=axis)
            same(talk, want if axis is not None else function(X))
            same(getattr(ex, name)(X, axis=axis, keepdims=False), function(X, axis=axis))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["argmin", "argmax"])
def test_arg_reductions(ex, name, dtype):
    function = getattr(np, name)
    for shape in [(), (1,), (50,), (33, 17), (1, 29), (5, 6, 7)]:
        X = data(shape, dtype, low=0, high=4)  # with many ties: the first counts
        for block in (3, 7, 1000):
            A = put(ex, X, block)
            for axis in [None, *range(-len(shape), len(shape))]:
                same(getattr(ex, name)(A, axis=axis), function(X, axis=axis))
                same(function(A, axis=axis), function(X, axis=axis))
                same(getattr(A, name)(axis, keepdims=True), function(X, axis=axis, keepdims=True))


def test_nan_wins(ex):
    X = data((30, 20), "float64")
    X[[3, 17, 17], [4, 2, 4]] = np.nan
    A = put(ex, X)
    for name in ("min", "max", "argmin", "argmax", "sum", "mean"):
        for axis in (None, 0, 1):
            same(getattr(A, name)(axis), getattr(np, name)(X, axis=axis))


def test_sums_are_as_accurate_as_numpys(ex):
    X = np.full(1_000_003, 0.1, np.float32)
    exact = math.fsum(X.tolist())
    for block in (1_000_003, 65_536, 1000):
        found = float(ex.sum(ex.matrix_init(X, block_shape=(block,))))
        assert abs(found - exact) <= 2 * abs(float(np.sum(X)) - exact) + 1e-6 * exact


def test_reductions_of_expressions(ex):
    X, Y = data((41, 30), "float64", 1), data((30,), "float64", 2)
    A = put(ex, X)
    same(ex.sum(ex.exp(A) * Y, axis=0), np.sum(np.exp(X) * Y, axis=0, keepdims=True))
    same(np.max(abs(A - Y) @ Y[:, None], axis=0), np.max(abs(X - Y) @ Y[:, None], axis=0))
    same((A - ex.mean(A, axis=0)) / ex.sqrt(ex.mean(A**2, axis=0)), (X - X.mean(0)) / np.sqrt((X**2).mean(0)))
