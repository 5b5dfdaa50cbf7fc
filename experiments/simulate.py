"""``szilard simulate``: a protocol on a cell, as a figure, cycler CSV and summary."""

from __future__ import annotations

import csv
import dataclasses
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.markup import escape
from tyro.conf import Positional, UseAppendAction, arg

from ..envs.catalogue import CATALOGUE, load
from ..physics.validation import ParameterError, check_choice
from .commands import Command, Settings
from .tables import Result, number, table, to_json

if TYPE_CHECKING:
    from ..envs.cycling import Simulation
    from ..physics.cells.electrical import ElectricalCell

CELLS = {
    "double-layer": "cells.double_layer_cell:DoubleLayerCell",
    "self-cycling": "cells.self_cycling_cell:SelfCyclingCell",
    "capacitor": "cells.ferroelectric_capacitor:FerroelectricCapacitor",
}
"""Short names of the cells with terminals, with ``module:Class`` below ``szilard.physics``."""

Protocol = Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="STEP")]
LEDGER = {"delivered": "work delivered", "chemical": "released by the reactions", "energy": "change of energy",
          "exergy": "change of exergy"}  # fmt: skip
DPI = 300
"""Resolution of the figure."""


@dataclass(kw_only=True)
class Simulate(Command):
    """Run a cycler protocol on a cell: figure, CSV with cycler columns, summary.

    For example: szilard simulate double-layer --protocol "Discharge at C/2 until 2.5 V" --protocol "Rest for 1 h"
    """

    cell: Annotated[Positional[str], arg(metavar="CELL")]
    """double-layer, self-cycling, capacitor, or the id of their environment."""
    protocol: Protocol = ()
    """One step of the protocol; give it several times, in order: "Discharge at 1 mA until 0.2 V", "Rest for 10 min",
    "Hold at 4.1 V until 50 uA", "Discharge at 1.8 kOhm for 12 h", "Pulse at 2 mA for 10 s, rest for 40 s, 5 times"."""
    preset: str | None = None
    """Named parameter set, see `szilard info`; default: the reference set."""
    set: Settings = ()
    """Parameter of the cell, for example --set K=2e-3."""
    out: Path | None = None
    """Folder of the results; default: a new one below runs/."""
    tolerance: float = 1e-4
    """How well the dynamics is resolved; the ledgers are exact at any value."""
    max_step: float | None = None
    """Longest time step (seconds); default: what the cell needs."""
    bath: str | None = None
    """Bath that is connected, for a cell with several; default: the first."""
    no_progress: bool = False
    """Show no progress bar."""

    def run(self) -> Result:
        from ..physics.cells.cycler.strings import protocol
        from .settings import parse

        if not self.protocol:
            raise ParameterError('--protocol: give at least one step, for example "Discharge at 1 mA until 0.2 V"')
        steps, name = protocol(self.protocol), short_name(self.cell)
        cell = build(name, self.preset, parse(self.set))
        settings = {"tolerance": self.tolerance, "max_step": self.max_step, "bath": self.bath}
        found = _watched(cell, steps, settings, not self.no_progress)
        out = self.out or Path("runs") / f"simulate-{name}-{datetime.now():%Y%m%d-%H%M%S}"
        return written(found, out)


def short_name(cell: str) -> str:
    """The short name of a cell from its short name, class or environment id, in any case.

    Raises:
        ParameterError: for an unknown name, with the nearest.
    """
    ids = {e.id: key for e in CATALOGUE for key, path in CELLS.items() if e.machine == path}
    known = {key: key for key in CELLS} | {path.split(":")[1].lower(): key for key, path in CELLS.items()}
    for id, key in ids.items():
        known |= {id.lower(): key, id.lower().removeprefix("szilard/"): key}
    if cell.lower() not in known:
        check_choice("cell", cell, [*CELLS, *ids])
    return known[cell.lower()]


