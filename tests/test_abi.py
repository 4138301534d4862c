"""The C ABI against callers that are wrong: a status and a text, never a crash."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest

from numpywren import _abi

FUZZ = pathlib.Path(__file__).with_name("abi_fuzz.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(4))
def test_random_calls(python, tmp_path, seed):
    assert python(FUZZ, seed, 3000, tmp_path, timeout=100).stdout.split() == ["ok"], f"seed {seed}"


def test_null_everywhere():
    lib = _abi.library()
    for name, arguments in _abi.PROTOTYPES.items():
        nothing = [0 if issubclass(a, _abi.ctypes._SimpleCData) and a is not _abi.ctypes.c_char_p else None for a in arguments]
        assert 0 < getattr(lib, name)(*nothing, None) < 13, name
    lib.npw_free(None)


def test_handles_are_checked(ex):
    A = ex.ones((3, 3))
    h = A._owned.value
    for wrong in (0, 1, h + 1, h ^ 1 << 35, ex._handle, 2**64 - 1):
        with pytest.raises(ValueError, match=r"handle|NULL"):
            _abi.call_text("npw_info", wrong)
    kept = A._owned.value
    del A
    with pytest.raises(ValueError, match="freed"):
        _abi.call_text("npw_info", kept)


def test_versions():
    import numpywren

    assert _abi.library().npw_abi_version() == _abi.ABI_VERSION
    assert _abi.version() == numpywren.__version__


def test_exported_symbols():
    if not shutil.which("nm"):
        pytest.skip("nm is not there")
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", str(_abi.LIBRARY)], check=True, capture_output=True, text=True
    ).stdout
    names = {line.split()[-1].split("@")[0] for line in listed.splitlines()}
    assert names == {*_abi.PROTOTYPES, "npw_abi_version", "npw_version", "npw_free"}


def test_strings_end_at_nul(ex):
    with pytest.raises(ValueError, match="NUL"):
        ex.matrix_init("a\0b.npy")
    with pytest.raises(ValueError, match="NUL"):
        ex.matrix_init(np.ones(3), name="a\0b")


def test_every_status_has_an_exception():
    assert set(_abi._EXCEPTIONS) == set(range(1, 15))
    for status, make in _abi._EXCEPTIONS.items():
        e = make("what and where", 0)
        assert re.search("what and where", str(e)), status
    assert isinstance(_abi._EXCEPTIONS[7]("no space", 28), OSError)
    assert isinstance(_abi._EXCEPTIONS[7]("read-only", 13), PermissionError)
