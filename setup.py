"""Builds the wheel: pyproject.toml says what the package is, this file adds its shared libraries.

libnumpywren.so is the Go library of capi/, libnpw_openblas.so the engine below it (docs/decisions/0001). Both stand beside
the Python files, find each other by $ORIGIN, and know nothing of the Python that loads them (ctypes): one wheel serves
every Python 3, and its platform tag is as old as the glibc symbols that the two need.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = pathlib.Path(__file__).parent.resolve()
OPENBLAS = ROOT / "build" / "openblas" / "libnpw_openblas.so"
LIBRARIES = ("libnumpywren.so", OPENBLAS.name)
WORKER = "numpywren-worker"  # the program of worker/: a daemon, and Lambda's bootstrap

sys.path.insert(0, str(ROOT / "tools"))
import gotool  # noqa: E402
import notices  # noqa: E402
import openblas  # noqa: E402


class BuildWithLibraries(build_py):
    """Copies the Python files and builds the libraries beside them (beside the sources for an editable install)."""

    def run(self) -> None:
        if shutil.which("go") is None:
            raise SystemExit(gotool.MISSING)
        if not sys.platform.startswith("linux"):
            raise SystemExit(f"numpywren builds on Linux only, this is {sys.platform}.")
        super().run()
        package = ROOT / "python" if self.editable_mode else pathlib.Path(self.build_lib).resolve()
        self.build_libraries(package / "numpywren")

    def build_libraries(self, package: pathlib.Path) -> None:
        library = package / LIBRARIES[0]
        subprocess.run([sys.executable, "tools/openblas.py", str(OPENBLAS.parent)], cwd=ROOT, check=True)
        version = self.distribution.get_version()
        gotool.go(
            *("build", "-C", str(ROOT), "-trimpath", "-buildmode=c-shared"),
            *("-ldflags", f"-s -w -X numpywren/core.version={version}", "-o", str(library), "./capi"),
        )
        gotool.go(
            *("build", "-C", str(ROOT), "-trimpath"),
            *("-ldflags", f"-s -w -X numpywren/core.version={version}", "-o", str(package / WORKER), "./worker"),
        )
        subprocess.run([openblas.find_patchelf(), "--set-rpath", "$ORIGIN", str(package / WORKER)], check=True)
        library.with_suffix(".h").unlink()  # what cgo writes; capi/numpywren.h is the contract
        subprocess.run([openblas.find_patchelf(), "--set-rpath", "$ORIGIN", str(library)], check=True)
        shutil.copy(OPENBLAS, package)
        (package / notices.NAME).write_text(notices.text(ROOT), encoding="utf-8")


class TaggedWheel(bdist_wheel):
    """py3-none-manylinux_X_Y: any Python 3, and the oldest glibc that has every symbol version in use (PEP 600)."""

    def get_tag(self) -> tuple[str, str, str]:
        platform = super().get_tag()[2]
        built = [pathlib.Path(self.bdist_dir, "numpywren", name) for name in (*LIBRARIES, WORKER)]
        if not self.plat_name_supplied and all(library.exists() for library in built):
            major, minor = max(glibc_of(library) for library in built)
            platform = platform.replace("linux", f"manylinux_{major}_{minor}", 1)
        return "py3", "none", platform


def glibc_of(library: pathlib.Path) -> tuple[int, int]:
    """The newest GLIBC_X.Y that the library asks for, at least manylinux2014's."""
    from elftools.elf.elffile import ELFFile

    with library.open("rb") as file:
        needed = ELFFile(file).get_section_by_name(".gnu.version_r")
        names = [version.name for _, versions in needed.iter_versions() for version in versions]
    found = [re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", name) for name in names]
    return max([(2, 17), *((int(m[1]), int(m[2])) for m in found if m)])


class WithLibraries(Distribution):
    def has_ext_modules(self) -> bool:
        return True  # not pure: the wheel goes to platlib


setup(distclass=WithLibraries, cmdclass={"build_py": BuildWithLibraries, "bdist_wheel": TaggedWheel})
