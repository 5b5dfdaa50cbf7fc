"""The subcommand ``szilard pareto``."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.markup import escape

from ..envs.style import words_of
from .commands import SystemCommand
from .tables import Result, table

if TYPE_CHECKING:
    from .pareto import Front
    from .sweep import Outcome


@dataclass(kw_only=True)
class Pareto(SystemCommand):
    """The front of power against dissipation: learned, by the direct optimiser, by references.

    Dissipation is the entropy production, of a demon the entropy of its records.

    The same command with the same --out continues an interrupted front.
    """

    weights: tuple[float, ...] = ()
    """Weights c of the reward c P/P0 - (1 - c) Sigma/Sigma0; default: 0.5 0.6 0.7 0.8 0.9 1."""
    mode: Literal["conditioned", "separate"] = "conditioned"
    """One agent for all weights, or one agent per weight."""
    algorithm: str = "hybrid_sac"
    """hybrid_sac, sac, td3, ppo or dqn."""
    seeds: int = 1
    """Trainings with the seeds 0, 1, ...; 0: only optimiser and references."""
    steps: int | None = None
    """Environment steps of each training; default: 40000 for all weights at once, else the preset of the algorithm."""
    period_max: int = 24
    """Longest period (steps) that the optimiser tries where no best cycle is known."""
    jobs: int | None = None
    """Processes at once; default: one per core, on a Ray cluster as many as it has."""
    ray_address: str | None = None
    """Run on this Ray cluster; "auto", or "local" for a new Ray on this machine. Needs szilard[cluster]."""
    out: Path | None = None
    """Folder of the results; default: a new one below runs/."""

    def run(self) -> Result:
        from .pareto import WEIGHTS, Question, pareto
        from .settings import parse

        question = Question(
            env=self.env,
            preset=self.preset,
            parameters=parse(self.set),
            weights=self.weights or WEIGHTS,
            mode=self.mode,
            algorithm=self.algorithm,
            seeds=self.seeds,
            steps=self.steps,
            period_max=self.period_max,
        )
        name = f"pareto-{question.env.rsplit('/', 1)[-1]}-{datetime.now():%Y%m%d-%H%M%S}"
        return _shown(pareto(question, self.out or Path("runs") / name, self.jobs, self.ray_address, _tell))


def _tell(outcome: Outcome) -> None:
    last = "" if outcome.ok else f": FAILED, {outcome.error.strip().splitlines()[-1]}"
    print(f"{outcome.name}: {outcome.seconds:.0f} s{last}", file=sys.stderr, flush=True)


def _percent(share: Mapping[str, float], seeds: int) -> str:
    told = f"{100 * share['median']:.1f}"
    return told if seeds == 1 else f"{told} ({100 * share['min']:.1f}–{100 * share['max']:.1f})"


def _shown(front: Front) -> Result:
    data = front.to_dict()
    weights = [f"{w:g}" for w in front.question.weights]
    rows: list[tuple[Any, ...]] = []
    for row in data["fronts"]:
        told = [_percent(row[name], row["seeds"]) for name in ("hypervolume_ratio", "shared_ratio")]
        ratio = (f"{round(100 * row['ratio'].get(w, math.nan), 1) + 0.0:.1f}".replace("nan", "–") for w in weights)
        rows.append((row["label"], row["seeds"], *told, *ratio))
    header = ("front", "seeds", "hypervolume %", "time-shared %", *(f"c={w}" for w in weights))
    words = words_of(front.machine)
    y = f"{words.dissipation_symbol}/{words.dissipation_symbol}0"
    what = "protocols" if front.machine.is_stochastic else "cycles"
    caption = (
        f"% of the direct optimiser's: hypervolume in the plane (P/P0, -{y}) above the reference point "
        f"(0, {data['reference_point']['minus_y']:.4g}), and r_c = c P/P0 - (1 - c) {y} at each weight; "
        f"median of the seeds; time-shared: with all mixtures in time of the {what} of a front"
    )
    view = [table("Fronts", header, rows, caption, right=header[2:])]
    view += [
        f"FAILED: {escape(name)}: {escape(error.strip().splitlines()[-1])}" for name, error in front.failed.items()
    ]
    view.append(f"Folder: {escape(str(front.out))}")
    return Result(data, [*view], exit_code=1 if front.failed else 0)
