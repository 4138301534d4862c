"""Kernels of one's own: Python functions of tiles, which programs call by name."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

import numpy as np
import numpy.typing as npt

from . import _abi, _operand

if TYPE_CHECKING:
    from ._executor import Executor

F = TypeVar("F", bound=Callable[..., Any])


class _Kernel(NamedTuple):
    function: Callable[..., Any]
    dtype: np.dtype[Any] | None

    def declared(self, name: str, key: str) -> str:
        """The line of a program's text that gives the function its name there."""
        dtype = "" if self.dtype is None else f', dtype="{self.dtype}"'
        return f'{name} = pyblock("{key}"{dtype})\n'


_registered: dict[str, _Kernel] = {}


@overload
def register_kernel(name: str, function: F, *, dtype: npt.DTypeLike | None = None) -> F: ...
@overload
def register_kernel(name: str, *, dtype: npt.DTypeLike | None = None) -> Callable[[F], F]: ...
def register_kernel(name: str, function: Any = None, *, dtype: npt.DTypeLike | None = None) -> Any:
    """Gives a Python function the name by which programs call it as a kernel, and gives it back.

        @npywren.register_kernel("soft")
        def soft(tile, threshold):
            return tile - np.clip(tile, -threshold, threshold)

    Then `X[i, j] = soft(A[i, j], T[0, 0])` is a statement of any program that is defined later, on any executor. The function
    gets NumPy arrays, one a tile, which broadcast, and gives an array of the shape that they have together; it runs in other
    processes, and what it gives must depend on its arguments alone. A name that is registered again means the new function,
    in programs that were defined before too.

    Args:
        name: a name that no kernel of the language has.
        function: any function that cloudpickle takes; without it, `register_kernel` is a decorator.
        dtype: of what it gives; by default that of its first tile. A call may say another: `soft(A[i, j], dtype="int64")`.
    """
    if not isinstance(name, str):
        raise TypeError(f'name is {name!r}: a string was expected, register_kernel("{getattr(name, "__name__", "name")}", f)')
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name):
        raise ValueError(f"name is {name!r}: a name was expected that can stand in a program, such as soft_threshold")
    kind = None if dtype is None else np.dtype(_operand.dtype(dtype))

    def register(f: F) -> F:
        if not callable(f):
            raise TypeError(f"function is {f!r}: a function was expected")
        _registered[name] = _Kernel(f, kind)
        return f

    text = _Kernel(register, kind).declared(name, name) + "def f(A):\n    X[0] = copy(A[0])\n    return X\n"
    try:
        check("register_kernel", text)
    except ValueError as e:
        raise ValueError(f"name is {name!r}: {str(e).split(': ', 1)[1]}") from None
    return register if function is None else register(function)


def check(filename: str, source: str) -> Any:
    """What the core says of a program's text; raises what is wrong with it."""
    return _abi.call_json("npw_check_program", _abi.encode(filename, "the file's name"), _abi.encode(source, "the program"))


def declared() -> str:
    """The names of all kernels, as the end of a program's text, for a check: no executor has the functions yet."""
    return _end(kernel.declared(name, name) for name, kernel in list(_registered.items()))


def stored(executor: Executor, names: Iterable[str]) -> str:
    """The names of these kernels, as the end of a program's text, when the executor has their functions."""
    kernels = [(name, _registered[name]) for name in names]
    return _end(kernel.declared(name, executor._calls.put(executor, kernel.function, name)) for name, kernel in kernels)


def _end(lines: Iterable[str]) -> str:
    """Lines below a program, so that its own stay where they are."""
    text = "".join(lines)
    return text and "\n" + text
