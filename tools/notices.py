"""The licences of what the wheel ships besides our own code, gathered when it is built, so that they cannot go stale.

``python tools/notices.py`` prints them.
"""

from __future__ import annotations

import importlib.metadata
import pathlib
import subprocess

import gotool

NAME = "THIRD-PARTY-NOTICES.txt"
ENGINE = "scipy-openblas32"  # OpenBLAS, LAPACK and the GCC runtime that is linked into them
RULE = "=" * 100


def text(root: pathlib.Path) -> str:
    """All notices, one after the other."""
    parts = ["The numpywren wheel contains the following works besides numpywren itself.\n"]
    notices = [engine(), go_itself(root), *modules(root)]
    parts += [f"{RULE}\n{title}\n{RULE}\n{licence.strip()}\n" for title, licence in notices]
    return "\n".join(parts)


def engine() -> tuple[str, str]:
    """OpenBLAS as PyPI packs it."""
    package = importlib.metadata.distribution(ENGINE)
    files = [f for f in package.files or () if "license" in f.name.lower() and ".dist-info" in str(f)]
    found = [f.read_text() for f in files] or [package.metadata["License"]]
    return f"{ENGINE} {package.version}", "\n\n".join(found)


def go_itself(root: pathlib.Path) -> tuple[str, str]:
    """Go's runtime and standard library, which are linked in."""
    version, goroot = _go(root, "env", "GOVERSION", "GOROOT").split()
    return f"The Go runtime and standard library {version}", _licence(pathlib.Path(goroot))


def modules(root: pathlib.Path) -> list[tuple[str, str]]:
    """The Go modules that are linked in."""
    shown = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}"
    lines = _go(root, "list", "-deps", "-f", shown, "./capi").splitlines()
    found = sorted({tuple(line.split(" ", 2)) for line in lines if line})
    return [(f"{path} {version}", _licence(pathlib.Path(folder))) for path, version, folder in found]


def _licence(folder: pathlib.Path) -> str:
    files = sorted(f for f in folder.iterdir() if f.is_file() and f.name.upper().startswith(("LICENSE", "COPYING", "NOTICE")))
    if not files:
        raise SystemExit(f"{folder} has no licence file: numpywren cannot ship it")
    return "\n\n".join(f.read_text(encoding="utf-8") for f in files)


def _go(root: pathlib.Path, *arguments: str) -> str:
    command = ["go", *arguments]
    return subprocess.run(command, cwd=root, env=gotool.environment(), check=True, text=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    print(text(pathlib.Path(__file__).parent.parent), end="")
