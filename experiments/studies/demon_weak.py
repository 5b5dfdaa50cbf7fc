"""Study: weak against strong read-out, and the z axis against the x axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...envs.style import GREY, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.control import Control
from ...physics.feedback.closed_forms import one_qubit_readout
from ...physics.feedback.weak_readout import X_AXIS, Z_AXIS, WeakReadout, flip_threshold, weak_readout
from ...physics.machines.coupled_qubits_references import DEMON_REFERENCES, PAPER
from ...physics.machines.detachable_demon import MEASURE, WAIT
from ...physics.machines.two_qubit_demon import TwoQubitDemon
from .study import (
    REFERENCE_VALUE,
    Check,
    References,
    Settings,
    Study,
    StudyResult,
    Table,
    agreement,
    caption,
    law,
    panel,
    trend,
    zero_line,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

E, G, T = 1.0, -0.25, 1.0
CONTACT = 100.0
"""Length of a complete thermalisation."""
ANGLES = {"z": Z_AXIS, "x": X_AXIS}
CASES = (("one", "z"), ("one", "x"), ("two", "z"), ("two", "x"))
"""What is read, and the axis."""
NAMES = {"one": "one qubit", "two": "both qubits"}

ABOUT = (
    "Heat, information and measurement energy of a read-out of strength k (1/2: blind, 1: projective) of one or both "
    "qubits, along z or x, with the best feedback: a rotation of the qubit that is read, or any unitary of both. Read "
    "along z, the flip of one qubit pays only above a threshold of k; along x every k > 1/2 gives heat, but the "
    "read-out itself takes energy. No figure of the paper was available: the numbers are those of this model."
)


def ensemble(measured: str, axis: str, strength: float) -> WeakReadout:
    """The same cycle from the machine, averaged over the outcomes."""
    read_out = "one" if measured == "one" else "both"
    demon = TwoQubitDemon(e1=E, e2=E, g=G, T=T, read_out=read_out, axes="xz", mode="ensemble")
    angle = 0.0 if axis == "z" else 0.5 * np.pi
    values = np.array([[strength, angle, 0.0]])
    state = np.concatenate([demon.thermal.reshape(1, 16)[:, 1:], values], axis=1)
    state, read = demon.step(state, Control(values, np.array([MEASURE])), 0.1)
    _, rest = demon.step(state, Control(values, np.array([WAIT])), CONTACT)
    assert read.measurement_energy is not None
    assert read.information is not None
    assert read.record is not None
    return WeakReadout(
        float(rest.heat.sum()),
        float(read.measurement_energy[0]),
        float(-read.work[0]),
        float(read.information[0]),
        float(read.record[0]),
    )


def run(settings: Settings) -> StudyResult:
    """Do it; nothing is random here."""
    references = References(DEMON_REFERENCES)
    strengths = np.linspace(0.5, 1.0, 201)
    found = {case: [weak_readout(E, E, G, T, float(k), ANGLES[case[1]], case[0]) for k in strengths] for case in CASES}
    at = {case: weak_readout(E, E, G, T, 0.9, ANGLES[case[1]], case[0]) for case in CASES}
    threshold = flip_threshold(E, E, G, T)

    def heats(case: tuple[str, str]) -> np.ndarray:
        return np.array([r.heat for r in found[case]])

    blind = strengths < threshold
    spare = [min(T * r.information - r.heat for r in found[c]) for c in CASES]
    dear = [min(r.outcome_entropy - r.information for r in found[c]) for c in CASES]
    errors = [
        max(abs(getattr(one, part) - getattr(other, part)) for part in vars(one))
        for case in CASES
        for k in (0.55, 0.75, 0.9, 1.0)
        for one, other in [(ensemble(*case, k), weak_readout(E, E, G, T, k, ANGLES[case[1]], case[0]))]
    ]
    projective = {axis: one_qubit_readout(E, E, G, T, axis) for axis in ("z", "x")}
    last = {axis: found["one", axis][-1] for axis in ("z", "x")}
    checks = (
        references.check("DEM-20", at["one", "z"].heat),
        references.check("DEM-21", at["one", "x"].heat),
        references.check("DEM-22", at["two", "z"].heat),
        references.check("DEM-23", at["one", "z"].information),
        references.check("DEM-24", at["one", "x"].information),
        references.check("DEM-06", last["x"].measurement),
        references.check("DEM-07", last["x"].work),
        Check("threshold", "k above which the z read-out of one qubit pays", threshold, 0.8, 0.005, REFERENCE_VALUE),
        agreement("below it", "largest |Q|, one qubit, z, k below the threshold",
                  np.abs(heats(("one", "z"))[blind]).max(), 0.0, 1e-12),
        trend("above it", "least Q, one qubit, z, k above the threshold", heats(("one", "z"))[~blind].min(), 0.0,
              "closed form"),
        trend("x always pays", "least Q, one qubit, x, k > 1/2", heats(("one", "x"))[1:].min(), 0.0, REFERENCE_VALUE),
        *(
            agreement("projective", f"Q at k = 1, one qubit, {a}", last[a].heat, projective[a].heat, 1e-12)
            for a in ("z", "x")
        ),
        law("E_meas", "least measurement energy, all read-outs", min(r.measurement for c in CASES for r in found[c])),
        law("Q <= T I", "least T I_QC - Q, all read-outs", min(spare)),
        law("I <= H", "least H(outcomes) - I_QC, all read-outs", min(dear)),
        agreement("machine", "largest difference of the machine in ensemble mode", max(errors), 0.0, 1e-9),
    )  # fmt: skip

    table = Table(("measured", "axis", "k", "heat", "measurement_energy", "work", "information", "outcome_entropy"))
    for (measured, axis), results in found.items():
        parts = ("heat", "measurement", "work", "information", "outcome_entropy")
        table.add(measured, axis, strengths, *(np.array([getattr(r, part) for r in results]) for part in parts))
    return StudyResult(_figure(strengths, found, threshold), table, checks)


@styled
def _figure(strengths: np.ndarray, found: dict[tuple[str, str], list[WeakReadout]], threshold: float) -> Figure:
    figure = new_figure(PAGE, 2.9)
    left, middle, right = add_axes(figure, 1, 3)[0]
    for (case, results), (colour, dashes) in zip(found.items(), SERIES, strict=True):
        look = {"color": colour, "linestyle": dashes}
        heat, information, energy = (
            np.array([getattr(r, part) for r in results]) for part in ("heat", "information", "measurement")
        )
        left.plot(strengths, heat, **look, label=f"{NAMES[case[0]]}, {case[1]} axis")
        middle.plot(T * information, heat, **look)
        right.plot(strengths, energy, **look)
    panel(left, "a")
    left.axvline(threshold, color=GREY, linewidth=0.7)
    left.annotate(
        f"$k = {threshold:.3f}$", (threshold, 0.5), (-3, 0), textcoords="offset points", ha="right", fontsize=7
    )
    left.set_xlabel("strength $k$ of the read-out")
    left.set_ylabel("heat per cycle $Q$ ($k_B T$)")
    panel(middle, "b")
    ends = np.array([0.0, max(T * r.information for r in found["two", "x"])])
    middle.fill_between(ends, ends, 2.0, color=GREY, alpha=0.2, linewidth=0)
    middle.annotate("excluded:\n$Q > T\\,I_{QC}$", (0.08, 0.42), fontsize=7)
    middle.set_xlim(0.0, ends[1])
    middle.set_ylim(-0.02, 0.65)
    middle.set_xlabel("information $T\\,I_{QC}$ ($k_B T$)")
    middle.set_ylabel("heat per cycle $Q$ ($k_B T$)")
    panel(right, "c")
    zero_line(right)
    right.set_xlabel("strength $k$ of the read-out")
    right.set_ylabel("energy of the read-out $E_{meas}$ ($k_B T$)")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    caption(
        figure,
        "$e_1 = e_2 = k_BT$, $g = -0.25\\,k_BT$, complete thermalisation; best rotation of qubit 1 (one qubit), best "
        "unitary (both). Numbers of this model, after Bhandari et al., Entropy 25, 204 (2023); no figure of the paper "
        "was available.",
    )
    return figure


STUDY = Study(
    "demon-weak", "weak against strong read-out, z against x axis: heat, information, energy", PAPER, ABOUT, run
)
