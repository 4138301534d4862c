"""LAPACK's measures of a factorisation, as its test programs have them: below THRESHOLD it is as good as rounding allows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

THRESHOLD = 30


def relative(difference: np.ndarray, A: np.ndarray, dtype: npt.DTypeLike | None = None) -> float:
    """‖difference‖ / (n ‖A‖ ε), for the ε of the dtype in which it was computed, A's if it is not given."""
    size = max(np.linalg.norm(A, 1), np.finfo(A.dtype).tiny)
    return float(np.linalg.norm(difference, 1) / (max(A.shape) * size * np.finfo(dtype or A.dtype).eps))


def orthogonal(Q: np.ndarray, dtype: npt.DTypeLike = np.float64) -> float:
    """‖I − QᵀQ‖ / (n ε), for the ε of the dtype in which Q was computed."""
    return float(np.linalg.norm(Q.T @ Q - np.eye(Q.shape[1]), 1) / (len(Q) * np.finfo(dtype).eps))


def backward(A: np.ndarray, x: np.ndarray, b: np.ndarray) -> float:
    """‖b − A x‖ / (‖A‖ ‖x‖ ε) for float64's ε, the largest of the columns."""
    A, x, b = (np.float64(m) if m.ndim == 2 else np.float64(m)[:, None] for m in (A, x, b))
    size = np.linalg.norm(A, 1) * np.linalg.norm(x, 1, axis=0)
    return float(np.max(np.linalg.norm(b - A @ x, 1, axis=0) / np.maximum(size, 1e-300)) / np.finfo(np.float64).eps)
