"""Study: the voltage across a ferroelectric film that falls while its charge rises, and what is left with domains."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...envs.style import GREY, INK, PAGE, SERIES, add_axes, new_figure, styled
from ...physics.cells.ferroelectric_capacitor import FerroelectricCapacitor
from .cell_tools import Played, laws, play
from .cell_window import SHADE
from .study import (
    REFERENCE_VALUE,
    Check,
    Settings,
    Study,
    StudyResult,
    Table,
    agreement,
    caption,
    panel,
    trend,
    zero_line,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SOURCE = "after A. I. Khan et al., Nat. Mater. 14, 182 (2015), of which only the abstract was available"
STEP = 5e-8
"""Step of the transient, s."""
PULSE, REST = 80e-6, 40e-6
"""Length of each pulse, and of the end without a voltage, s."""
RESISTORS = (5e2, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5)
"""Series resistors of the second picture, Ohm."""
RIGID = 1e20
"""Heat capacity (J/(m3 K)) with which a film keeps its temperature."""
SHOWN = 22e-6
"""How long films with domains are followed, s."""
COARSE, DOMAINS = 20000, 64
"""Fewer samples than this: larger steps, fewer points; and the number of domains."""

ABOUT = (
    "A ferroelectric film behind a resistor, driven by pulses. While a film of one domain switches, its voltage "
    "falls by several volts although its charge rises. The energy comes from the film's own free energy and was put "
    "in before. Domains that switch one after the other leave little of it, unless they are coupled. The transient "
    "alone does not prove an S-shaped curve: models with lagging polarisation show it too. Numbers of this model."
)


class Drop(NamedTuple):
    """Largest voltage before the polarisation first vanishes, and the least one after that: indices, and V."""

    first: int
    last: int
    size: float


class Domains(NamedTuple):
    """Spread of the imprint fields (V/m), coupling (V m/C), step (s), the drop of the specification (V)."""

    domains: int
    imprint: float
    coupling: float
    step: float
    drop: float

    @property
    def label(self) -> str:
        """For the legend."""
        if self.domains == 1:
            return "one domain"
        exponent = round(np.log10(self.coupling)) if self.coupling else 0
        coupling = f"$\\kappa = 10^{{{exponent}}}$" if self.coupling else "$\\kappa = 0$"
        return f"$\\sigma_E$ = {self.imprint * 1e-6:g} MV/m, {coupling}"


SETS = (
    Domains(1, 0.0, 0.0, 5e-8, 4.74),
    Domains(DOMAINS, 5e6, 0.0, 2.5e-8, 0.794),
    Domains(DOMAINS, 10e6, 0.0, 1.25e-8, 0.237),
    Domains(DOMAINS, 10e6, 1e8, 2.5e-8, 1.456),
    Domains(DOMAINS, 20e6, 1e9, 2.5e-8, 2.875),
)


def pulses(cell: FerroelectricCapacitor) -> Played:
    """Up, down, nothing; from -P_s."""
    parts = ((cell.V_max, PULSE), (-cell.V_max, PULSE), (0.0, REST))
    run = None
    for source, length in parts:
        x, theta = (cell.start()[:, None], np.zeros(1)) if run is None else (run.x[-1], run.theta[-1])
        part = play(cell, x, theta, np.array([[source]]), STEP, round(length / STEP))
        run = part if run is None else run.then(part)
    assert run is not None
    return run


def switch(cell: FerroelectricCapacitor, step: float, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, voltage and mean polarisation at a constant source voltage, from -P_s; until the film has switched."""
    full = 0.98 * cell.remanent
    n = cell.n_domains
    run = play(cell, cell.start()[:, None], np.zeros(1), np.array([[cell.V_max]]), step, steps,
               lambda x: bool(x[:n].mean() > full))  # fmt: skip
    return run.times, run.x[:, -1, 0] / cell.C_b, run.x[:, :n, 0].mean(axis=1)


def drop(voltage: np.ndarray, polarisation: np.ndarray) -> Drop:
    """By how much the voltage falls."""
    crossed = int(np.argmax(polarisation >= 0.0))
    first = int(np.argmax(voltage[:crossed]))
    last = first + int(np.argmin(voltage[first:]))
    return Drop(first, last, float(voltage[first] - voltage[last]))


