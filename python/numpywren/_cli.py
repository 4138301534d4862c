"""The command ``numpywren``. Each group of subcommands is a module with a function `add`, listed in `GROUPS`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from . import _abi, _cli_deploy, _cli_jobs, _cli_workers
from ._cli_base import TIMED_OUT

GROUPS = (_cli_deploy, _cli_jobs, _cli_workers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; the exit status is 1 after a failure, 2 for a wrong command line, 124 when a time-out ran out, 130
    after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="numpywren",
        description="Deployments, their jobs and their workers.",
        epilog="numpywren COMMAND --help tells more, with an example.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=28, width=100),
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    options = parser.parse_args(arguments)
    if options.version:
        print(_abi.version())
        return 0
    if options.command is None:
        parser.print_help()
        return 2
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("numpywren: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `numpywren jobs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter complains as it ends
        return 1
    except (ValueError, TypeError, KeyError, OSError, RuntimeError, MemoryError) as e:
        print(f"numpywren {options.command}: {one_line(e)}", file=sys.stderr)
        return TIMED_OUT if isinstance(e, TimeoutError) else 1
    return status


def one_line(e: Exception) -> str:
    """What an exception says."""
    text = str(e.args[0]) if isinstance(e, KeyError) and e.args else str(e)
    return "; ".join(line.strip() for line in text.splitlines() if line.strip()) or type(e).__name__


if __name__ == "__main__":
    sys.exit(main())
