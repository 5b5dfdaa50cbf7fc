"""The folder of a training run: everything that is needed to continue, to evaluate and to retrace it.

config.yaml         the configuration, presets filled in
meta.json           versions, platform, seed, git state, hyper-parameters, sessions
reference.json      what the agent is compared with: Otto cycle and bounds of the optimum
evaluations.jsonl   one line per evaluation, append-only
tb/                 TensorBoard logs
checkpoints/        the last two checkpoints
best.zip, model.zip SB3 models: best evaluated power, and latest
result.json         how the last session ended
figures/, report.html
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from ..physics.validation import ParameterError
from .config import RunConfig
from .tables import plain, to_json

RUNS = Path("runs")
"""Where runs go that were given no folder."""

PACKAGES = ("szilard", "torch", "stable-baselines3", "gymnasium", "numpy", "scipy", "tensorboard")
"""Their versions are recorded; the results of a run may depend on them."""


@dataclass(frozen=True)
class RunFolder:
    """A run folder; make one with ``create`` or ``open``."""

    path: Path

    # ---- what is in it ----------------------------------------------------------------------------------------

    @property
    def config_file(self) -> Path:
        return self.path / "config.yaml"

    @property
    def meta_file(self) -> Path:
        return self.path / "meta.json"

    @property
    def reference_file(self) -> Path:
        return self.path / "reference.json"

    @property
    def evaluations_file(self) -> Path:
        return self.path / "evaluations.jsonl"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tb"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def best_model(self) -> Path:
        return self.path / "best.zip"

    @property
    def final_model(self) -> Path:
        return self.path / "model.zip"

    @property
    def result_file(self) -> Path:
        return self.path / "result.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    # ---- making and opening -----------------------------------------------------------------------------------

    @classmethod
    def create(cls, config: RunConfig, path: str | Path | None = None) -> RunFolder:
        """A new run folder that holds ``config`` and the state of the installation.

        Args:
            config: what will be trained; the caller has resolved its presets.
            path: folder; ``None``: ``runs/<system>-<algorithm>-s<seed>-<time>``.

        Raises:
            ParameterError: if the folder exists and is not empty, or cannot be written.
        """
        folder = cls(_new(config) if path is None else Path(path))
        try:
            folder.path.mkdir(parents=True, exist_ok=True)
            if any(folder.path.iterdir()):
                hint = "continue it with `szilard resume`, or choose" if folder.config_file.exists() else "choose"
                raise ParameterError(f"run_dir = {str(folder.path)!r}: is not empty; {hint} another folder")
            for part in (folder.tensorboard, folder.checkpoints, folder.figures):
                part.mkdir()
            write(folder.meta_file, to_json(_meta(config)))
            # last: a folder with a configuration is complete
            write(folder.config_file, config.dump())
        except OSError as error:
            raise ParameterError(f"run_dir = {str(folder.path)!r}: {error.strerror}") from None
        return folder

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing run folder.

        Raises:
            ParameterError: if it is missing, or what it lacks.
        """
        folder = cls(Path(path))
        if not folder.path.is_dir():
            newest = cls.latest(folder.path.parent)
            hint = f"; the latest there is {str(newest.path)!r}" if newest else ""
            raise ParameterError(f"run folder {str(path)!r}: does not exist{hint}")
        missing = [f.name for f in (folder.config_file, folder.meta_file) if not f.is_file()]
        if missing:
            raise ParameterError(f"run folder {str(path)!r}: lacks {' and '.join(missing)}; it is no run of szilard")
        return folder

    @classmethod
    def latest(cls, root: str | Path = RUNS) -> RunFolder | None:
        """The run below ``root`` that was made last; ``None`` if there is none."""
        found = [p.parent for p in Path(root).glob("*/config.yaml") if (p.parent / "meta.json").is_file()]
        return cls(max(found, key=lambda p: (p / "config.yaml").stat().st_mtime_ns)) if found else None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder: two processes that train into one run would spoil it. Ends with the process.

        Raises:
            ParameterError: if another process holds it.
        """
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        with open(self.path / ".lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ParameterError(f"run folder {str(self.path)!r}: another process is training in it") from None
            yield

    # ---- reading and writing ----------------------------------------------------------------------------------

    def config(self) -> RunConfig:
        """The configuration of the run."""
        return RunConfig.load(self.config_file)

    def meta(self) -> dict[str, Any]:
        """Versions, platform, git state, sessions."""
        return self._json(self.meta_file)

    def reference(self) -> dict[str, float]:
        """Power of the reference lines by name, see ``szilard.experiments.reference``; empty before training."""
        return self._json(self.reference_file) if self.reference_file.is_file() else {}

    def result(self) -> dict[str, Any]:
        """How the last session ended (``RunResult.to_dict``).

        Raises:
            ParameterError: if no session has ended.
        """
        return self._json(self.result_file)

    def add_session(self, step: int, settings: Mapping[str, Any]) -> None:
        """Note in ``meta.json`` that training was taken up at ``step``, with which versions and settings."""
        meta = self.meta()
        session = {"step": step, "time": _now(), "versions": versions(), "settings": settings}
        write(self.meta_file, to_json({**meta, "sessions": [*meta.get("sessions", []), session]}))

    def add_evaluation(self, row: dict[str, Any]) -> None:
        """Append a line to ``evaluations.jsonl``; ``row["step"]`` is the environment step."""
        with open(self.evaluations_file, "ab+") as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")  # a line that a kill cut short stays alone
            file.write(json.dumps(plain(row), allow_nan=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def evaluations(self) -> list[dict[str, Any]]:
        """Evaluations by step; where a resumed run repeats a step, the later one. Undefined numbers are ``None``."""
        rows: dict[int, dict[str, Any]] = {}
        if self.evaluations_file.is_file():
            for line in self.evaluations_file.read_bytes().splitlines():
                try:
                    row = json.loads(line)
                except ValueError:  # cut short by a kill
                    continue
                rows[row["step"]] = row
        return [rows[step] for step in sorted(rows)]

    def model(self, which: str = "final") -> Path:
        """File of the SB3 model ``"final"`` or ``"best"``.

        Raises:
            ParameterError: if it was not written yet.
        """
        file = self.best_model if which == "best" else self.final_model
        if not file.is_file():
            raise ParameterError(f"run folder {str(self.path)!r}: lacks {file.name}; training wrote no model yet")
        return file

    def _json(self, file: Path) -> dict[str, Any]:
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ParameterError(f"run folder {str(self.path)!r}: {file.name}: {error}") from None


def write(path: Path, content: str | bytes) -> None:
    """Write a file so that a kill at any moment leaves either the old or the new content."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.tmp")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    if os.name == "posix":  # the rename itself reaches the disk with its folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def _new(config: RunConfig) -> Path:
    system = config.environment.id.rsplit("/", 1)[-1].rsplit("-v", 1)[0]
    stem = f"{system}-{config.agent.algorithm}-s{config.agent.seed}-{datetime.now():%Y%m%d-%H%M%S}"
    names = (stem if k == 1 else f"{stem}-{k}" for k in range(1, 1000))
    for name in names:
        try:
            (RUNS / name).mkdir(parents=True)  # atomic: parallel runs get different folders
        except FileExistsError:
            continue
        except OSError as error:
            raise ParameterError(f"run_dir = {str(RUNS / name)!r}: {error.strerror}") from None
        return RUNS / name
    raise ParameterError(f"run_dir = {str(RUNS / stem)!r}: exists; give another one")


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _meta(config: RunConfig) -> dict[str, Any]:
    return {
        "created": _now(),
        "command": sys.argv,
        "seed": config.agent.seed,
        "versions": versions(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "git": git_state(),
    }


def git_state() -> dict[str, Any] | None:
    """Commit of the package and whether files differ from it; ``None`` if it is not run from its repository."""
    root = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        # an installed copy may lie inside somebody else's repository
        if Path(git("rev-parse", "--show-toplevel")).resolve() != root:
            return None
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None
