"""TensorBoard: what a run shows besides the values of SB3.

power/limit_cycle, power/exploring, power/<reference>    in one chart (tab "Custom Scalars")
objective/limit_cycle, objective/<reference>             with a weight c < 1: r_c = c P/P0 - (1 - c) D/D0
evaluation/percent_of_optimum, efficiency, heat_<bath>, work, entropy_production, law_residual, ...
    of a refrigerator cooling_power/... and evaluation/cop; without an upper bound evaluation/percent_of_best_known
    with measurements evaluation/power_error, record_entropy_rate, read_fraction
evaluation/cycle                                         the learned cycle, a picture per evaluation
hyper-parameters with the final figures of merit         (tab "HParams")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from stable_baselines3.common.logger import HParam, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard.writer import SummaryWriter

from ..agents.evaluation import Evaluation, carnot_bound
from ..envs.style import words_of
from ..physics.machine import Machine
from .build import Built
from .reference import goal, score


class _Format(TensorBoardOutputFormat):
    """SB3's, with ``purge_step``, which SB3 cannot pass on."""

    def __init__(self, folder: Path, purge_step: int) -> None:
        self.writer = SummaryWriter(str(folder), purge_step=purge_step)
        self._is_closed = False


class Board:
    """The TensorBoard log of one session of a run.

    Args:
        folder: folder of the event files; every session adds one.
        hide_from: a former session logged beyond its last checkpoint; hide that, from this step on.
    """

    def __init__(self, folder: Path, hide_from: int = 0) -> None:
        self._format = _Format(folder, hide_from)
        self.writer = self._format.writer

    def logger(self) -> Logger:
        """An SB3 logger that writes here."""
        return Logger(None, [self._format])

    def head(
        self,
        settings: Mapping[str, bool | int | float | str],
        reference: Mapping[str, float],
        machine: Machine,
        scored_by: str = "",
    ) -> None:
        """Layout of the custom charts, and the table of hyper-parameters; once per session.

        Args:
            settings: everything that was set, flat.
            reference: names of the reference lines.
            machine: the machine.
            scored_by: what the run is ranked by, if not by the power, see ``score_name``.
        """
        words, aim = words_of(machine), goal(reference.get("optimum_upper"), machine)
        power, efficiency = words.power_tag, words.efficiency_tag
        # the tags of a chart are regular expressions
        lines = {power: ("limit_cycle", "exploring", *reference)}
        if scored_by not in ("", power):
            lines = {power: ("limit_cycle", "exploring"), scored_by: ("limit_cycle", *reference)}
        exact = {tag: [f"^{tag}/{name}$" for name in names] for tag, names in lines.items()}
        heats = [f"^evaluation/heat_{bath}$" for bath in machine.bath_names]
        layout = {
            "szilard": {
                **{
                    f"{words.power if tag == power else tag} against the references": ["Multiline", names]
                    for tag, names in exact.items()
                },
                f"% of {aim.words}": ["Multiline", [f"^evaluation/{aim.tag}$"]],
                words.efficiency: [
                    "Multiline",
                    [f"^evaluation/{efficiency}$", f"^evaluation/{words.bound.lower()}_{efficiency}$"],
                ],
                "heat from the baths": ["Multiline", [*heats, "^evaluation/work$"]],
            }
        }
        self.writer.add_custom_scalars(layout)
        # shown beside the hyper-parameters
        shown = (f"evaluation/{aim.tag}", f"{power}/limit_cycle", f"evaluation/{efficiency}")
        metrics: dict[str, float | int] = dict.fromkeys(shown, math.nan)
        self._format.write({"hparams": HParam(settings, metrics)}, {"hparams": ()})

    def evaluation(
        self, built: Built, found: Evaluation, step: int, percent: float, reference: Mapping[str, float]
    ) -> None:
        """One evaluation, with the reference lines at the same step and a picture of the cycle."""
        machine, words = built.machine, words_of(built.machine)
        efficiency, lines = words.efficiency_tag, built.scored_by
        values = {
            f"{words.power_tag}/limit_cycle": found.power,
            f"{lines}/limit_cycle": score(machine, found, built.weight),
            **{f"{lines}/{name}": value for name, value in reference.items()},
            f"evaluation/{goal(reference.get('optimum_upper'), machine).tag}": percent,
            f"evaluation/{efficiency}": found.efficiency,
            f"evaluation/{efficiency}_ratio": found.efficiency_ratio,
            f"evaluation/{words.bound.lower()}_{efficiency}": carnot_bound(machine),
            "evaluation/work": -float(found.heat_rates.sum()),
            "evaluation/entropy_production": found.entropy_production_rate,
            "evaluation/law_residual": found.law_residual,
            **_kind_of_average(machine, found),
            **{
                f"evaluation/heat_{bath}": float(rate)
                for bath, rate in zip(machine.bath_names, found.heat_rates, strict=True)
            },
        }
        for tag, value in values.items():
            if math.isfinite(value):
                self.writer.add_scalar(tag, value, step)
        if found.limit_cycle is not None or machine.is_stochastic:
            from ..envs.rendering import to_rgb
            from .figures import cycle_figure
            from .trajectory_figures import play, trajectory_figure

            if found.limit_cycle is not None:
                figure = cycle_figure({"learned": found.limit_cycle})
            else:
                run = play(built.model, machine, built.dt, built.encoding, built.levels, settings=built.seen)
                figure = trajectory_figure({"learned": run})
            self.writer.add_image("evaluation/cycle", to_rgb(figure), step, dataformats="HWC")
        self.writer.flush()

    def close(self) -> None:
        """Write what is pending."""
        self._format.close()


def _kind_of_average(machine: Machine, found: Evaluation) -> dict[str, float]:
    """What is told of a limit cycle, or of long runs of a machine with measurements."""
    if not machine.is_stochastic:
        return {"evaluation/period": found.period, "evaluation/periodic": found.periodic}
    words = words_of(machine)
    return {
        f"evaluation/{words.power_tag}_error": found.standard_error,
        f"evaluation/{words.dissipation_tag}": found.dissipation_rate,
        "evaluation/read_fraction": found.read_fraction,
    }