def run(settings: Settings) -> StudyResult:
    """Do it; the imprint fields are those of seed 0, nothing else is random."""
    coarse = settings.samples < COARSE
    cell = FerroelectricCapacitor()
    transient = pulses(cell)
    v, q = transient.x[:, -1, 0] / cell.C_b, cell.charge(transient.state())
    pulse = slice(0, round(PULSE / STEP) + 1)
    segment = drop(v[pulse], transient.x[pulse, 0, 0])
    inside = slice(segment.first, segment.last + 1)
    heat = -transient.heat.sum(axis=0)[:, 0]
    resistors = RESISTORS[3::3] if coarse else RESISTORS
    drops = {}
    for r in resistors:
        film = FerroelectricCapacitor(R=r)
        drops[r] = drop(*switch(film, film.longest_sub_step, 2000)[1:]).size
    films = {}
    for s in (SETS[:2] + SETS[3:4]) if coarse else SETS:
        film = FerroelectricCapacitor(
            n_domains=s.domains, imprint_sigma=s.imprint, kappa=s.coupling, cv=RIGID
        )  # fmt: skip
        step = 2.0 * s.step if coarse else s.step
        films[s] = switch(film, step, round(SHOWN / step))

    sizes = {s: drop(f[1], f[2]).size for s, f in films.items()}
    stiffness = float(cell.landau.stiffness(np.array(0.0), cell.T_a))
    mean = float((q[segment.last] - q[segment.first]) / (v[segment.last] - v[segment.first]))
    error = 0.05 if coarse else 0.01
    one, free = sizes[SETS[0]], sizes[SETS[1]]
    checks = (
        Check("4.2", "start of the segment (us)", transient.times[segment.first] * 1e6, 3.940, 0.051, REFERENCE_VALUE),
        Check("4.2", "its end (us)", transient.times[segment.last] * 1e6, 11.240, 0.051, REFERENCE_VALUE),
        Check("4.2", "largest voltage (V)", v[segment.first], 2.4804, 1e-3, REFERENCE_VALUE),
        Check("4.2", "least voltage (V)", v[segment.last], -2.3140, 1e-3, REFERENCE_VALUE),
        Check("4.2", "drop (V)", segment.size, 4.7945, 1e-3, REFERENCE_VALUE),
        Check("4.2", "mean dQ/dV in it (1e-10 F)", mean * 1e10, -1.447, 5e-3, REFERENCE_VALUE),
        Check("4.2", "C_F at P = 0 (1e-10 F)", 1e10 * cell.A / (cell.L * stiffness), -1.0104, 1e-3, REFERENCE_VALUE),
        Check("4.2", "work of the source (1e-8 J)", -transient.delivered.sum() * 1e8, 1.71713, 1e-4, REFERENCE_VALUE),
        Check("4.2", "heat of the resistor (1e-8 J)", heat[1] * 1e8, 1.68758, 1e-4, REFERENCE_VALUE),
        Check("4.2", "heat of the film (1e-10 J)", heat[0] * 1e10, 3.73351, 1e-3, REFERENCE_VALUE),
        trend("falls", "least rise of Q per step in the segment (1e-15 C)", np.diff(q[inside]).min() * 1e15, 0.0,
              "definition"),
        trend("falls", "least fall of V per step in the segment (uV)", -np.diff(v[inside]).max() * 1e6, 0.0,
              "definition"),
        *laws("transient", cell, transient),
        *(
            Check("domains", f"drop, N = {s.domains}, sigma = {s.imprint * 1e-6:g} MV/m, kappa = {s.coupling:g} (V)",
                  size, s.drop, error, REFERENCE_VALUE)
            for s, size in sizes.items()
        ),
        trend("R", "drop at 50 kOhm - drop at 5 kOhm (V)", drops[5e4] - drops[5e3], 0.1, REFERENCE_VALUE),
        agreement("R", "drop at 500 kOhm against 50 kOhm (V)", drops[5e5], drops[5e4], 0.01),
        trend("domains", "drop of one domain / drop of 64 without coupling", one / free, 3.0, REFERENCE_VALUE),
    )  # fmt: skip
    table = Table(("quantity", "n_domains", "imprint_V/m", "kappa_Vm/C", "R_Ohm", "t_s", "V_V", "P_C/m2"))
    table.add("pulses", 1, 0.0, 0.0, cell.R, transient.times[::4], v[::4], transient.x[::4, 0, 0])
    for r, size in drops.items():
        table.add("drop", 1, 0.0, 0.0, r, "", size, "")
    for s, (t, volt, p) in films.items():
        every = max(1, len(t) // 400)
        table.add("switching", s.domains, s.imprint, s.coupling, cell.R, t[::every], volt[::every], p[::every])
    fast = FerroelectricCapacitor(R=2e3)
    lagging = switch(fast, fast.longest_sub_step, 2000)[1:]
    return StudyResult(_figure(cell, transient, lagging, drops, films, sizes), table, checks)


@styled
def _figure(
    cell: FerroelectricCapacitor,
    run: Played,
    fast: tuple[np.ndarray, np.ndarray],
    drops: dict[float, float],
    films: dict[Domains, tuple[np.ndarray, np.ndarray, np.ndarray]],
    sizes: dict[Domains, float],
) -> Figure:
    figure = new_figure(PAGE, 5.0)
    (a, b), (c, d) = add_axes(figure, 2, 2)
    v, p, t = run.x[:, -1, 0] / cell.C_b, run.x[:, 0, 0], run.times * 1e6
    rising = np.diff(cell.charge(run.state())) * np.diff(v) < 0.0
    switching = np.concatenate([rising & (np.abs(np.diff(v)) > 1e-4), [False]])

    panel(a, "a", "one domain, $R$ = 50 k$\\Omega$")
    a.step(t[1:], run.values[:, 0, 0], color=GREY, linewidth=0.9, label="source $V_s$")
    a.plot(t, v, color=INK, label="film $V$")
    a.fill_between(t, -6.0, 6.0, where=switching.tolist(), color=SHADE, alpha=0.3, linewidth=0,
                   label="$dV/dQ < 0$")  # fmt: skip
    a.set_xlim(0.0, t[-1])
    a.set_ylim(-6.0, 6.0)
    a.set_xlabel("time $t$ (µs)")
    a.set_ylabel("voltage (V)")
    a.legend(loc="upper right", fontsize=6.5, borderaxespad=0.1)

    panel(b, "b", "the same against polarisation")
    wide = np.linspace(-0.87, 0.87, 400)
    b.plot(wide, cell.L * cell.landau.field(wide, cell.T_a), color=GREY, linewidth=1.0, linestyle=(0, (3, 1.5)),
           label=r"$L\,\partial f/\partial P$")  # fmt: skip
    b.plot(p, v, color=INK, linewidth=1.0, label="film, $R$ = 50 k$\\Omega$")
    b.plot(np.where(switching, p, np.nan), v, color=SHADE, linewidth=2.4, label="$dV/dQ < 0$")
    b.plot(fast[1], fast[0], color=SERIES[2][0], linestyle=SERIES[2][1], linewidth=1.0, label="$R$ = 2 k$\\Omega$")
    zero_line(b)
    b.set_xlabel("polarisation $P$ (C/m$^2$)")
    b.set_ylabel("voltage $V$ (V)")
    b.set_ylim(-6.0, 8.0)
    b.legend(loc="upper left", fontsize=6.5, borderaxespad=0.1)

    panel(c, "c", "drop against the resistor, one domain")
    c.plot(list(drops), list(drops.values()), "o-", color=INK, markersize=3.5)
    c.axhline(4.0 / (3.0 * np.sqrt(3.0)) * abs(cell.a0 * (cell.T_a - cell.T0)) * cell.remanent * cell.L, color=GREY,
              linewidth=0.7, linestyle=(0, (3, 1.5)))  # fmt: skip
    c.annotate("quasi-static, isothermal: $2 E_c L$", (5e5, 4.9), fontsize=7, ha="right", va="bottom")
    c.axvline(cell.rho * cell.L / cell.A, color=GREY, linewidth=0.7)
    c.annotate(r"$\rho L/A$", (cell.rho * cell.L / cell.A, 0.4), (3, 0), textcoords="offset points", fontsize=7)
    c.set_xscale("log")
    c.set_ylim(0.0, 5.5)
    c.set_xlabel("series resistor $R$ ($\\Omega$)")
    c.set_ylabel("drop of the voltage (V)")

    panel(d, "d", f"{DOMAINS} domains, isothermal")
    looks = [*SERIES, ("#4c4f9c", "-")]
    for (s, (times, volt, _)), (colour, dashes) in zip(films.items(), looks, strict=False):
        d.plot(times * 1e6, volt, color=colour, linestyle=dashes, linewidth=1.0,
               label=f"{s.label}: {sizes[s]:.2f} V")  # fmt: skip
    zero_line(d)
    d.set_xlim(0.0, SHOWN * 1e6)
    d.set_ylim(-3.0, 9.5)
    d.set_yticks([-2, 0, 2, 4])
    d.set_xlabel("time $t$ (µs)")
    d.set_ylabel("voltage $V$ (V)")
    d.legend(loc="upper left", fontsize=6.5, title="drop of the voltage", title_fontsize=6.5, alignment="left",
             borderaxespad=0.1)  # fmt: skip
    caption(
        figure,
        "Assumed set PZT_eff: 60 nm, (30 µm)$^2$, $P_r$ = 0.7 C/m$^2$, $E_c$ = 40 MV/m. (d): Gaussian imprint fields "
        "of standard deviation $\\sigma_E$, nearest neighbours coupled by $\\kappa$ (V m/C); curves end when the "
        "film has switched. The transient takes free energy out of the film that was stored before; by itself it does "
        "not prove an S-curve: models of lagging polarisation give it too (Saha, Datta, Gupta). Numbers of this model.",
    )
    return figure


TITLE = "voltage that falls while the charge rises: transient, resistor, domains"
STUDY = Study("negative-capacitance", TITLE, SOURCE, ABOUT, run)
