"""Makes build/openblas/libnpw_openblas.so, the engine of core/kernel: ``python tools/openblas.py build/openblas``.

It is the library of PyPI's scipy-openblas32 under a soname and symbols of its own (npw_dgemm_ for scipy_dgemm_). Otherwise
a process that has loaded another copy, SciPy's for one, would have ours bound to that copy, with its number of threads.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

PACKAGE = "scipy_openblas32"
SOURCE = "libscipy_openblas.so"
TARGET = "libnpw_openblas.so"
OLD, NEW = b"scipy_", b"npw_"
INSTALL = f"pip install 'scipy-openblas32>=0.3.34,<0.3.35' 'patchelf>=0.17' (for this Python: {sys.executable})"


def main(out: pathlib.Path, source: pathlib.Path | None = None) -> None:
    """Makes the engine of this machine, or of that which `source` is for, the library as PyPI has it."""
    source, patchelf = source or find_library(), find_patchelf()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        library, renames = pathlib.Path(scratch, TARGET), pathlib.Path(scratch, "renames")
        shutil.copy(source, library)
        names = symbols(source.read_bytes())
        renames.write_bytes(b"".join(name + b" " + name.replace(OLD, NEW, 1) + b"\n" for name in names))
        subprocess.run([patchelf, "--set-soname", TARGET, "--rename-dynamic-symbols", renames, library], check=True)
        library.replace(out / TARGET)  # at once: a process that has the old one loaded keeps it
    print(f"{out / TARGET}: {source.name} of {PACKAGE}, {len(names)} symbols renamed from {OLD.decode()}* to {NEW.decode()}*")


def find_library() -> pathlib.Path:
    """The shared library of the installed package."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise SystemExit(f"tools/openblas.py: the Python package scipy-openblas32 is missing: {INSTALL}")
    library = pathlib.Path(package.origin).parent / "lib" / SOURCE
    if not library.exists():
        raise SystemExit(f"tools/openblas.py: {library} is missing, this scipy-openblas32 is another than we know: {INSTALL}")
    return library


def find_patchelf() -> str:
    """PyPI's patchelf lies beside the Python that it was installed for; without it, any on the PATH."""
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which("patchelf", path=path)
    if found is None:
        raise SystemExit(f"tools/openblas.py: patchelf is missing: {INSTALL}")
    return found


def symbols(elf: bytes) -> list[bytes]:
    """The names with the prefix in the library's string tables; patchelf passes over one that is no dynamic symbol."""
    names = sorted(set(re.findall(rb"\0(" + OLD + rb"\w+)(?=\0)", elf)))
    if OLD + b"dgemm_" not in names:
        raise SystemExit(f"tools/openblas.py: {SOURCE} has no scipy_dgemm_, it is another than we know: {INSTALL}")
    return names


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python tools/openblas.py OUTDIR")
    main(pathlib.Path(sys.argv[1]))
