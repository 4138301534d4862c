"""Where an executor's settings come from: arguments, then ``NUMPYWREN_*``, then a profile in a TOML file."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import sys
from collections.abc import Mapping
from typing import Any

from . import _operand

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


@dataclasses.dataclass(frozen=True)
class Config:
    """An executor's settings; None means the default.

    Attributes:
        workers: threads that run kernels; by default one a core.
        memory_limit: bytes of tiles in memory, as a number or as "2GiB"; by default half of the machine's memory.
        path: the directory of named matrices, kept after the session; by default there is none: all is ephemeral.
        scratch: the directory for tiles that do not fit in memory; by default the system's temporary directory.
        retain: "all" keeps intermediate tiles (the default with `path`: a crash resumes), "results" only results.
        pipeline_width: tasks in flight a worker.
        progress: whether calls of more than a second show a progress bar; by default in a terminal and a notebook.
        storage: "s3://bucket/prefix", or a directory that all workers see: programs run elsewhere. By default they run here.
        queue: the deployment's queues; "memory" has the workers in this process.
        function: a Lambda function that is invoked to work; by default workers run already.
        region: of AWS; by default as AWS's own tools find it.
        worker_memory: bytes of tiles in the memory of each worker, where it is known.
        factor: workers wanted for each worker's worth of tasks that are ready; by default 1.
        budget: dollars, after which a job pauses, and calls fail; by default there is no limit.
    """

    workers: int | None = None
    memory_limit: int | str | None = None
    path: str | os.PathLike[str] | None = None
    scratch: str | os.PathLike[str] | None = None
    retain: str | None = None
    pipeline_width: int | None = None
    progress: bool | None = None
    storage: str | os.PathLike[str] | None = None
    queue: str | None = None
    function: str | None = None
    region: str | None = None
    worker_memory: int | str | None = None
    factor: float | None = None
    budget: float | None = None

    def checked(self) -> Config:
        """The same in plain types; a wrong value raises an error that names it."""
        retain = self.retain
        if retain not in (None, "all", "results"):
            raise ValueError(f'retain is {retain!r}: "all" or "results" were expected')
        if self.progress not in (None, True, False):
            raise TypeError(f"progress is {self.progress!r}: True or False were expected")
        return Config(
            workers=_positive("workers", self.workers),
            memory_limit=None if self.memory_limit is None else parse_bytes(self.memory_limit),
            path=_absolute(self.path),
            scratch=_absolute(self.scratch),
            retain=retain,
            pipeline_width=_positive("pipeline_width", self.pipeline_width),
            progress=self.progress,
            storage=_storage(self.storage),
            queue=_text("queue", self.queue),
            function=_text("function", self.function),
            region=_text("region", self.region),
            worker_memory=None if self.worker_memory is None else parse_bytes(self.worker_memory, "worker_memory"),
            factor=_above_zero("factor", self.factor),
            budget=_above_zero("budget", self.budget),
        )

    def for_core(self) -> dict[str, Any]:
        """What npw_open is told."""
        settings = dataclasses.asdict(self)
        del settings["progress"]
        if self.storage is not None and self.queue != "memory":
            settings["max_workers"] = settings.pop("workers")  # those elsewhere; here a few bring matrices in and out
        settings["python"] = sys.executable or None  # where the user's functions run
        return {name: value for name, value in settings.items() if value is not None}


NAMES = tuple(field.name for field in dataclasses.fields(Config))
DEPLOYMENT = ("storage", "queue", "function", "region")
WORKER = ("idle_timeout", "lease", "grace")  # of `numpywren worker` alone


def parse_bytes(size: int | str, name: str = "memory_limit") -> int:
    """Bytes from a number or a text such as "2GiB", "500 MB" or "1e9"."""
    if isinstance(size, bool) or not isinstance(size, int | str):
        raise TypeError(f'{name} is {size!r}: a number of bytes or a text such as "2GiB" was expected')
    value = float(size) if isinstance(size, int) else _bytes_of(size, name)
    if not 1 <= value < 2**63:
        raise ValueError(f"{name} is {size!r}: more than 0 bytes were expected")
    return int(value)


def _bytes_of(text: str, name: str) -> float:
    m = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:[eE]\d+)?)\s*([KMGTkmgt]?[iI]?)[bB]?\s*", text)
    if m is None or m[2].upper() not in _UNITS:
        raise ValueError(f'{name} is {text!r}: a number of bytes or a text such as "2GiB" was expected')
    return float(m[1]) * _UNITS[m[2].upper()]


def _positive(name: str, value: int | None) -> int | None:
    if value is None:
        return None
    n = _operand.integer(name, value)
    if n < 1:
        raise ValueError(f"{name} is {n}: at least 1 was expected")
    return n


def _text(name: str, value: str | None) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}: a string was expected")
    if value == "":
        raise ValueError(f"{name} must not be empty")
    return value


def _above_zero(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}: a number was expected")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value}: more than 0 was expected")
    return float(value)


def _storage(value: str | os.PathLike[str] | None) -> str | None:
    """A URL as it is, a directory as an absolute path."""
    if value is None or (isinstance(value, str) and "://" in value):
        return value
    return _absolute(value)


def _absolute(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.path.abspath(os.path.expanduser(os.fspath(path)))


def resolve(arguments: Config, profile: str | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The settings in force: each from the first of arguments, environment and profile that has it."""
    merged = _from_file(profile, environ) | _from_environ(environ)
    merged |= {name: value for name in NAMES if (value := getattr(arguments, name)) is not None}
    return Config(**merged).checked()


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in NAMES:
        variable = f"NUMPYWREN_{name.upper()}"
        if text := environ.get(variable, ""):
            found[name] = _converted(variable, name, text)
    return found


