"""Nearest neighbours by one matrix product, on handwritten digits and on a made set as large as MNIST.

`nearest_neighbor_numpywren` is the program of the NumPyWren talk, word for word. It adds norms, not their squares, so it is
held against the same formula in NumPy. `nearest_neighbors` squares them, which makes it the Euclidean nearest neighbour, and
is held against scikit-learn.

    python examples/nearest_neighbor.py [--quick]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets, metrics, model_selection
from sklearn.neighbors import KNeighborsClassifier

import numpywren as npywren


def nearest_neighbor_numpywren(X_train, X_test, y_train, y_test):
    npwex = npywren.default_executor()

    X_train_sharded = npwex.matrix_init(X_train)
    X_test_sharded = npwex.matrix_init(X_test)

    XYT = npwex.dot(X_train_sharded, X_test_sharded.T)
    XYT *= -2
    norms_train = npwex.linalg.norm(X_train, axis=1)
    norms_test = npwex.linalg.norm(X_test, axis=1)
    distances = norms_train + XYT + norms_test.T
    argmins = npwex.argmin(distances, axis=0).numpy()

    return metrics.accuracy_score(y_train[argmins], y_test)


def nearest_neighbor_numpy(X_train, X_test, y_train, y_test):
    """The same formula in NumPy, a few columns of the distances at a time: all of the made set's would be 4.8 GB."""
    norms_train = np.linalg.norm(X_train, axis=1, keepdims=True)
    argmins = []
    for some in np.array_split(X_test, -(-len(X_test) // 500)):
        distances = norms_train - 2 * (X_train @ some.T) + np.linalg.norm(some, axis=1)
        argmins.append(np.argmin(distances, axis=0))
    return metrics.accuracy_score(y_train[np.concatenate(argmins)], y_test)


def nearest_neighbors(X_train, X_test):
    """For each row of X_test the index of the row of X_train next to it: |x - y|² = |x|² - 2 x·y + |y|²."""
    npwex = npywren.default_executor()
    X = npwex.matrix_init(X_train)
    Y = npwex.matrix_init(X_test)
    distances = npwex.linalg.norm(X, axis=1) ** 2 - 2 * npwex.dot(X, Y.T) + npwex.linalg.norm(Y, axis=1).T ** 2
    return npwex.argmin(distances, axis=0).numpy()


def sklearn_neighbors(X_train, X_test, y_train):
    """scikit-learn's answer to the same question."""
    classifier = KNeighborsClassifier(n_neighbors=1, algorithm="brute").fit(X_train, y_train)
    return classifier.kneighbors(X_test, return_distance=False)[:, 0]


def digits():
    """scikit-learn's 1,797 digits of 8 × 8 pixels, split as (X_train, X_test, y_train, y_test)."""
    X, y = datasets.load_digits(return_X_y=True)
    return model_selection.train_test_split(X, y, test_size=0.25, random_state=0)


def blobs(train: int, test: int, features: int):
    """Ten clouds of points that overlap, split in the same way."""
    rng = np.random.default_rng(0)
    y = rng.integers(10, size=train + test)
    X = rng.standard_normal((train + test, features))
    X += rng.standard_normal((10, features))[y] / 8
    return X[:train], X[train:], y[:train], y[train:]


def timed(call: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    started = time.perf_counter()
    return call(*arguments), time.perf_counter() - started


def compare(title: str, X_train, X_test, y_train, y_test) -> bool:
    """Runs both programs and both judges, and prints what they say. Are they of one mind?"""
    print(f"\n{title}: {X_train.shape[0]:,} × {X_train.shape[1]} points, {X_test.shape[0]:,} asked for")
    data = X_train, X_test, y_train, y_test
    talk, talk_seconds = timed(nearest_neighbor_numpywren, *data)
    numpy, numpy_seconds = timed(nearest_neighbor_numpy, *data)
    print(f"  the talk's program    accuracy {talk:.4f}  {talk_seconds:7.2f} s")
    print(f"  the same in NumPy     accuracy {numpy:.4f}  {numpy_seconds:7.2f} s")

    ours, ours_seconds = timed(nearest_neighbors, X_train, X_test)
    theirs, their_seconds = timed(sklearn_neighbors, X_train, X_test, y_train)
    print(f"  with squared norms    accuracy {np.mean(y_train[ours] == y_test):.4f}  {ours_seconds:7.2f} s")
    print(f"  scikit-learn          accuracy {np.mean(y_train[theirs] == y_test):.4f}  {their_seconds:7.2f} s")
    agree = same_neighbors(X_train, X_test, ours, theirs)
    print(f"  neighbours that are scikit-learn's, or as near: {agree:,} of {len(ours):,}")
    return talk == numpy and agree == len(ours)


def same_neighbors(X_train, X_test, ours, theirs) -> int:
    """How many neighbours are the same, or equally far but for rounding."""
    differ = np.flatnonzero(ours != theirs)
    mine = np.linalg.norm(X_train[ours[differ]] - X_test[differ], axis=1)
    other = np.linalg.norm(X_train[theirs[differ]] - X_test[differ], axis=1)
    return len(ours) - len(differ) + int(np.sum(np.isclose(mine, other, rtol=1e-10, atol=0)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the made set")
    quick = parser.parse_args().quick
    good = compare("digits", *digits())
    good &= compare("made", *blobs(*((6_000, 1_000, 784) if quick else (60_000, 10_000, 784))))
    print("\nall agree" if good else "\nDISAGREEMENT")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