def build(name: str, preset: str | None, parameters: dict[str, Any]) -> ElectricalCell:
    """A cell with the given parameters.

    Raises:
        ParameterError: for an unknown preset or parameter, with the nearest, or a value out of range.
    """
    found = load(CELLS[name])
    known = [f.name for f in dataclasses.fields(found) if f.init]
    for key in parameters:
        check_choice("parameter", key, known)
    presets = {k: v for e in CATALOGUE if e.machine == CELLS[name] for k, v in e.presets.items()}
    if preset is not None:
        check_choice("preset", preset, presets)
        # a preset holds arguments of the environment, too
        parameters = {k: v for k, v in presets[preset].items() if k in known} | parameters
    return found(**parameters)


def _watched(cell: ElectricalCell, steps: Any, settings: dict[str, Any], progress: bool) -> Simulation:
    from tqdm import tqdm

    from ..envs.cycling import simulate

    form = "{desc} {percentage:3.0f} %|{bar}| {elapsed}<{remaining}"
    with tqdm(desc="simulate", bar_format=form, disable=not progress, file=sys.stderr, leave=False, delay=1.0) as bar:

        def show(done: float, count: int) -> None:
            bar.total = count
            # what is left of a step is a guess: the bar never goes back
            bar.update(max(0.0, done - bar.n))

        return simulate(cell, steps, progress=show, **settings)


def written(found: Simulation, out: Path) -> Result:
    """Write simulation.png, simulation.csv, summary.json and, if it was measured, impedance.csv into ``out``.

    Raises:
        OSError: if the folder cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = {"figure": out / "simulation.png", "csv": out / "simulation.csv", "summary": out / "summary.json"}
    found.plot().savefig(paths["figure"], dpi=DPI, metadata={"Title": found.cell.title})
    found.to_csv(paths["csv"])
    if found.spectra:
        paths["impedance"] = out / "impedance.csv"
        _write_spectra(found, paths["impedance"])
    summary = found.summary()
    parameters = {p["name"]: p["value"] for p in found.cell.describe()["parameters"]}
    cell = {"title": found.cell.title, "source": found.cell.source, "parameters": parameters}
    data = {"cell": cell, "protocol": list(found.protocol), **summary, "files": paths}
    if found.spectra:
        data["impedance"] = [
            {"step": s.step, "cycle": s.cycle, "frequency": s.frequency, "real": s.impedance.real,
             "imaginary": s.impedance.imag}
            for s in found.spectra
        ]  # fmt: skip
    paths["summary"].write_text(to_json(data) + "\n", encoding="utf-8")
    return Result(data, [*_view(found, summary), *(f"{n.capitalize()}: {escape(str(p))}" for n, p in paths.items())])


def _write_spectra(found: Simulation, path: Path) -> None:
    unit = "Ohm" + (f" {found.cell.per_area.removeprefix('/')}" if found.cell.per_area else "")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("step", "cycle", "frequency [Hz]", f"Re Z [{unit}]", f"Im Z [{unit}]"))
        for s in found.spectra:
            rows = zip(s.frequency.tolist(), s.impedance.real.tolist(), s.impedance.imag.tolist(), strict=True)
            writer.writerows((s.step, s.cycle, *row) for row in rows)


def _view(found: Simulation, summary: dict[str, Any]) -> list[Any]:
    per = found.cell.per_area
    header = (
        "step", "cycle", "what", "ended by", "time (s)", "V start", "V end", f"capacity (mAh{per})",
        f"energy (mWh{per})", "T max (K)",
    )  # fmt: skip
    rows = [
        (
            str(s["step"]), str(s["cycle"]), s["what"], s["ended_by"],
            number(s["duration"], 6), *(number(round(s[k], 9), 6) for k in ("voltage_start", "voltage_end")),
            number(s["charge"] / 3.6, 6), number(s["energy"] / 3.6, 6), number(s["temperature_max"], 6),
        )
        for s in summary["steps"]
    ]  # fmt: skip
    ledger = [
        (LEDGER.get(n, n.replace("heat_to.", "heat to ").replace("dissipated.", "dissipated: ").replace("_", " ")),
         number(v, 8), found.unit(f"ledger.{n}"))
        for n, v in summary["ledger"].items()
    ]  # fmt: skip
    caption = f"first law, worst step: {number(summary['residual'], 2)} of the energies that move"
    return [
        table(found.cell.title, header, rows, right=header[4:]),
        table("Ledger", ("what", "value", "unit"), ledger, caption, right=("value",)),
    ]
