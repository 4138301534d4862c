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


ARM = pathlib.Path(__file__).parent.parent / "dist" / "numpywren-worker-arm64.zip"


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


@pytest.mark.skipif(not ARM.exists(), reason="dist/ has no worker for arm64: make worker-arm64 builds it")
def test_worker_for_arm64(tmp_path):
    """What Lambda's provided.al2023 on arm64 can run: glibc 2.34, and nothing else beside it."""
    elffile = pytest.importorskip("elftools.elf.elffile")  # auditwheel needs it too
    assert ARM.stat().st_size <= 50 << 20
    with zipfile.ZipFile(ARM) as content:
        assert set(content.namelist()) == {"bootstrap", "libnpw_openblas.so", "THIRD-PARTY-NOTICES.txt"}
        assert content.getinfo("bootstrap").external_attr >> 16 & 0o777 == 0o755
        content.extractall(tmp_path)
    for name, beside in (("bootstrap", {"libnpw_openblas.so"}), ("libnpw_openblas.so", set())):
        with (tmp_path / name).open("rb") as file:
            program = elffile.ELFFile(file)
            assert program.get_machine_arch() == "AArch64"
            tags = list(program.get_section_by_name(".dynamic").iter_tags())
            needed = {tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"}
            assert needed - beside <= {"libc.so.6", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "libdl.so.2"}
            assert beside <= needed
            if beside:
                assert [tag.runpath for tag in tags if tag.entry.d_tag == "DT_RUNPATH"] == ["$ORIGIN"]
            wanted = [v.name for _, versions in program.get_section_by_name(".gnu.version_r").iter_versions() for v in versions]
            found = [re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", version) for version in wanted]
            assert max((int(m[1]), int(m[2])) for m in found if m) <= (2, 34)
