"""Random calls of the C ABI, most of them wrong in some way: python abi_fuzz.py SEED CALLS SCRATCH. test_abi.py runs it."""

import ctypes
import json
import random
import sys

import numpy as np

from numpywren import _abi

seed, calls = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
lib = _abi.library()
keep = []  # what the library may still read


def handle():
    return ctypes.c_uint64()


def opened():
    h = handle()
    settings = {"workers": 2, "memory_limit": 1 << 24, "scratch": sys.argv[3]}
    assert lib.npw_open(json.dumps(settings).encode(), ctypes.byref(h), None) == 0
    return h.value


def array(executor):
    out, n = (ctypes.c_uint64 * 1)(), ctypes.c_int32()
    params = {"shape": [rng.randrange(12), rng.randrange(12)], "seed": "1", "low": 0, "high": 1, "block_shape": [4, 5]}
    if lib.npw_apply(executor, b"uniform", b"[]", json.dumps(params).encode(), out, 1, ctypes.byref(n), None):
        return 0
    return out[0]


executors, arrays, jobs = [opened(), opened()], [], []
arrays.extend(array(executors[0]) for _ in range(10))

# fmt: off
OPS = [
    "add", "subtract", "multiply", "divide", "floor_divide", "mod", "power", "maximum", "minimum", "equal", "less",
    "where", "negative", "exp", "log", "sqrt", "square", "abs", "astype", "matmul", "transpose", "sum", "prod",
    "mean", "min", "max", "any", "all", "argmin", "argmax", "norm", "squeeze", "expand_dims", "broadcast_to",
    "rechunk", "slice", "full", "eye", "arange", "uniform", "normal", "diag", "diagonal", "trace", "tril", "triu", "cholesky",
    "solve_triangular", "solve", "lu", "lu_factor", "lu_solve", "lu_inv", "lu_det", "lu_unpack",
    "det", "slogdet", "inv", "lower_inverse", "program", "map_blocks", "nonsense",
]
NAMES = [
    "axis", "keepdims", "ord", "shape", "value", "dtype", "block_shape", "start", "stop", "step", "n", "m", "k",
    "seed", "low", "high", "loc", "scale", "lower", "trans", "unit_diagonal", "assume_a", "source", "filename",
    "name", "scalars", "axes", "function", "pivoting", "permute_l", "p_indices",
]
# fmt: on
SOURCE = "def p(A, n=2):\n    for i in range(n):\n        C[i, 0] = copy(A[0, 0])\n    return C\n"


def value(depth=0):
    kind = rng.randrange(14)
    if kind < 4:
        return rng.choice([0, 1, 2, 3, -1, 7, 2**31, 2**63 - 1, -(2**63), 2**64])
    if kind < 6:
        return rng.choice([0.5, -1.0, 1e300, {"f": "nan"}, {"f": "inf"}, {"f": 2}])
    if kind < 8:
        return rng.choice(
            ["float64", "int64", "bool", "N", "T", "pos", "fro", "", "x" * 50, "\u0000", "1", SOURCE, "p", "f-0123456789abcdef"]
        )
    if kind < 10:
        return rng.choice([True, False, None])
    if depth < 3 and kind < 13:
        return [value(depth + 1) for _ in range(rng.randrange(5))]
    return {rng.choice(NAMES): value(depth + 1) for _ in range(rng.randrange(3))} if depth < 3 else 0


def some_handle(kind):
    pool = {"executor": executors, "array": arrays, "job": jobs}[kind]
    if pool and rng.random() < 0.85:
        return rng.choice(pool)
    others = [p[0] for p in (executors, arrays, jobs) if p]
    return rng.choice([0, 1, 2**64 - 1, rng.getrandbits(64), *others]) ^ rng.choice([0, 0, 1 << 40])


def text(given):
    if rng.random() < 0.1:
        return None
    raw = given.encode()
    if rng.random() < 0.15:  # damaged
        raw = bytearray(raw)
        for _ in range(rng.randrange(1, 4)):
            if raw:
                raw[rng.randrange(len(raw))] = rng.randrange(1, 256)
        raw = bytes(raw)
    return raw[: rng.randrange(len(raw) + 1)] if rng.random() < 0.05 else raw


def operand():
    scalars = [{"f": 1.5}, {"i": 3}, {"b": True}, {"f": "nan"}]
    wrong = [{"z": 1}, {}, 7, {"h": 1, "i": 2}]
    return rng.choice([{"h": some_handle("array")}] * 5 + scalars + wrong)


