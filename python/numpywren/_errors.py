"""What comes back from processes in which a user's functions failed."""

from __future__ import annotations


class RemoteTraceback(Exception):  # noqa: N818 (no error of its own)
    """The cause of an exception that was raised in another process: its traceback there, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text}\n"""'


class RemoteError(RuntimeError):
    """Stands for an exception that cannot be pickled: its class and text, and its traceback as the cause."""


def caused(e: BaseException, trace: str) -> BaseException:
    """The exception with its traceback in the other process as the cause."""
    e.__cause__ = RemoteTraceback(trace)
    return e
