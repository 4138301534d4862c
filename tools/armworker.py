"""Makes the worker of a Lambda function on arm64, on any machine: ``python tools/armworker.py ZIP``.

`numpywren deploy --worker` takes the zip: bootstrap, the engine beside it, and the licences. The C compiler is PyPI's ziglang,
which has every target's headers and libraries with it; the engine is that of PyPI's scipy-openblas32 for that processor, in the
version that is installed here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import pathlib
import shlex
import subprocess
import sys
import tempfile
import zipfile

import gotool
import notices
import openblas

ROOT = pathlib.Path(__file__).parent.parent.resolve()
WORK = ROOT / "build" / "arm64"  # the same each time: go's cache goes by the path of the engine
GLIBC = "2.28"  # of scipy-openblas32's wheel; Lambda's provided.al2023 has 2.34
TARGET = f"aarch64-linux-gnu.{GLIBC}"
PLATFORMS = [f"manylinux{name}_aarch64" for name in ("2014", "_2_17", "_2_27", "_2_28")]
MOST = 50 << 20  # bytes of a zip that Lambda takes


def main(out: pathlib.Path) -> None:
    if importlib.util.find_spec("ziglang") is None:
        raise SystemExit(f"tools/armworker.py: the compiler is missing: {sys.executable} -m pip install --group cross")
    out.parent.mkdir(parents=True, exist_ok=True)
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as scratch:
        openblas.main(WORK, download(pathlib.Path(scratch)))
    build(WORK)
    (WORK / notices.NAME).write_text(notices.text(ROOT), encoding="utf-8")
    pack(WORK, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def download(folder: pathlib.Path) -> pathlib.Path:
    """The engine as PyPI has it for arm64."""
    wanted = f"scipy-openblas32=={importlib.metadata.version('scipy-openblas32')}"
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", *platforms, "-d", str(folder)]
    subprocess.run([*pip, wanted], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        return pathlib.Path(content.extract(f"{openblas.PACKAGE}/lib/{openblas.SOURCE}", folder))


def build(folder: pathlib.Path) -> None:
    """The program, as bootstrap beside the engine."""
    version = project_version()
    compiler = [sys.executable, "-m", "ziglang", "cc", "-target", TARGET]
    gotool.go(
        *("build", "-C", str(ROOT), "-trimpath", "-ldflags", f"-s -w -X numpywren/core.version={version}"),
        *("-o", str(folder / "bootstrap"), "./worker"),
        GOOS="linux",
        GOARCH="arm64",
        CC=shlex.join(compiler),
        CGO_LDFLAGS=f"-L{folder}",
    )
    subprocess.run([openblas.find_patchelf(), "--set-rpath", "$ORIGIN", str(folder / "bootstrap")], check=True)


def project_version() -> str:
    """The version that pyproject.toml says: a worker serves clients of the same."""
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("version ="))


def pack(folder: pathlib.Path, out: pathlib.Path) -> None:
    """The zip, whose bytes depend on its contents alone: Lambda's checksum says then whether a function has it already."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as content:
        for name, mode in (("bootstrap", 0o755), (openblas.TARGET, 0o755), (notices.NAME, 0o644)):
            entry = zipfile.ZipInfo(name)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (0o100000 | mode) << 16
            content.writestr(entry, (folder / name).read_bytes())
    if out.stat().st_size > MOST:
        raise SystemExit(f"tools/armworker.py: {out} has {out.stat().st_size} bytes, Lambda takes at most {MOST}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python tools/armworker.py ZIP")
    main(pathlib.Path(sys.argv[1]))
