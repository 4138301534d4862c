"""What the groups of subcommands share: how they are described, where their settings come from, how tables are printed."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from . import _config
from ._executor import Executor

Commands = Any  # argparse's class of subcommands is generic for checkers only

SHIPPED = pathlib.Path(__file__).with_name("numpywren-worker")  # with the engine beside it
TIMED_OUT = 124  # the exit status, as timeout(1) has it


def add_command(commands: Commands, name: str, help: str, *, example: str, more: str = "") -> argparse.ArgumentParser:
    """Adds a subcommand with an example in its help."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.{more and chr(10) + chr(10) + more}",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_place(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which deployment is meant."""
    parser.add_argument("--storage", metavar="URL", help="s3://bucket/prefix, or a folder [NUMPYWREN_STORAGE, storage]")
    parser.add_argument("--queue", "--name", metavar="NAME", help="of the deployment [NUMPYWREN_QUEUE, queue]")
    parser.add_argument("--region", help="of AWS [NUMPYWREN_REGION, region; else as AWS's tools find it]")
    add_profile(parser)


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say where settings come from."""
    parser.add_argument("--profile", help="the table of the TOML file with the settings [NUMPYWREN_PROFILE; default]")
    parser.add_argument("--config", metavar="FILE", help="the TOML file [NUMPYWREN_CONFIG; ~/.config/numpywren/config.toml]")


def environ(options: argparse.Namespace) -> Mapping[str, str]:
    """The environment, with the file that the options name."""
    return os.environ if options.config is None else {**os.environ, "NUMPYWREN_CONFIG": options.config}


def add_json(parser: argparse.ArgumentParser) -> None:
    """Adds --json."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def settings(options: argparse.Namespace, **more: Any) -> _config.Config:
    """The settings in force: options, then NUMPYWREN_*, then the profile."""
    arguments = _config.Config(storage=options.storage, queue=options.queue, region=options.region, **more)
    return _config.resolve(arguments, options.profile, environ(options))


def remote(options: argparse.Namespace, **more: Any) -> Executor:
    """An executor of the deployment that the options say; nothing is computed with it."""
    config = settings(options, **more)
    for name in ("storage", "queue"):
        if getattr(config, name) is None:
            raise ValueError(f"no {name} is given: --{name}, NUMPYWREN_{name.upper()} or {name} in a profile say which")
    return Executor(dataclasses.replace(config, path=None))


def sure(question: str, *, otherwise: str) -> bool:
    """Asks whether to go on. Where nobody can answer, ValueError with the words of `otherwise`."""
    if not sys.stdin.isatty():
        raise ValueError(otherwise)
    if input(f"{question} [y/N] ").strip().lower() in ("y", "yes"):
        return True
    print(otherwise.partition(":")[0])
    return False


def print_json(value: Any) -> None:
    """Prints JSON for programs and people."""
    print(json.dumps(value, indent=2))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Prints rows in columns, those numbered `right` to the right; the last column is as long as it is."""
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    for row in (head, *rows):
        cells = zip(row, widths, strict=True)
        line = [text.rjust(width) if k in right else text.ljust(width) for k, (text, width) in enumerate(cells)]
        print("  ".join(line).rstrip())


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Prints names and what they are, each on a line."""
    width = max(len(name) for name, _ in facts)
    for name, text in facts:
        print(f"{name:<{width}}  {text}")


def moment(text: str) -> datetime.datetime:
    """A time as core writes it."""
    return datetime.datetime.fromisoformat(text[:19] + "+00:00")


def clock(text: str) -> str:
    """A time for people, in UTC."""
    return f"{moment(text):%Y-%m-%d %H:%M:%S}"


def since(text: str) -> str:
    """How long ago a time was: 40s, 5m, 3h, 12d."""
    seconds = max(0.0, (datetime.datetime.now(datetime.timezone.utc) - moment(text)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size or (unit == "m" and seconds >= 60):
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
