"""Executors: a session's memory, stores and workers, and the functions on arrays that live there."""

from __future__ import annotations

import builtins
import ctypes
import json
import os
import pathlib
import threading
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Any, SupportsIndex

import numpy as np

from . import _abi, _html, _jobs, _operand
from ._array import BigMatrix
from ._config import Config, resolve
from ._functions import Block, Functions
from ._linalg import Linalg, Random

CLOSED = "this executor is closed: make a new one with local_executor() or default_executor()"


class Explanation(str):
    """A text that a prompt shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Executor(Functions):
    """Keeps arrays in tiles and computes with them. `local_executor()` and `default_executor()` make one.

    Its functions are NumPy's, on arrays of this executor (`matrix_init`) as well as on NumPy arrays, lists and numbers.
    What they give is lazy: `.numpy()`, `.persist()`, `.save()` and `compute` run it. May be used from several threads.
    """

    def __init__(self, config: Config) -> None:
        config = config.checked()
        handle = _abi.Handle()
        settings = json.dumps(config.for_core())
        _abi.call("npw_open", _abi.encode(settings, "the configuration"), ctypes.byref(handle))
        self._handle = handle.value
        self._progress = _jobs.seen() if config.progress is None else config.progress
        # Runs on close, with the last reference, or as the interpreter ends, whichever is first.
        self._finalizer = weakref.finalize(self, _close, handle.value)

    # ---- Life -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stops what runs, gives memory and scratch files back. Named matrices of a `path` stay."""
        self._finalizer()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return not self._finalizer.alive

    def __enter__(self) -> Executor:
        self._use()
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def describe(self) -> dict[str, Any]:
        """The settings in force, and memory and disk in use."""
        described: dict[str, Any] = _abi.call_json("npw_describe", self._use())
        return described

    def __repr__(self) -> str:
        if self.closed:
            return "<numpywren.Executor: closed>"
        d = self.describe()
        place = d.get("path") or "ephemeral"
        used, limit = (_html.human_bytes(d.get(name) or 0) for name in ("memory_used", "memory_limit"))
        return f"<numpywren.Executor: local, {d.get('workers')} workers, {used} of {limit} in use, {place}>"

    def __reduce__(self) -> str:
        raise TypeError("an executor cannot be pickled: open one in each process, with the same path to share matrices")

    # ---- Arrays in and out ----------------------------------------------------------------------------------------

    def matrix_init(self, X: Any, name: str | None = None, block_shape: Block = None) -> BigMatrix:
        """Cuts data into tiles and keeps a copy of it here.

        float64, float32, int64 and bool stay what they are; smaller integers become int64, others are refused.

        Args:
            X: a NumPy array, anything with `__array_interface__`, `__array__` or DLPack, a (nested) list; or the path
                of a .npy file, which is streamed, or of the folder of a Zarr v3 array; or the URL of one of these,
                s3://bucket/x.npy or s3://bucket/x.zarr.
            name: with a name, `open(name)` finds it again; with an executor's `path` also in another process.
            block_shape: the lengths of a tile, one for each dimension; by default tiles of some tens of MB.
        """
        if isinstance(X, BigMatrix):
            return self._recut(X, name, block_shape)
        if name == "":
            raise ValueError("name must not be empty")
        label = None if name is None else _abi.encode(name, "name")
        block = _operand.block(block_shape)
        tail = (label, _abi.int64s(block), len(block or ()))
        if isinstance(X, str | bytes | os.PathLike):
            path = _place(X)
            folder = not path.endswith(".npy") if path.startswith(_URL) else pathlib.Path(path).is_dir()
            return self._source("npw_from_file", b"zarr" if folder else b"npy", _abi.encode(path, "the path"), *tail)
        data = _operand.ndarray(X)
        if block is not None and len(block) != data.ndim:
            raise ValueError(f"block_shape is {tuple(block)}: the array of shape {data.shape} needs {data.ndim} lengths")
        buffer = _abi.buffers([data])
        return self._source("npw_from_buffer", buffer, *tail)

    def _source(self, function: str, *arguments: Any) -> BigMatrix:
        owned = _jobs.run(function, self._use(), *arguments, label="matrix_init", progress=self._progress, result=_jobs.array)
        return BigMatrix(self, owned)

    def _recut(self, X: BigMatrix, name: str | None, block_shape: Block) -> BigMatrix:
        self._own(X)
        out = X.copy() if block_shape is None else X.rechunk(block_shape)
        return out if name is None else out.persist(name)

    def open(self, name: str) -> BigMatrix:
        """The matrix of that name; KeyError if there is none."""
        handle = _abi.Handle()
        _abi.call("npw_open_matrix", self._use(), _name(name), ctypes.byref(handle))
        return BigMatrix(self, _abi.Owned(handle.value))

    def list(self) -> builtins.list[str]:
        """The names of the named matrices."""
        return [info["name"] for info in _abi.call_json("npw_list", self._use())]

    def delete(self, name: str) -> None:
        """Deletes the matrix of that name; KeyError if there is none."""
        _abi.call("npw_delete", self._use(), _name(name))

    def compute(self, *arrays: BigMatrix) -> tuple[np.ndarray[Any, Any], ...]:
        """The values of several arrays as NumPy arrays, computed as one program, so that shared parts run once."""
        return tuple(self._read(arrays, "compute"))

    def persist(self, *arrays: BigMatrix) -> tuple[BigMatrix, ...]:
        """Computes several arrays as one program and keeps their tiles here; the arrays themselves come back."""
        self._submit(arrays, None)
        return arrays

    def explain(self, *arrays: BigMatrix, blocks: int = 0) -> str:
        """What computing the arrays would run: the program, its fused tasks with counts, flops and bytes, and
        instruction blocks (at most `blocks`, 0 for a default)."""
        limit = _operand.integer("blocks", blocks)
        if not 0 <= limit < 2**31:
            raise ValueError(f"blocks is {limit}: 0 to {2**31 - 1} were expected")
        return Explanation(_abi.call_text("npw_explain", self._use(), *self._handles(arrays), limit))

    def _read(self, arrays: Sequence[BigMatrix], label: str) -> builtins.list[np.ndarray[Any, Any]]:
        handles, n = self._handles(arrays)
        out = [np.empty(a.shape, a.dtype) for a in arrays]
        buffers = _abi.buffers(out)
        _jobs.run(
            *("npw_read_into", self._use(), handles, buffers, n),
            label=label,
            progress=self._progress,
            result=_jobs.nothing,
        )
        return out

    def _submit(self, arrays: Sequence[BigMatrix], name: str | None) -> None:
        handles, n = self._handles(arrays)
        names = None if name is None else (ctypes.c_char_p * 1)(_name(name))
        _jobs.run(
            *("npw_submit", self._use(), handles, names, n),
            label="persist",
            progress=self._progress,
            result=_jobs.nothing,
        )

    def _save(self, array: BigMatrix, path: str | os.PathLike[str]) -> None:
        _jobs.run(
            *("npw_save", self._use(), array._owned.value, _abi.encode(_place(path), "path")),
            label="save",
            progress=self._progress,
            result=_jobs.nothing,
        )

    # ---- Expressions ----------------------------------------------------------------------------------------------

    @property
    def linalg(self) -> Linalg:
        """Linear algebra."""
        return Linalg(self)

    @property
    def random(self) -> Random:
        """Random arrays."""
        return Random(self)

    def _apply(self, op: str, operands: Sequence[Any] = (), **params: Any) -> BigMatrix:
        return self._apply_many(op, operands, 1, params)[0]

    def _apply_many(self, op: str, operands: Sequence[Any], results: int, params: dict[str, Any]) -> builtins.list[BigMatrix]:
        """Applies an operation of the core that has so many results."""
        alive: builtins.list[BigMatrix] = []  # until the call is over
        texts = [_operand.scalar(x) or self._handle_text(x, alive) for x in operands]
        out, n = (ctypes.c_uint64 * results)(), ctypes.c_int32()
        given = f"[{','.join(texts)}]".encode()
        _abi.call(
            *("npw_apply", self._use(), op.encode(), given, _operand.params(params), out, results),
            ctypes.byref(n),
        )
        return [BigMatrix(self, _abi.Owned(handle)) for handle in out[: n.value]]

    def _handle_text(self, x: Any, alive: builtins.list[BigMatrix]) -> str:
        array = self._array(x)
        alive.append(array)
        return f'{{"h":{array._owned.value}}}'

    def _array(self, x: Any) -> BigMatrix:
        """Any operand as an array of this executor."""
        if isinstance(x, BigMatrix):
            self._own(x)
            return x
        if isinstance(x, str | bytes | os.PathLike):
            raise TypeError(f"{x!r} is not an array: read a file with matrix_init(path)")
        if isinstance(x, np.generic | bool | int | float):
            kind = _operand.dtype(np.asarray(x).dtype)
            return self._apply("full", shape=[], value=_operand.number("the operand", x), dtype=kind)
        return self.matrix_init(x)

    def _own(self, x: BigMatrix) -> None:
        if not isinstance(x, BigMatrix):
            raise TypeError(f"a BigMatrix was expected, not {type(x).__name__}: matrix_init makes one")
        if x.executor is not self:
            raise ValueError(f"{x!r} belongs to another executor: bring it over with matrix_init(array.numpy())")

    def _handles(self, arrays: Sequence[BigMatrix]) -> tuple[Any, int]:
        for a in arrays:
            self._own(a)
        return (ctypes.c_uint64 * len(arrays))(*(a._owned.value for a in arrays)), len(arrays)

    def _use(self) -> int:
        """The handle; an error that says so after close."""
        if not self._finalizer.alive:
            raise RuntimeError(CLOSED)
        return self._handle


