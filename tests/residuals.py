"""LAPACK's measures of a factorisation, as its test programs have them: below THRESHOLD it is as good as rounding allows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

THRESHOLD = 30


def relative(difference: np.ndarray, A: np.ndarray) -> float:
    """‖difference‖ / (n ‖A‖ ε)."""
    size = max(np.linalg.norm(A, 1), np.finfo(A.dtype).tiny)
    return float(np.linalg.norm(difference, 1) / (max(A.shape) * size * np.finfo(A.dtype).eps))


def orthogonal(Q: np.ndarray, dtype: npt.DTypeLike = np.float64) -> float:
    """‖I − QᵀQ‖ / (n ε), for the ε of the dtype in which Q was computed."""
    return float(np.linalg.norm(Q.T @ Q - np.eye(Q.shape[1]), 1) / (len(Q) * np.finfo(dtype).eps))
