"""``python -m numpywren._sidecar``: the process in which a user's functions run.

core/sidecar starts it and talks to it on its standard input and output. A frame is the length of its head (uint32), the length
of its body (uint64), the head, a JSON object, and the body. The process says first who it is; then it answers each question:

    function {key, forget}            keeps the body, a pickled function; no answer
    call     {function}               the body is the arguments; the answer's body the value, or what was raised
    block    {function, in, out}      the body is arrays, as numpywren's tiles lie in memory; the answer's body one more

What functions print goes to the standard error, which the other side reads; they read nothing. The process ends with its input.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _pickle

PROTOCOL = 1
_PREFIX = struct.Struct("<IQ")
RETURNED, RAISED = 1, 2
DYNAMIC = "<dynamic-code>"  # what cloudpickle says instead of a file


class Function:
    """A function as it came, unpickled when it is first called."""

    def __init__(self, name: str, data: memoryview) -> None:
        self.name, self._data = name, data
        self._function: Callable[..., Any] | None = None
        self.files: _pickle.Files = {}

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        if self._function is None:
            self._function = self._load()
        return self._function(*args, **kwargs)

    def _load(self) -> Callable[..., Any]:
        made_by, path, self.files, pickled = _pickle.loads(self._data)
        if made_by != sys.version_info[:2]:
            there, here = (".".join(map(str, version)) for version in (made_by, sys.version_info[:2]))
            raise RuntimeError(
                f"{self.name} was pickled by Python {there}, and its process has {here}: use one version for both"
            )
        sys.path += [entry for entry in path if entry not in sys.path]
        try:
            function: Callable[..., Any] = _pickle.loads(pickled)
        except Exception as e:
            raise RuntimeError(f"the function {self.name} cannot be unpickled in its process: {describe(e)}") from e
        return function


def describe(e: BaseException) -> str:
    """An exception as the last line of a traceback has it."""
    return traceback.format_exception_only(type(e), e)[-1].strip()


def report(e: BaseException, files: _pickle.Files) -> str:
    """The traceback, without our own frames above the user's, and with the files of functions that came by value."""
    trace = e.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    told = traceback.TracebackException(type(e), e, trace, lookup_lines=False)
    links: list[traceback.TracebackException | None] = [told]
    while links:
        if (link := links.pop()) is not None:
            for frame in link.stack:
                frame.filename = file_of(frame, files)
            links += [link.__cause__, link.__context__]
    return "".join(told.format()).rstrip()


def file_of(frame: traceback.FrameSummary, files: _pickle.Files) -> str:
    """The file of a frame, which for a function that came by value is that of the last of its name that begins above."""
    line = frame.lineno or 0
    above = [(first, file) for (name, first), file in files.items() if name == frame.name and first <= line]
    return max(above)[1] if above and frame.filename == DYNAMIC else frame.filename


def raised(e: BaseException, files: _pickle.Files) -> _pickle.Pieces:
    """What is sent of an exception: its class and text in any case, itself if it stands being pickled."""
    text = report(e, files)
    try:
        pickled = b"".join(_pickle.framed(_pickle.dumps(e)))
        _pickle.loads(pickled)
    except Exception:
        pickled = b""
    return _pickle.dumps((describe(e), text, pickled))


class Server:
    """Answers the questions of the one who started the process."""

    def __init__(self, requests: io.BufferedReader[Any], replies: io.BufferedWriter[Any]) -> None:
        self._in, self._out = requests, replies
        self._functions: dict[str, Function] = {}
        self._pid = os.getpid()

    def run(self) -> None:
        self._send({"protocol": PROTOCOL, "python": sys.version.split()[0], "version": _version()}, [])
        questions = {"function": self._keep, "call": self._call, "block": self._block}
        while prefix := self._in.read(_PREFIX.size):
            length, size = _PREFIX.unpack(prefix)
            head = json.loads(self._in.read(length))
            questions[head["op"]](head, size)

    def _body(self, size: int) -> memoryview:
        data = np.empty(size, np.uint8).data  # a bytearray would be cleared first
        if self._in.readinto(data) != size:
            raise EOFError("the other side is gone")
        return data

    def _send(self, head: dict[str, Any], body: _pickle.Pieces) -> None:
        if os.getpid() != self._pid:  # a child that the function forked came back from it: the answer is its parent's
            os._exit(0)
        text = json.dumps(head).encode()
        self._out.write(_PREFIX.pack(len(text), _pickle.size(body)) + text)
        for piece in body:
            self._out.write(piece)
        self._out.flush()

    def _keep(self, head: dict[str, Any], size: int) -> None:
        if head.get("forget"):
            self._functions.clear()
        name = head["key"].rpartition("-")[0]
        self._functions[head["key"]] = Function(name, self._body(size))

    def _call(self, head: dict[str, Any], size: int) -> None:
        function, data = self._functions[head["function"]], self._body(size)
        try:
            args, kwargs = _pickle.loads(data)
            del data
            value = function(*args, **kwargs)
            del args, kwargs
            try:
                body = _pickle.dumps(value)
            except Exception as e:
                kind = type(value).__qualname__
                raise TypeError(f"the result of {function.name}, a {kind}, cannot be pickled: {describe(e)}") from e
            state = RETURNED
        except BaseException as e:  # SystemExit as well: it is the caller's, as in concurrent.futures
            state, body = RAISED, raised(e, function.files)
        _flush()
        self._send({"state": state}, _pickle.framed(body))

    def _block(self, head: dict[str, Any], size: int) -> None:
        function, data = self._functions[head["function"]], self._body(size)
        try:
            blocks, at = [], 0
            for a in head["in"]:
                block = np.ndarray(a["shape"], a["dtype"], data, at, order="F")
                at += block.nbytes
                blocks.append(np.ascontiguousarray(block).reshape(block.shape))
            del data, block
            out = checked(function.name, function(*blocks), head["out"]["shape"], head["out"]["dtype"])
            del blocks
        except BaseException as e:
            _flush()
            self._send({"state": RAISED, "message": describe(e), "traceback": report(e, function.files)}, [])
        else:
            _flush()
            self._send({"state": RETURNED}, [out.reshape(-1, order="F").view(np.uint8).data])


def checked(name: str, out: Any, shape: list[int], dtype: str) -> np.ndarray[Any, Any]:
    """What a function made of a block, in the order of tiles' elements, if it has the shape and dtype that were promised."""
    out = np.asarray(out)
    if list(out.shape) != shape:
        raise ValueError(f"{name} made a block of shape {out.shape} of one of shape {tuple(shape)}: equal shapes were expected")
    if out.dtype != dtype:
        if not np.can_cast(out.dtype, dtype, "same_kind"):
            raise TypeError(f"{name} made a block of {out.dtype}, where {dtype} was said, or found: pass dtype=")
        out = out.astype(dtype)
    return np.asfortranarray(out)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # the function closed or replaced it
            stream.flush()


def _version() -> str:
    from . import __version__

    return __version__


def main() -> None:
    """Takes the pipes away from what functions may print to or read from, and serves."""
    requests = io.BufferedReader(io.FileIO(os.dup(0), "r"), 1 << 16)
    replies = io.BufferedWriter(io.FileIO(os.dup(1), "w"), 1 << 16)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)
    faulthandler.enable(2)
    Server(requests, replies).run()


if __name__ == "__main__":
    main()
