"""Search for the best protocols of field and bath, and the best loads of a life, and store them as package data.

    python benchmarks/known_protocols.py [--machine engine|cooler|cell] [--dt S ...] [--rounds N] [--seed N]
    python benchmarks/known_protocols.py --show

A stored protocol is one of the starts (not for the cell), and only a better one replaces it, so the search can be
repeated with other seeds. ``--show`` prints what is stored for films, recomputed with the sub-steps of the machine and
with four times finer ones, and for the cell the work of a life.
"""

from __future__ import annotations

import argparse
import time

from szilard.physics.cells.electrocaloric_cooler import ElectrocaloricCooler
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.load_life import best_program, known_program, live, store_program
from szilard.physics.cells.protocol_search import Found, best_known, best_protocol, store
from szilard.physics.cells.self_cycling_cell import SelfCyclingCell

MACHINES = {"engine": FerroelectricEngine(), "cooler": ElectrocaloricCooler()}

CELL = SelfCyclingCell(N0_A=5.0, N0_C=500.0, N_half=0.1)
"""The catalogue's preset "little_fuel"."""
CELL_DT = 300.0
"""Its step, s."""


def search_loads(generations: int, seed: int) -> None:
    """Search for the best load program of a life of the cell."""
    begin = time.perf_counter()
    program, work = best_program(CELL, CELL_DT, generations, seed=seed)
    kept = store_program(CELL, program, CELL_DT)
    print(f"dt = {CELL_DT:g} s, {time.perf_counter() - begin:.0f} s: {work:.4f} J{', stored' * kept}")


def show(dts: list[float]) -> None:
    """Print power, period and controls of what is stored."""
    for name, machine in MACHINES.items():
        for dt in dts:
            protocol = best_known(machine, dt)
            if protocol is None:
                continue
            power, fine = (protocol.steady(machine, h).power[0] for h in (None, machine.max_sub_step / 4.0))
            print(
                f"{name}, dt = {dt:g} s: {power:.4f} W (fine sub-steps: {fine:.4f}), {protocol.fields.shape[1]} steps"
            )
            print("  E [MV/m]", *(f"{e / 1e6:.3g}" for e in protocol.fields[0]))
            print("  bath    ", *(f"{b}" for b in protocol.baths[0]))
    program = known_program(CELL, CELL_DT)
    if program is not None:
        print(f"cell, dt = {CELL_DT:g} s: {live(CELL, program, CELL_DT).work[0]:.4f} J per life")
        print("  fuel spent", *(f"{s:g}" for s in program.spent))
        print("  load [Ohm]", *(f"{10.0**r:.0f}" for r in program.log_R[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print what is stored and stop")
    parser.add_argument("--machine", choices=[*MACHINES, "cell"], default="engine")
    parser.add_argument("--dt", type=float, nargs="+", default=[0.05, 0.02, 0.01], help="steps of films, s")
    parser.add_argument("--rounds", type=int, default=12, help="turns of the free search, or generations for the cell")
    parser.add_argument("--free-starts", type=int, default=2, help="four-leg families that the free search begins with")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.show:
        return show(options.dt)
    if options.machine == "cell":
        return search_loads(options.rounds, options.seed)
    machine = MACHINES[options.machine]
    for dt in options.dt:
        begin = time.perf_counter()

        def report(found: Found, dt: float = dt, begin: float = begin) -> None:
            kept = store(machine, found.protocol, dt)
            print(
                f"dt = {dt:g} s, {time.perf_counter() - begin:.0f} s: {found.power:.4f} W{', stored' * kept}",
                flush=True,
            )

        best_protocol(
            machine, dt, rounds=options.rounds, free_starts=options.free_starts, seed=options.seed, report=report
        )
    return None


if __name__ == "__main__":
    main()
