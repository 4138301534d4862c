"""The wheel in dist/: its tag, size and contents."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

WHEELS = sorted(pathlib.Path(__file__).parent.parent.glob("dist/numpywren-*.whl"))


@pytest.fixture(scope="module")
def wheel():
    if not WHEELS:
        pytest.skip("dist/ has no wheel: make wheel builds it")
    return WHEELS[-1]


def test_size_and_tag(wheel):
    assert wheel.stat().st_size < 30_000_000
    assert re.fullmatch(r"numpywren-[\d.]+-py3-none-manylinux_2_\d+_\w+\.whl", wheel.name)


def test_contents(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {name for name in names if name.startswith("numpywren/")}
    assert {
        "numpywren/libnumpywren.so",
        "numpywren/libnpw_openblas.so",
        "numpywren/numpywren-worker",
        "numpywren/py.typed",
        "numpywren/__init__.py",
    } <= package
    assert any(name.endswith("LICENSE") for name in names)
    assert {pathlib.Path(name).suffix for name in package} <= {".py", ".so", ".typed", ".txt", ""}


def test_auditwheel(wheel):
    if not shutil.which("auditwheel", path=str(pathlib.Path(sys.executable).parent)):
        pytest.skip("auditwheel is not installed")
    tool = pathlib.Path(sys.executable).with_name("auditwheel")
    done = subprocess.run([str(tool), "show", str(wheel)], check=True, capture_output=True, text=True)
    said = " ".join(done.stdout.split())
    platform = wheel.stem.split("-")[-1]
    assert f'"{platform}"' in said, said