def _converted(variable: str, name: str, text: str) -> Any:
    if name in ("workers", "pipeline_width"):
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{variable} is {text!r}: an integer was expected") from None
    if name in ("factor", "budget"):
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"{variable} is {text!r}: a number was expected") from None
    if name == "progress":
        if text.lower() not in _TRUE | _FALSE:
            raise ValueError(f"{variable} is {text!r}: 1 or 0 were expected")
        return text.lower() in _TRUE
    return text


def deployment(
    arguments: Mapping[str, str | None], profile: str | None = None, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Where a deployment on AWS is: each of `DEPLOYMENT` from the first of arguments, environment and profile that has it."""
    found = {name: value for name, value in _table(profile, environ).items() if name in DEPLOYMENT}
    found |= {name: text for name in DEPLOYMENT if (text := environ.get(f"NUMPYWREN_{name.upper()}"))}
    return found | {name: text for name in DEPLOYMENT if (text := arguments.get(name))}


def profile_of(profile: str | None = None, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The profile's table as it is."""
    return dict(_table(profile, environ))


def _from_file(profile: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, value in _table(profile, environ).items() if name in NAMES}


def _table(profile: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    named = environ.get("NUMPYWREN_CONFIG")
    home = environ.get("XDG_CONFIG_HOME") or "~/.config"
    path = pathlib.Path(named or pathlib.Path(home, "numpywren", "config.toml")).expanduser()
    wanted = profile or environ.get("NUMPYWREN_PROFILE")
    if named is None and wanted is None and not path.exists():
        return {}
    with path.open("rb") as file:
        try:
            tables = tomllib.load(file)
        except tomllib.TOMLDecodeError as e:
            raise ValueError(f"{path}: {e}") from None
    if wanted is not None and wanted not in tables:
        raise KeyError(f"{path} has no profile [{wanted}]: it has {sorted(tables)}")
    settings = tables.get(wanted or "default", {})
    if not isinstance(settings, dict):
        raise ValueError(f"{path}: a table [{wanted or 'default'}] was expected")
    known = (*NAMES, *WORKER)
    if unknown := settings.keys() - set(known):
        raise ValueError(f"{path}: unknown setting {sorted(unknown)[0]!r}: there are {', '.join(known)}")
    return settings
