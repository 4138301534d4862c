"""NumPy-like dense linear algebra in tiles: larger than memory, parallel, lazy.

import numpywren as npywren

npwex = npywren.default_executor()
A = npwex.random.standard_normal((20_000, 1_000), seed=0)
C = npwex.dot(A.T, A)          # nothing has run yet
L = npwex.linalg.cholesky(C)
L.numpy()                      # one program: both steps, in parallel, tile by tile
"""

from typing import TYPE_CHECKING, NoReturn

# Arrays.
from ._array import BigMatrix

# How far results can be trusted.
from ._certify import Certificate, FactorCertificate

# Sessions: where arrays live and what computes them.
from ._executor import Executor, aws_executor, default_executor, local_executor

# What linear algebra gives: factorisations that are kept, and results of several parts.
from ._factors import LU, Cholesky, SlogdetResult

# Programs of one's own, and kernels for them.
from ._kernels import register_kernel
from ._lambdapack import Program, lambdapack

# More of what linear algebra gives.
from ._matfuncs import PolarResult
from ._orthogonal import EighResult, LowRankResult, PCAResult, QRFactors, QRResult, SVDResult

# Calls of Python functions.
from ._pywren import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, Future, get_all_results, wait

# Jobs of workers elsewhere.
from ._remote import Job

__version__ = "0.1.0"

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "LU",
    "BigMatrix",
    "Certificate",
    "Cholesky",
    "EighResult",
    "Executor",
    "FactorCertificate",
    "Future",
    "Job",
    "LowRankResult",
    "PCAResult",
    "PolarResult",
    "Program",
    "QRFactors",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "__version__",
    "aws_executor",
    "default_executor",
    "get_all_results",
    "lambdapack",
    "local_executor",
    "register_kernel",
    "wait",
]

if not TYPE_CHECKING:  # or type checkers would take any name for an attribute

    def __getattr__(name: str) -> NoReturn:
        """The error for what NumPy has in its module, and an executor here: `numpywren.linalg`, `numpywren.dot`."""
        hint = ""
        if not name.startswith("_") and hasattr(Executor, name):
            hint = f": it is an executor's, npwex = numpywren.default_executor(); npwex.{name}"
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
