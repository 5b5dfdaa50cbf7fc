"""Search for the best protocols of field and bath, and store them as package data (``physics/cells``).

    python benchmarks/known_protocols.py [--machine engine|cooler] [--dt S ...] [--rounds N] [--seed N]
    python benchmarks/known_protocols.py --show

A stored protocol is one of the starts, and only a better one replaces it, so the search can be repeated with other
seeds. ``--show`` prints what is stored, recomputed with the sub-steps of the machine and with four times finer ones.
"""

from __future__ import annotations

import argparse
import time

from szilard.physics.cells.electrocaloric_cooler import ElectrocaloricCooler
from szilard.physics.cells.ferroelectric_engine import FerroelectricEngine
from szilard.physics.cells.protocol_search import Found, best_known, best_protocol, store

MACHINES = {"engine": FerroelectricEngine(), "cooler": ElectrocaloricCooler()}


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="print what is stored and stop")
    parser.add_argument("--machine", choices=sorted(MACHINES), default="engine")
    parser.add_argument("--dt", type=float, nargs="+", default=[0.02, 0.01], help="steps, s")
    parser.add_argument("--rounds", type=int, default=12, help="turns of the free search")
    parser.add_argument("--free-starts", type=int, default=2, help="four-leg families that the free search begins with")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.show:
        return show(options.dt)
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
