"""Which modules go along with a function, since the process that runs it could not import them."""

from __future__ import annotations

import contextlib
import functools
import importlib.machinery
import os
import pathlib
import site
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import cloudpickle

_registering = threading.RLock()  # what cloudpickle is told, it is told for all threads


@contextlib.contextmanager
def by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    """Lets what modules define be pickled by value meanwhile."""
    modules = list(modules)
    if not modules:
        yield
        return
    with _registering:
        known = cloudpickle.list_registry_pickle_by_value()
        new = [module for module in modules if module.__name__ not in known]
        for module in new:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in new:
                cloudpickle.unregister_pickle_by_value(module)


def hidden(f: Callable[..., Any]) -> list[ModuleType]:
    """The module of a function, if another process on this machine could not import it."""
    module = sys.modules.get(getattr(getattr(f, "func", f), "__module__", None) or "")
    return [] if module is None or module.__name__ == "__main__" or _importable(module) else [module]


def _importable(module: ModuleType) -> bool:
    """Whether an import by a process with our path would find the module's file."""
    file = getattr(module, "__file__", None)
    if file is None:  # built in
        return True
    path: Any = None
    spec: importlib.machinery.ModuleSpec | None = None
    parts = module.__name__.split(".")
    for k in range(len(parts)):
        spec = importlib.machinery.PathFinder.find_spec(".".join(parts[: k + 1]), path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    origin = None if spec is None else spec.origin
    return origin is not None and os.path.realpath(origin) == os.path.realpath(file)


def own() -> list[ModuleType]:
    """The user's own modules: those that were imported, and are neither Python's nor of an installed package. Another machine
    does not have them."""
    return _own(len(sys.modules))


@functools.lru_cache(maxsize=1)
def _own(_: int) -> list[ModuleType]:  # the number of modules says that there may be new ones
    installed = _installed()
    found = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if type(module) is not ModuleType or name != module.__name__ or not isinstance(file, str):
            continue
        if name.partition(".")[0] not in ("__main__", "numpywren") and not os.path.abspath(file).startswith(installed):
            found.append(module)
    return found


@functools.cache
def _installed() -> tuple[str, ...]:
    """The directories of Python's modules and of installed packages."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [sysconfig.get_path(name) for name in names]
    folders += [*site.getsitepackages(), site.getusersitepackages(), str(pathlib.Path(os.__file__).parent)]
    return tuple({place + os.sep for folder in folders if folder for place in (folder, os.path.realpath(folder))})
