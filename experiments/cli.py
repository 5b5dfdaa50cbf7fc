"""The ``szilard`` command. Every subcommand is a dataclass: its fields are the flags, ``run`` does the work.

Heavy libraries are imported inside ``run``, so that ``szilard list`` and ``--help`` start at once.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union

import tyro
from rich.console import Console
from tyro.conf import Positional, UseAppendAction, arg, subcommand

from .tables import Result, to_json

RUNS = Path("runs")
System = Positional[Annotated[str, arg(metavar="ENV", help="Id of the system, see `szilard list`.")]]
Run = Positional[Annotated[Path, arg(metavar="RUN", help="Run folder of `szilard train`.")]]
Runs = Positional[Annotated[tuple[Path, ...], arg(metavar="RUN", help="Run folders of `szilard train`.")]]
Settings = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="KEY=VALUE")]


@dataclass(kw_only=True)
class Command:
    """What all subcommands share."""

    json: bool = False
    """Print one JSON document on stdout, everything else on stderr."""
    debug: bool = False
    """Show the traceback of an error."""

    def run(self) -> Result:
        """Do it."""
        raise NotImplementedError


@dataclass(kw_only=True)
class SystemCommand(Command):
    """A command about one system with one set of parameters."""

    env: System
    preset: str | None = None
    """Named parameter set of the system; default: its first."""
    set: Settings = ()
    """A parameter of the machine or environment, for example --set beta_c=1.3 --set dt=0.1."""


@dataclass(kw_only=True)
class List(Command):
    """The systems of the catalogue."""

    markdown: bool = False
    """Print the catalogue block of the README."""

    def run(self) -> Result:
        from .info import catalogue_markdown, listing

        if self.markdown:
            text = catalogue_markdown()
            return Result({"markdown": text}, text=text)
        return listing()


@dataclass(kw_only=True)
class Info(SystemCommand):
    """One system: source, equations, parameters, spaces, presets, reference cycles."""

    def run(self) -> Result:
        from .info import details
        from .settings import parse

        return details(self.env, self.preset, parse(self.set))
