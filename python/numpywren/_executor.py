"""Executors: a session's memory, stores and workers, and the functions on arrays that live there."""

from __future__ import annotations

import builtins
import ctypes
import functools
import json
import os
import pathlib
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt

from . import _abi, _factors, _html, _jobs, _operand, _remote
from ._array import BigMatrix
from ._calls import Calls, name_of
from ._config import Config, resolve
from ._functions import Block, Functions
from ._linalg import Linalg
from ._pywren import Future
from ._random import Random

T = TypeVar("T")

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
        self._calls = Calls(self, far=config.storage is not None and config.queue != "memory")

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
        """The settings in force, memory and disk in use, and what calls of functions on workers elsewhere took."""
        described: dict[str, Any] = _abi.call_json("npw_describe", self._use())
        return described

    def __repr__(self) -> str:
        if self.closed:
            return "<numpywren.Executor: closed>"
        d = self.describe()
        place = d.get("storage") or d.get("path") or "ephemeral"
        if d.get("storage"):
            return f"<numpywren.Executor: workers of queue {d.get('queue')}, {place}>"
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
        """Deletes the matrix of that name, or the factorisation with all of its parts; KeyError if there is none."""
        _name(name)
        _factors.delete(self, name)

    def _delete(self, name: str) -> None:
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

    # ---- Jobs of workers elsewhere --------------------------------------------------------------------------------

    def submit(self, *arrays: BigMatrix, name: str | None = None) -> _remote.Job:
        """Has arrays computed as one program by workers elsewhere, and does not wait: the job outlives this process. With a
        name (of the one array) `open(name)` finds the result."""
        if not arrays or (name is not None and len(arrays) != 1):
            raise ValueError(f"{len(arrays)} arrays: at least one was expected, and with a name exactly one")
        if name is not None:
            _name(name)
        handles, n = self._handles(arrays)
        return _remote.Job(self, _remote.dispatch(self, handles, n, name))

    def jobs(self) -> builtins.list[dict[str, Any]]:
        """The status of each job of the deployment, the latest first."""
        found: builtins.list[dict[str, Any]] = _remote.ask(self, "jobs")
        return found

    def job(self, id: str) -> _remote.Job:
        """The job of that number; KeyError if there is none."""
        if not isinstance(id, str):
            raise TypeError(f"id is {id!r}: a string was expected")
        job = _remote.Job(self, id)
        job.status()
        return job

    def gc(self, dry_run: bool = True, keep_days: float | None = None) -> dict[str, Any]:
        """What the storage keeps that no name leads to: tells what it is, and with `dry_run=False` deletes it.

        These are intermediate matrices, data and results without a name, matrices that never became whole, what ended runs
        left behind, old calls, and functions that nobody has any more. Jobs that run or are paused keep all that they need,
        and so does this executor. Arrays of other processes are not known here: what has no name goes when nothing was written
        to it for an hour; on a `path` that no other process has open, at once.

        Args:
            dry_run: whether only to tell.
            keep_days: for so long records of jobs and results of calls stay after their end; by default 7.

        Returns:
            `items`, each with its `kind`, `place`, `why`, `objects` and `bytes`; their sums, `objects` and `bytes`; whether
            they were `freed`; and `recent`, the `objects` and `bytes` that were left because they are new.
        """
        if keep_days is not None and (isinstance(keep_days, bool) or not isinstance(keep_days, int | float)):
            raise TypeError(f"keep_days is {keep_days!r}: a number of days was expected")
        if keep_days is not None and not 0 <= keep_days < float("inf"):
            raise ValueError(f"keep_days is {keep_days}: 0 or more days were expected")
        freed: dict[str, Any] = _remote.ask(self, "gc", dry_run=bool(dry_run), keep_days=keep_days)
        return freed

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

    def _submit(self, arrays: Sequence[BigMatrix], names: Sequence[str] | None) -> None:
        handles, n = self._handles(arrays)
        given = None if names is None else (ctypes.c_char_p * n)(*map(_name, names))
        _jobs.run(
            *("npw_submit", self._use(), handles, given, n),
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

    # ---- Functions of one's own -----------------------------------------------------------------------------------

    def map(self, f: Callable[..., T], *data: Iterable[Any], time_limit: float | None = None) -> builtins.list[Future[T]]:
        """Starts a call of `f` for each element of `data`, in other processes, and gives their futures in that order.

        Args:
            f: any function that cloudpickle takes: of a module, of a notebook, a lambda, a closure.
            data: what to call it with; with several, one element of each, as far as the shortest goes.
            time_limit: the seconds that one call may run; then its process is killed and it raises TimeoutError.
        """
        if not data:
            raise TypeError("map needs data: map(f, [1, 2, 3])")
        if time_limit is not None and not 0 < time_limit < 1e9:
            raise ValueError(f"time_limit is {time_limit!r}: a number of seconds was expected")
        key = self._calls.put(self, f)
        return self._calls.start(self, key, name_of(f), zip(*data, strict=False), time_limit)

    def call_async(self, f: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Starts one call, `f(*args, **kwargs)`, in another process, and gives its future."""
        return self._calls.one(self, f, args, kwargs)

    def map_blocks(
        self, f: Callable[..., Any], A: Any, *more: Any, dtype: npt.DTypeLike | None = None, **kwargs: Any
    ) -> BigMatrix:
        """Applies a function to every tile of an array, or of several: lazy, like any other.

        `f` gets NumPy arrays, one tile of each operand, which are cut alike, and gives one of the same shape. It runs in
        other processes. What it gives must depend on its arguments alone.

        Args:
            f: any function that cloudpickle takes.
            A: an array.
            more: arrays that broadcast with it.
            dtype: the result's; if it is not given, `f` is called with tiles of one element, ones, to find it.
            kwargs: keyword arguments for `f`.
        """
        arrays = [self._array(x) for x in (A, *more)]
        g = functools.partial(f, **kwargs) if kwargs else f
        key = self._calls.put(self, g)
        kind = self._dtype_of(name_of(g), key, arrays) if dtype is None else dtype
        return self._apply("map_blocks", arrays, function=key, dtype=_operand.dtype(kind))

    def _dtype_of(self, name: str, key: str, arrays: Sequence[BigMatrix]) -> np.dtype[Any]:
        """The dtype of what a function makes of tiles."""
        sample = tuple(np.ones((1,) * a.ndim, a.dtype) for a in arrays)
        hint = f"map_blocks called {name} with tiles of one element to find the dtype of its result"
        try:
            out = np.asarray(self._calls.start(self, key, name, [sample], None)[0].result())
        except Exception as e:
            raise ValueError(f"{hint}, and it failed ({type(e).__name__}: {e}): pass dtype=") from e
        if out.shape != (1,) * max(a.ndim for a in arrays):
            raise ValueError(f"{hint}, and it gave an array of shape {out.shape}: it must keep the shape of its tiles")
        return out.dtype

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

    def _array(self, x: Any, name: str = "X") -> BigMatrix:
        """Any operand as an array of this executor; messages call it by its name."""
        if isinstance(x, BigMatrix):
            self._own(x)
            return x
        if isinstance(x, str | bytes | os.PathLike):
            raise TypeError(f"{x!r} is not an array: read a file with matrix_init(path)")
        if isinstance(x, np.generic | bool | int | float):
            kind = _operand.dtype(np.asarray(x).dtype)
            return self._apply("full", shape=[], value=_operand.number("the operand", x), dtype=kind)
        return self.matrix_init(_operand.ndarray(x, name))

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
    return Executor(Config(**locals()))  # each parameter is a setting


def aws_executor(
    storage: str | os.PathLike[str],
    queue: str,
    function: str | None = None,
    region: str | None = None,
    workers: SupportsIndex | None = None,
    *,
    retain: str | None = None,
    memory_limit: int | str | None = None,
    worker_memory: int | str | None = None,
    pipeline_width: int | None = None,
    factor: float | None = None,
    budget: float | None = None,
    scratch: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Executor:
    """An executor whose matrices live in S3 and whose programs run on workers elsewhere: on Lambda, or on any machine that runs
    `numpywren worker`. AWS's own variables and files give credentials, region and endpoints.

    Args:
        storage: "s3://bucket/prefix"; or a directory that all workers see.
        queue: the name of the deployment's queues; or "memory", for workers in this process.
        function: the Lambda function that is invoked to work; by default the workers run already.
        region: of AWS; by default as AWS's own tools find it.
        workers: the most workers that are invoked at once; with the queue "memory", threads that run kernels.
        retain: "all" keeps intermediate tiles (the default: a job can be resumed), "results" those that somebody needs.
        memory_limit: bytes of tiles in this process.
        worker_memory: bytes of tiles in each worker, to refuse early what cannot fit.
        pipeline_width: tasks in hand of a worker.
        factor: workers wanted for each worker's worth of tasks that are ready.
        budget: dollars, after which a job pauses; of calls, after which all that have not ended fail.
        scratch: the directory for tiles that do not fit in this process's memory.
        progress: whether calls of more than a second show a progress bar.
    """
    settings = locals()  # each parameter is one
    if storage is None or queue is None:
        raise TypeError('storage and queue are needed: aws_executor(storage="s3://bucket/prefix", queue="name")')
    return Executor(Config(**settings))


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