def _close(handle: int) -> None:
    _abi.library().npw_close(handle, None)


_URL = "s3://"


def _place(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    """A URL as it is, another path from the root."""
    text = os.fsdecode(path)
    return text if text.startswith(_URL) else str(pathlib.Path(text).absolute())


def _name(name: str) -> bytes:
    if not isinstance(name, str):
        raise TypeError(f"name is {name!r}: a string was expected")
    if not name:
        raise ValueError("name must not be empty")
    return _abi.encode(name, "name")


def local_executor(
    workers: SupportsIndex | None = None,
    memory_limit: int | str | None = None,
    path: str | os.PathLike[str] | None = None,
    retain: str | None = None,
    *,
    scratch: str | os.PathLike[str] | None = None,
    pipeline_width: int | None = None,
    progress: bool | None = None,
) -> Executor:
    """An executor of this machine: threads, a budget of memory and a scratch directory. Use it in a `with`.

    Args:
        workers: threads that run kernels; by default one a core.
        memory_limit: bytes of tiles in memory, as a number or as "2GiB"; by default half of the machine's memory.
        path: the directory of named matrices, kept after the session; by default there is none: all is ephemeral.
        retain: "all" keeps intermediate tiles (the default with `path`: a crash resumes), "results" only results.
        scratch: the directory for tiles that do not fit in memory; by default the system's temporary directory.
        pipeline_width: tasks in flight a worker.
        progress: whether calls of more than a second show a progress bar; by default where somebody looks, in a
            terminal or a notebook.
    """
    threads = None if workers is None else _operand.integer("workers", workers)
    return Executor(Config(threads, memory_limit, path, scratch, retain, pipeline_width, progress))


_defaults: dict[Config, Executor] = {}
_defaults_lock = threading.Lock()


def default_executor(profile: str | None = None, **settings: Any) -> Executor:
    """The process's executor of these settings: the same one at each call, until it is closed.

    Each setting of `local_executor` comes from the first of: the arguments, NUMPYWREN_WORKERS, NUMPYWREN_MEMORY_LIMIT
    and so on, and the table `profile` (or NUMPYWREN_PROFILE, or [default]) of NUMPYWREN_CONFIG or
    ~/.config/numpywren/config.toml. Without any, it is local, with defaults.
    """
    config = resolve(Config(**settings), profile)
    with _defaults_lock:
        executor = _defaults.get(config)
        if executor is None or executor.closed:
            executor = _defaults[config] = Executor(config)
        return executor
