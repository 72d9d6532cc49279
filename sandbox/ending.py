"""How a command ends: with an exit code, and a person's error in one line instead of a traceback."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from sandbox.errors import SandboxError, UsageError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def reported(command: Callable[..., Any]) -> Callable[..., Any]:
    """Ends with the exit code that the command returns; a person's errors become one line and exit code 2."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            code = command(*args, **kwargs) or 0
            sys.stdout.flush()  # here, where a closed pipe is no traceback
        except UsageError as exc:
            click.echo(f"sandbox: {exc}", err=True)
            code = 2
        except SandboxError as exc:
            click.echo(f"sandbox: {exc}", err=True)
            code = 1
        except BrokenPipeError:
            # Nobody reads any more; the interpreter must not try to write what is left.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            code = 0
        except KeyboardInterrupt as exc:
            click.echo(str(exc) or "interrupted", err=True)
            code = INTERRUPTED
        sys.exit(code)

    return run
