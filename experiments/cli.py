"""The ``szilard`` command: reads the command line, runs a subcommand, prints its result or its error."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Annotated, Union

import tyro
from rich.console import Console
from tyro.conf import subcommand

from ..physics.cycles.cycle import NoLimitCycleError
from ..physics.laws import ThermodynamicsViolation
from ..physics.validation import ParameterError
from . import commands, optimum, pareto_command, reproduce, simulate
from .tables import Result, to_json

COMMANDS: dict[str, type[commands.Command]] = {
    "list": commands.List,
    "info": commands.Info,
    "validate": commands.Validate,
    "doctor": commands.Doctor,
    "train": commands.Train,
    "resume": commands.Resume,
    "evaluate": commands.Evaluate,
    "compare": commands.Compare,
    "optimum": optimum.Optimum,
    "pareto": pareto_command.Pareto,
    "reproduce": reproduce.Reproduce,
    "simulate": simulate.Simulate,
    "render": commands.Render,
    "tensorboard": commands.Tensorboard,
    "demo": commands.Demo,
}
"""The subcommands by name, in the order of the help."""

EXPECTED = (ParameterError, NoLimitCycleError, ThermodynamicsViolation, OSError)
"""Errors that explain themselves: one line instead of a traceback."""


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of ``szilard``.

    Args:
        args: command line without the program; default: ``sys.argv``.

    Returns:
        Exit code: 0 good, 1 a check failed, 2 bad input, 130 interrupted.
    """
    given = list(sys.argv[1:] if args is None else args) or ["--help"]
    choices = tuple(Annotated[c, subcommand(name)] for name, c in COMMANDS.items())
    try:
        command: commands.Command = tyro.cli(
            Union[choices],  # type: ignore[arg-type]  # noqa: UP007 (built at run time)
            prog="szilard",
            description="Reinforcement learning for thermal machines, with the laws of thermodynamics enforced.",
            args=given,
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    except SystemExit as done:  # help, or a bad flag that tyro has explained
        return done.code if isinstance(done.code, int) else 2
    return execute(command)


def execute(command: commands.Command) -> int:
    """Run a command, print its result or its error; returns the exit code."""
    try:
        with _quiet_stdout() if command.json else contextlib.nullcontext():
            result = command.run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except EXPECTED as error:
        if command.debug:
            traceback.print_exc()
        message = " ".join(str(error).split()) or type(error).__name__
        print(f"szilard: {message}", file=sys.stderr)
        if command.json:
            print(to_json({"error": {"type": type(error).__name__, "message": message}}))
        return 2
    try:
        _show(result, command.json)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as in `szilard list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return result.exit_code


def _show(result: Result, as_json: bool) -> None:
    if as_json:
        print(to_json(result.data))
    elif result.text:
        print(result.text)
    else:
        # a pipe or a file has no width of its own
        console = Console() if sys.stdout.isatty() else Console(width=120)
        for part in result.view:
            console.print(part, highlight=False, soft_wrap=isinstance(part, str))


@contextlib.contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Whatever libraries print goes to stderr: stdout belongs to the JSON document."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


if __name__ == "__main__":
    sys.exit(main())