def buffer():
    a = np.asfortranarray(np.random.default_rng(rng.randrange(99)).standard_normal((rng.randrange(9), rng.randrange(9))))
    keep.append(a)
    b = _abi.buffers([a])
    keep.append(b)
    spoil = rng.randrange(12)
    if spoil == 0:
        b[0].dtype = rng.choice([b"", b"complex64", b"float99", b"\xff\xfe", None])
    if spoil == 1:
        b[0].ndim = rng.choice([-1, 33, 2**31 - 1])
    if spoil == 2:
        b[0].data = None
    if spoil == 3:
        b[0].shape = None
    if spoil == 4:
        b[0].strides = None
    if spoil == 5:
        b[0].shape = _abi.int64s([-1, 2**62])
    return b


def block():
    n = rng.choice([None, None, 2, 2, 1, 0, 33])
    if n is None:
        return None, rng.choice([0, 2])
    values = [rng.choice([1, 3, 4, 100, 0, -1, 2**63 - 1]) for _ in range(n)]
    keep.append(_abi.int64s(values))
    return keep[-1], n


def some_arrays():
    return (ctypes.c_uint64 * 3)(*(some_handle("array") for _ in range(3)))


def started(function, *arguments):
    """A call that starts a job; the job stays in play."""
    out = handle()
    given = rng.random() < 0.97
    status = function(*arguments[:-1], ctypes.byref(out) if given else None, arguments[-1])
    if status == 0 and given:
        jobs.append(out.value)
    return status


def told(function, *arguments):
    """A call that gives a text."""
    out = ctypes.c_void_p()
    status = function(*arguments[:-1], ctypes.byref(out) if rng.random() < 0.95 else None, arguments[-1])
    if out.value:
        lib.npw_free(out)
    return status


def apply(e):
    out, n = (ctypes.c_uint64 * 8)(), ctypes.c_int32()
    operands = text(json.dumps([operand() for _ in range(rng.randrange(4))]))
    params = text(json.dumps({rng.choice(NAMES): value() for _ in range(rng.randrange(5))}))
    room = rng.choice([1, 1, 1, 2, 4, 0, -1])
    status = lib.npw_apply(some_handle("executor"), text(rng.choice(OPS)), operands, params, out, room, ctypes.byref(n), e)
    if status == 0:
        arrays.extend(out[: n.value])
    return status


def array_free(e):
    h = some_handle("array")
    status = lib.npw_array_free(h, e)
    if status == 0 and len(arrays) > 3:
        arrays.remove(h)  # otherwise a handle that was freed stays in play
    return status


def check_program(e):
    source = rng.choice([SOURCE, "", "x", "def p(A):\n  return A\n", repr(value())])
    return told(lib.npw_check_program, text("f.py"), text(source), e)


def from_buffer(e):
    shape, length = block()
    name = text(rng.choice(["", "a", "b", ".", "c/d"]))
    return started(lib.npw_from_buffer, some_handle("executor"), buffer(), name, shape, length, e)


def from_file(e):
    shape, length = block()
    form, path = text(rng.choice(["npy", "zarr", "x"])), text(rng.choice(["/dev/null", "/proc", "/", "", "no"]))
    return started(lib.npw_from_file, some_handle("executor"), form, path, None, shape, length, e)


def submit(e):
    names = (ctypes.c_char_p * 3)(*(rng.choice([None, b"a", b"q", b".", b"\xff"]) for _ in range(3)))
    few = some_arrays()
    return started(lib.npw_submit, some_handle("executor"), few, rng.choice([None, names]), rng.choice([0, 1, 3, -1]), e)


def read_into(e):
    few = some_arrays()
    keep.append(few)
    return started(lib.npw_read_into, some_handle("executor"), few, buffer(), 1, e)


def explain(e):
    limit = rng.choice([0, 5, -7, 2**31 - 1])
    return told(lib.npw_explain, some_handle("executor"), some_arrays(), rng.choice([0, 1, 3, -1]), limit, e)


def job_wait(e):
    return lib.npw_job_wait(some_handle("job"), rng.choice([0, 1, 20, -1, 2**31 - 1, 60001]), ctypes.byref(ctypes.c_int32()), e)


def job_result(e):
    out = handle()
    status = lib.npw_job_result(some_handle("job"), ctypes.byref(out), e)
    if status == 0:
        arrays.append(out.value)
    return status


def open_matrix(e):
    out = handle()
    status = lib.npw_open_matrix(some_handle("executor"), text(rng.choice(["a", "b", "zzz", ""])), ctypes.byref(out), e)
    if status == 0:
        arrays.append(out.value)
    return status


