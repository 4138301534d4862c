"""The C library: its functions, and the exceptions that its failures become.

``numpywren.h`` says what each function does. The library is loaded when the first call needs it, so that
``import numpywren`` stays quick and a process that forks before its first call may use numpywren in the child.
"""

from __future__ import annotations

import ctypes
import functools
import json
import pathlib
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.exceptions import AxisError

from ._errors import caused

ABI_VERSION = 2

Handle = ctypes.c_uint64
_Text = ctypes.c_void_p  # a char * that we free; c_char_p would lose the address
_P = ctypes.POINTER


class Error(ctypes.Structure):
    """``npw_error``."""

    _fields_ = [("os_errno", ctypes.c_int32), ("message", _Text)]


class Buffer(ctypes.Structure):
    """``npw_buffer``: an array in our memory."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("dtype", ctypes.c_char_p),
        ("ndim", ctypes.c_int32),
        ("shape", _P(ctypes.c_int64)),
        ("strides", _P(ctypes.c_int64)),
    ]


class Bytes(ctypes.Structure):
    """``npw_bytes``: bytes in our memory."""

    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_int64)]


_handle = ctypes.c_uint64
_number = ctypes.c_int64
_int = ctypes.c_int32
_str = ctypes.c_char_p
_handles = _P(ctypes.c_uint64)
_ints = _P(ctypes.c_int64)
_texts = _P(_Text)
_errors = _P(Error)

# The arguments of each function that gives a status; its last one, the error, is added below.
PROTOTYPES: dict[str, list[Any]] = {
    "npw_open": [_str, _handles],
    "npw_close": [_handle],
    "npw_describe": [_handle, _texts],
    "npw_apply": [_handle, _str, _str, _str, _handles, _int, _P(_int)],
    "npw_info": [_handle, _texts],
    "npw_explain": [_handle, _handles, _int, _int, _texts],
    "npw_array_free": [_handle],
    "npw_open_matrix": [_handle, _str, _handles],
    "npw_list": [_handle, _texts],
    "npw_delete": [_handle, _str],
    "npw_check_program": [_str, _str, _texts],
    "npw_from_buffer": [_handle, _P(Buffer), _str, _ints, _int, _handles],
    "npw_from_file": [_handle, _str, _str, _str, _ints, _int, _handles],
    "npw_submit": [_handle, _handles, _P(_str), _int, _handles],
    "npw_read_into": [_handle, _handles, _P(Buffer), _int, _handles],
    "npw_save": [_handle, _handle, _str, _handles],
    "npw_dispatch": [_handle, _handles, _P(_str), _int, _handles],
    "npw_request": [_handle, _str, _handles],
    "npw_job_answer": [_handle, _texts],
    "npw_job_wait": [_handle, _int, _P(_int)],
    "npw_job_result": [_handle, _handles],
    "npw_job_cancel": [_handle],
    "npw_job_progress": [_handle, _texts],
    "npw_job_free": [_handle],
    "npw_put_function": [_handle, _str, _P(Bytes), _int],
    "npw_call": [_handle, _str, _P(Bytes), _P(_int), _int, _ints],
    "npw_calls_ended": [_handle, _int, _texts, _ints],
    "npw_call_read": [_handle, _number, ctypes.c_void_p, _number],
    "npw_call_running": [_handle, _number, _P(_int)],
    "npw_call_cancel": [_handle, _number, _P(_int)],
    "npw_call_forget": [_handle, _number],
}

LIBRARY = pathlib.Path(__file__).with_name("libnumpywren.so")


@functools.cache
def library() -> ctypes.CDLL:
    """The library beside this file, loaded once, with the prototypes set."""
    try:
        lib = ctypes.CDLL(str(LIBRARY))
    except OSError as e:
        raise ImportError(f"numpywren's library cannot be loaded: {e}") from e
    lib.npw_abi_version.restype = ctypes.c_int32
    if (found := lib.npw_abi_version()) != ABI_VERSION:
        raise ImportError(f"{LIBRARY} has ABI {found}, this package needs {ABI_VERSION}: reinstall numpywren")
    lib.npw_version.restype = _str
    lib.npw_free.argtypes, lib.npw_free.restype = [ctypes.c_void_p], None
    for name, arguments in PROTOTYPES.items():
        function = getattr(lib, name)
        function.argtypes, function.restype = [*arguments, _errors], ctypes.c_int32
    return lib


def _file_error(kind: type[OSError]) -> Callable[[str, int], Exception]:
    return lambda message, errno: OSError(errno, message) if errno else kind(message)


def _plain(kind: type[Exception]) -> Callable[[str, int], Exception]:
    return lambda message, errno: kind(message)


def _function_error(message: str, errno: int) -> Exception:
    summary, _, trace = message.partition("\n\n")
    e = RuntimeError(summary)
    if trace:
        caused(e, trace)
    return e


# npw_status → the exception. OSError with an errno chooses its own subclass.
_EXCEPTIONS: dict[int, Callable[[str, int], Exception]] = {
    1: _plain(ValueError),
    2: _plain(TypeError),
    3: _plain(AxisError),
    4: _plain(KeyError),
    5: _plain(np.linalg.LinAlgError),
    6: _plain(MemoryError),
    7: _file_error(OSError),
    8: _file_error(FileNotFoundError),
    9: _file_error(FileExistsError),
    10: _plain(RuntimeError),
    11: _plain(RuntimeError),
    12: _plain(NotImplementedError),
    13: _plain(RuntimeError),
    14: _function_error,
}


def call(name: str, *arguments: Any) -> None:
    """Calls a function that gives a status; raises its failure."""
    lib = library()
    error = Error()
    status: int = getattr(lib, name)(*arguments, ctypes.byref(error))
    if status:
        message = _take(error.message) or f"{name} failed with status {status}"
        raise _EXCEPTIONS.get(status, _plain(RuntimeError))(message, error.os_errno)


def call_text(name: str, *arguments: Any) -> str:
    """Calls a function whose last result is a text."""
    text = _Text()
    call(name, *arguments, ctypes.byref(text))
    return _take(text.value)


def call_json(name: str, *arguments: Any) -> Any:
    """Calls a function whose last result is JSON."""
    return json.loads(call_text(name, *arguments))


def _take(address: int | None) -> str:
    if not address:
        return ""
    try:
        return ctypes.string_at(address).decode("utf-8", "replace")
    finally:
        library().npw_free(address)


def encode(text: str, what: str) -> bytes:
    """UTF-8 for C, which ends a text at its first NUL."""
    if "\0" in text:
        raise ValueError(f"{what} must not contain a NUL character: {text!r}")
    return text.encode("utf-8", "surrogateescape")


def int64s(values: Sequence[int] | None) -> Any:
    """A C array of the values, or None."""
    return None if values is None else (ctypes.c_int64 * len(values))(*values)


def buffers(arrays: Sequence[np.ndarray[Any, Any]]) -> Any:
    """A C array of buffers that describe the arrays; the arrays must outlive it."""

    def each() -> Iterator[Buffer]:
        for a in arrays:
            shape, strides = int64s(a.shape), int64s(a.strides)
            yield Buffer(a.ctypes.data, a.dtype.name.encode(), a.ndim, shape, strides)

    return (Buffer * len(arrays))(*each())


class Pieces:
    """A C array of `npw_bytes` that describes pieces of memory, and keeps them."""

    def __init__(self, pieces: Sequence[Any]) -> None:
        self.count = len(pieces)
        self._pieces: list[Any] = [piece if isinstance(piece, bytes) else np.frombuffer(piece, np.uint8) for piece in pieces]
        table = np.empty((self.count, 2), np.int64)
        if all(isinstance(piece, bytes) for piece in self._pieces):
            texts: Any = (_str * self.count)(*self._pieces)
            table[:, 0] = np.frombuffer(texts, np.int64) if self.count else 0
        else:
            table[:, 0] = [
                (ctypes.cast(_str(piece), ctypes.c_void_p).value or 0) if isinstance(piece, bytes) else piece.ctypes.data
                for piece in self._pieces
            ]
        table[:, 1] = [len(piece) for piece in self._pieces]
        self._table = table
        self.array = ctypes.cast(table.ctypes.data, _P(Bytes))


class Ended(NamedTuple):
    """A record of `npw_calls_ended`; payload is None when it is kept, to be read."""

    number: int
    state: int
    size: int
    log: str
    payload: bytes | None


_RECORD = struct.Struct("<qiiqq")


def calls_ended(executor: int, timeout_ms: int) -> list[Ended]:
    """Waits for calls to end, and tells of each once."""
    address, size = _Text(), ctypes.c_int64()
    call("npw_calls_ended", executor, timeout_ms, ctypes.byref(address), ctypes.byref(size))
    if not address.value:
        return []
    try:
        data = ctypes.string_at(address.value, size.value)
    finally:
        library().npw_free(address)
    out, at = [], 0
    while at < len(data):
        number, state, kept, log_size, payload_size = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        log = data[at : at + log_size].decode("utf-8", "replace")
        at += log_size
        payload = None
        if not kept:
            payload = data[at : at + payload_size]
            at += payload_size
        out.append(Ended(number, state, payload_size, log, payload))
    return out


class Owned:
    """A handle that is freed with the object, whichever thread drops it last."""

    __slots__ = ("_free", "value")

    def __init__(self, value: int) -> None:
        self.value = value
        self._free = library().npw_array_free

    def __del__(self) -> None:
        # At interpreter exit as well: `_free` is our own reference. A failure cannot be told to anyone.
        self._free(self.value, None)


def version() -> str:
    """The version of the library."""
    text: bytes = library().npw_version()
    return text.decode()
