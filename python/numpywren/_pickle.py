"""Pickles in pieces: what is large, the memory of arrays, is never copied into the pickle.

A pickle is a list of pieces, the first of which is the pickle proper and the others what it refers to (PEP 574). As one run of
bytes it is their number (uint32), their lengths (uint64 each), and the pieces, little endian.
"""

from __future__ import annotations

import collections
import io
import pickle
import struct
from collections.abc import Sequence
from types import CodeType
from typing import Any

import cloudpickle

Pieces = list[Any]  # of what has the buffer protocol


Files = dict[tuple[str, int], str]  # the name and the first line of a function → its file


class _FilePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Notes the files of functions that go by value. cloudpickle leaves them out, so that equal functions are equal bytes
    wherever they stand; tracebacks want them."""

    def __init__(self, file: io.BytesIO, **more: Any) -> None:
        files: Files = {}

        def reduce(code: CodeType) -> Any:
            files[code.co_name, code.co_firstlineno] = code.co_filename
            return cloudpickle.Pickler.dispatch_table[CodeType](code)

        self.files = files
        self.dispatch_table = collections.ChainMap({CodeType: reduce}, cloudpickle.Pickler.dispatch_table)
        super().__init__(file, **more)


def _pieces(kind: type[Any], value: Any) -> tuple[Pieces, Any]:
    buffers: list[pickle.PickleBuffer] = []
    with io.BytesIO() as file:
        pickler = kind(file, protocol=5, buffer_callback=buffers.append)
        pickler.dump(value)
        return [file.getvalue(), *(buffer.raw() for buffer in buffers)], pickler


def function(f: Any) -> tuple[bytes, Files]:
    """The pickle of a function, with functions of __main__, lambdas and closures by value, and where those stand."""
    pieces, pickler = _pieces(_FilePickler, f)
    return b"".join(framed(pieces)), pickler.files


# What the plain pickler, which is quicker, writes as cloudpickle does.
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def _plain(value: Any) -> bool:
    kind = type(value)
    return kind in _PLAIN or (kind in (tuple, list) and len(value) <= 16 and all(type(x) in _PLAIN for x in value))


def dumps(value: Any, plain: bool = False) -> Pieces:
    """The pieces of a pickled value, which refer to its memory. `plain` says that it holds plain data alone."""
    return [pickle.dumps(value, protocol=5)] if plain or _plain(value) else _pieces(cloudpickle.Pickler, value)[0]


def arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pieces:
    """The pieces of the arguments of a call."""
    return dumps((args, kwargs), plain=all(map(_plain, args)) and all(map(_plain, kwargs.values())))


def framed(pieces: Pieces) -> Pieces:
    """The same as one run of bytes, in pieces: what says how long they are stands before them."""
    lengths = [memoryview(piece).nbytes for piece in pieces]
    head = struct.pack(f"<I{len(pieces)}Q", len(pieces), *lengths)
    return [head + pieces[0]] if len(pieces) == 1 else [head, *pieces]


def size(pieces: Pieces) -> int:
    """How many bytes they have."""
    return sum(memoryview(piece).nbytes for piece in pieces)


def loads(data: Any) -> Any:
    """The value of a run of bytes; arrays in it keep the memory of `data`."""
    view = memoryview(data).cast("B")
    (count,) = struct.unpack_from("<I", view)
    lengths: Sequence[int] = struct.unpack_from(f"<{count}Q", view, 4)
    at = 4 + 8 * count
    pieces = []
    for length in lengths:
        pieces.append(view[at : at + length])
        at += length
    return pickle.loads(pieces[0], buffers=pieces[1:])
