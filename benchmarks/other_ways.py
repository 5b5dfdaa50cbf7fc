"""One step of each machine done in other ways: by QuTiP, and by a compiled closed form (a unit of time).

QuTiP gets the Hamiltonian and the collapse operators of the step, as anybody would write them down:
  (a) ``qutip.mesolve`` over dt (default tolerances),
  (b) ``qutip.liouvillian`` of the step, then its matrix exponential applied to the state.
"""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import qutip

from szilard.physics.control import Control
from szilard.physics.machine import Machine
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine

QT: Any = qutip  # its annotations do not match what it accepts
HOT = 0

LEVELS = 64
"""Fock levels of the oscillator for ``mesolve``: at omega = 1 the hot bath leaves 3e-6 of the population above."""

LEVELS_EXPM = 20
"""Fock levels for the exponential. With ``LEVELS`` the Liouvillian has 4096 rows and one step takes minutes; 20 levels
are too few for the hot bath (3 % of a thermal state lie above at u = 0.9), so the time is a lower bound."""

Step = Callable[[], Any]


@dataclass(frozen=True)
class Case:
    """A machine, its step and the same step in QuTiP.

    Attributes:
        env_id: environment of the catalogue.
        machine, dt: as in its default preset.
        state, control: one step, the same for all ways.
        mesolve, expm: the QuTiP ways; they return the density matrix after the step.
        read: what to compare, from a density matrix; the first dynamical variables of the machine.
        tolerance: largest allowed deviation of ``mesolve`` and of ``expm`` from the closed form.
        published: CPU time of a step of the authors' published environment in units of ``compiled_unit``, or ``None``.
        steps: how many steps of the machine the QuTiP ways do; a contact and a measurement are two.
    """

    env_id: str
    machine: Machine
    dt: float
    state: np.ndarray
    control: Control
    mesolve: Step
    expm: Step
    read: Callable[[Any], list[float]]
    tolerance: tuple[float, float]
    published: float | None = None
    steps: int = 1

    def check(self) -> None:
        """Exit with a message unless all ways compute the same."""
        exact = self.machine.propagate(self.state, self.control, self.dt).state[0]
        for way, tolerance in zip((self.mesolve, self.expm), self.tolerance, strict=True):
            found = self.read(way())
            error = np.abs(found - exact[: len(found)])
            if not (error <= tolerance * np.abs(exact[: len(found)])).all():
                raise SystemExit(f"{self.env_id}: QuTiP gives {found}, the closed form {exact[: len(found)].tolist()}")


def _mesolve(build: Callable[[], tuple[Any, list[Any]]], rho: Any, dt: float) -> Step:
    def step() -> Any:
        hamiltonian, collapse = build()
        return qutip.mesolve(hamiltonian, rho, [0.0, dt], collapse).states[-1]

    return step


def _expm(build: Callable[[], tuple[Any, list[Any]]], rho: Any, dt: float) -> Step:
    def step() -> Any:
        liouvillian = QT.liouvillian(*build())
        return qutip.vector_to_operator((dt * liouvillian).expm() * qutip.operator_to_vector(rho))

    return step


def two_level() -> Case:
    machine, u, dt = TwoLevelEngine(), 0.8, 0.5
    raising, sigma_z = qutip.Qobj([[0, 1], [0, 0]]), qutip.sigmaz()  # basis (e, g)

    def build() -> tuple[Any, list[Any]]:
        gap = machine.E0 * u
        down, up = (float(rate) for rate in machine.baths[HOT].both(np.array(gap)))
        return 0.5 * gap * sigma_z, [up**0.5 * raising, down**0.5 * raising.dag()]

    rho = qutip.Qobj(np.diag([0.2, 0.8]))
    return Case(
        env_id="szilard/TwoLevelEngine-v0",
        machine=machine,
        dt=dt,
        state=np.array([[0.2, u]]),
        control=Control(np.array([[u]]), np.array([HOT])),
        mesolve=_mesolve(build, rho, dt),
        expm=_expm(build, rho, dt),
        read=lambda rho: [rho[0, 0].real],
        tolerance=(1e-4, 1e-10),
        published=7.8,
    )