def pieces():
    given = _abi.Pieces([rng.choice([b"", b"abc", np.zeros(3)]) for _ in range(rng.randrange(4))])
    if given.count and rng.random() < 0.2:
        given.array[0].size = rng.choice([-1, -(2**63)])
    if given.count and rng.random() < 0.1:
        given.array[0].data = None
    keep.append(given)
    return given


def put_function(e):
    key, given = text(rng.choice(["f-0123456789abcdef", "", "..", "a/b"])), pieces()
    count = rng.choice([given.count] * 9 + [-1])
    return lib.npw_put_function(some_handle("executor"), key, given.array, count, e)


def call(e):
    """No function of these unpickles, so what the processes say is an exception, if there are any."""
    said = {"function": rng.choice(["f-0123456789abcdef", "x", ""]), "name": "f", "time_limit": rng.choice([0, 1, -1])}
    given, first = pieces(), ctypes.c_int64()
    counts = (ctypes.c_int32 * max(1, given.count))(*rng.choice([[1] * given.count, [given.count], [-1]]))
    n = rng.choice([len(counts) if counts[0] == 1 else 1, 0, -1])
    return lib.npw_call(some_handle("executor"), text(json.dumps(said)), given.array, counts, n, ctypes.byref(first), e)


def calls_ended(e):
    out, size = ctypes.c_void_p(), ctypes.c_int64()
    status = lib.npw_calls_ended(
        some_handle("executor"), rng.choice([0, 1, -1, 60001]), ctypes.byref(out), ctypes.byref(size), e
    )
    if out.value:
        lib.npw_free(out)
    return status


def about_call(e):
    number, out = rng.choice([0, 1, 2, 5, -1, 2**63 - 1]), ctypes.c_int32()
    which = rng.choice([lib.npw_call_running, lib.npw_call_cancel])
    return which(some_handle("executor"), number, ctypes.byref(out) if rng.random() < 0.9 else None, e)


def call_read(e):
    data, size = (ctypes.c_char * 64)(), rng.choice([0, 3, 64, -1])
    return lib.npw_call_read(some_handle("executor"), rng.choice([0, 1, 3, -1]), rng.choice([data, None]), size, e)


def open_and_close(e):
    out = handle()
    settings = ["{}", '{"workers": 1}', '{"workers": -1}', '{"x": 1}', "[]", "{", '{"memory_limit": 1e99}']
    status = lib.npw_open(text(rng.choice(settings)), ctypes.byref(out), e)
    if status == 0:
        assert lib.npw_close(out.value, None) == 0
    return status


CALLS = [
    *[apply] * 9,
    *(array_free, check_program, from_buffer, from_file, submit, read_into, explain, job_wait, job_result, open_matrix),
    *(open_and_close, put_function, call, calls_ended, about_call, call_read),
    lambda e: lib.npw_call_forget(some_handle("executor"), rng.choice([0, 1, 2, -1]), e),
    lambda e: told(lib.npw_info, some_handle("array"), e),
    lambda e: told(lib.npw_list, some_handle("executor"), e),
    lambda e: told(lib.npw_describe, some_handle("executor"), e),
    lambda e: told(lib.npw_job_progress, some_handle("job"), e),
    lambda e: told(lib.npw_job_answer, some_handle("job"), e),
    lambda e: lib.npw_job_cancel(some_handle("job"), e),
    lambda e: lib.npw_job_free(some_handle("job"), e),
    lambda e: lib.npw_delete(some_handle("executor"), text(rng.choice(["a", "b", "zzz", ""])), e),
    lambda e: lib.npw_save(some_handle("executor"), some_handle("array"), b"/proc/x.npy", ctypes.byref(handle()), e),
]

for k in range(calls):
    error = _abi.Error()
    asked = rng.random() < 0.9
    status = rng.choice(CALLS)(ctypes.byref(error) if asked else None)
    assert 0 <= status <= 14, (k, status)
    assert status != 13, (k, error.message and ctypes.string_at(error.message))  # a bug of ours
    if asked:
        assert bool(error.message) == bool(status), (k, status)
        if error.message:
            ctypes.string_at(error.message).decode()
            lib.npw_free(error.message)
    if k == calls // 2:
        lib.npw_close(executors[1], None)
for job in jobs:
    lib.npw_job_free(job, None)
assert lib.npw_close(executors[0], None) == 0
for a in arrays:
    lib.npw_array_free(a, None)
print("ok")
