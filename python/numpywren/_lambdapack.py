"""``@npywren.lambdapack``: programs in LAmbdaPACK, written as Python functions."""

from __future__ import annotations

import functools
import inspect
import linecache
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

from . import _kernels, _operand
from ._array import BigMatrix

if TYPE_CHECKING:
    from ._executor import Executor


class Program:
    """A LAmbdaPACK program that can be called with arrays. `lambdapack` makes one.

    Matrices are given in the order of its parameters, or by name; arrays of any kind are taken. The executor is that of
    the first BigMatrix, or the one that stands before all other arguments, or else the default. Integers have defaults.
    The result is an array, or a tuple of as many as the program returns; all is lazy. Kernels of `register_kernel` are
    those of the moment of the call.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if not isinstance(function, FunctionType):
            raise TypeError(f"lambdapack decorates a function, not {type(function).__name__}")
        self.filename, self.source = _source(function)
        checked = _kernels.check(self.filename, self.source + _kernels.declared())
        named = {program["name"]: program for program in checked["programs"]}
        self.name: str = function.__name__
        if self.name not in named:
            raise ValueError(f"{self.filename}: no program {self.name}: a lambda, or a function that was renamed?")
        described = named[self.name]
        self.outputs: int = described["outputs"]
        self._kernels: list[str] = checked["functions"]
        self._scalars = {p["name"] for p in described["params"] if "default" in p}
        keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter(p["name"], keyword, default=p.get("default", inspect.Parameter.empty))
                for p in described["params"]
            ]
        )
        functools.update_wrapper(self, function)
        self.__doc__ = described["doc"] or function.__doc__

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        from ._executor import Executor, default_executor

        executor: Executor | None = None
        if arguments and isinstance(arguments[0], Executor):
            executor, arguments = arguments[0], arguments[1:]
        try:
            bound = self.__signature__.bind(*arguments, **named)
        except TypeError as e:
            raise TypeError(f"program {self.name}{self.__signature__}: {e}") from None
        matrices = [x for name, x in bound.arguments.items() if name not in self._scalars]
        if executor is None:
            executor = next((x.executor for x in matrices if isinstance(x, BigMatrix)), None) or default_executor()
        scalars = {name: _operand.integer(name, x) for name, x in bound.arguments.items() if name in self._scalars}
        source = self.source + _kernels.stored(executor, self._kernels)
        params = {"source": source, "filename": self.filename, "name": self.name, "scalars": scalars}
        operands = [executor._array(x) for x in matrices]
        results = executor._apply_many("program", operands, self.outputs, params)
        return results[0] if self.outputs == 1 else tuple(results)

    def __repr__(self) -> str:
        return f"<lambdapack program {self.name}{self.__signature__}>"


def lambdapack(function: Callable[..., Any]) -> Program:
    """Makes a LAmbdaPACK program of a Python function, whose text is read and never run by Python.

        @npywren.lambdapack
        def gram(A):
            for i in range(blocks(A, 1)):
                for j in range(blocks(A, 1)):
                    G[i, j] = ew("a / 2", sum([gemm(A[k, i].T, A[k, j]) for k in range(blocks(A, 0))]))
            return G

    It is checked here, and an error names this file and its line.
    """
    return Program(function)


def _source(function: FunctionType) -> tuple[str, str]:
    """The function's file, and its text below as many empty lines as stand above it in the file."""
    code = function.__code__
    try:
        lines, first = inspect.getsourcelines(function)
    except (OSError, TypeError):  # a prompt or a doctest keeps its lines in the cache, under a name that is no file's
        lines, first = (
            inspect.getblock(linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]),
            code.co_firstlineno,
        )
    if not lines:
        raise ValueError(f"the text of {function.__name__} cannot be read: define it in a file, a notebook or a prompt")
    return code.co_filename, "\n" * (first - 1) + "".join(lines)