def refrigerator() -> Case:
    machine, u, dt = QubitRefrigerator(), 0.3, 2.0 * math.pi / 0.05 / 128
    sigma_x, sigma_y, sigma_z = qutip.sigmax(), qutip.sigmay(), qutip.sigmaz()

    def build() -> tuple[Any, list[Any]]:
        hamiltonian = -machine.E0 * (machine.delta * sigma_x + u * sigma_z)
        (low, high), (ground, excited) = hamiltonian.eigenstates()
        raising = excited * ground.dag()
        down, up = (rate[0] for rate in machine.rates(np.array([high - low])))
        jumps = [up[a] ** 0.5 * raising for a in (0, 1)] + [down[a] ** 0.5 * raising.dag() for a in (0, 1)]
        return hamiltonian, jumps

    r = np.array([0.3, -0.2, 0.6])
    rho = 0.5 * (qutip.qeye(2) + r[0] * sigma_x + r[1] * sigma_y + r[2] * sigma_z)
    return Case(
        env_id="szilard/QubitRefrigerator-v0",
        machine=machine,
        dt=dt,
        state=np.array([[*r, 0.5]]),
        control=Control(np.array([[u]]), np.array([0])),
        mesolve=_mesolve(build, rho, dt),
        expm=_expm(build, rho, dt),
        read=lambda rho: [float(qutip.expect(s, rho)) for s in (sigma_x, sigma_y, sigma_z)],
        tolerance=(1e-4, 1e-10),
        published=42.0,
    )


def oscillator() -> Case:
    machine, u, held, dt = OscillatorEngine(), 0.9, 0.8, 0.2
    omega = machine.omega0 * u

    def space(levels: int) -> tuple[Any, Any, Callable[[], tuple[Any, list[Any]]], Any]:
        # the Fock space of the frequency of the step
        a = qutip.destroy(levels)
        q: Any = (a + a.dag()) / math.sqrt(2 * omega)
        p: Any = 1j * math.sqrt(omega / 2) * (a.dag() - a)

        def build() -> tuple[Any, list[Any]]:
            down, up = (float(rate) for rate in machine.baths[HOT].both(np.array(omega)))
            return 0.5 * (p * p + omega**2 * q * q), [down**0.5 * a, up**0.5 * a.dag()]

        # thermal at the mean temperature at the frequency that was held before, as after a reset
        before = 0.5 * (p * p + (machine.omega0 * held) ** 2 * q * q)
        rho = (before * (-2.0 / (1.0 / machine.beta_h + 1.0 / machine.beta_c))).expm()
        return q, p, build, rho / rho.tr()

    _, _, large, warm = space(LEVELS)
    _, _, small, warm_small = space(LEVELS_EXPM)

    def read(rho: Any) -> list[float]:
        q, p, *_ = space(rho.shape[0])
        return [float(np.real((o * rho).tr())) for o in (p * p, q * q)]

    fraction = (held - machine.u_min) / (machine.u_max - machine.u_min)
    return Case(
        env_id="szilard/OscillatorEngine-v0",
        machine=machine,
        dt=dt,
        state=machine.initial_state(np.array([[fraction]])),
        control=Control(np.array([[u]]), np.array([HOT])),
        mesolve=_mesolve(large, warm, dt),
        expm=_expm(small, warm_small, dt),
        read=read,
        tolerance=(1e-4, 0.02),
        published=20.0,
    )


C_SOURCE = """
#include <math.h>
double step(double *state, double u, int bath, double dt) {
    double gap = 2.5 * u, f = 1.0 / (1.0 + exp((bath ? 2.0 : 1.0) * gap));
    double change = (f - state[0]) * -expm1(-dt);
    state[0] += change;
    state[1] = u;
    return gap * change / dt;
}
"""


def compiled_unit() -> Step | None:
    """A compiled closed-form step of the two-level engine, called from Python; ``None`` without a C compiler.

    The published step times are known in units of such a call, of about a microsecond. This call is a fast one, so the
    ratios are on the careful side: run on one computer with it, the published environments took 18 (two-level), 38
    (oscillator) and 94 (refrigerator) of these units.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "step.c"), Path(folder, "step.so")
        source.write_text(C_SOURCE)
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", source, "-o", library, "-lm"], check=True)
        function = ctypes.CDLL(str(library)).step
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_int, ctypes.c_double]
    state = np.array([0.2, 0.8])
    address = state.ctypes.data

    def step(keep: np.ndarray = state) -> None:  # the array must live as long as its address is used
        function(address, 0.8, 0, 0.5)

    return step
