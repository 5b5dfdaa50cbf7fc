"""``szilard doctor``: is this installation sound, and what should be changed?"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

PACKAGE = "szilard"


@dataclasses.dataclass(frozen=True)
class Check:
    """One line of the examination.

    Attributes:
        name: what was looked at.
        found: what was found.
        wanted: what is required; empty if there is no requirement.
        ok: whether the requirement is met.
        advice: what to do about it; may be given where all is well.
    """

    name: str
    found: str
    wanted: str = ""
    ok: bool = True
    advice: str = ""


def examine(run_dir: Path = Path("runs")) -> list[Check]:
    """All checks: versions, threads, extras, run folder, display, and a quick test of the laws.

    Args:
        run_dir: folder that training would write to.
    """
    return [*_versions(), *_threads(), *_extras(), _writable(run_dir), _display(), *_laws()]


def to_dict(checks: list[Check]) -> dict[str, Any]:
    """Plain data."""
    return {"ok": all(c.ok for c in checks), "checks": [dataclasses.asdict(c) for c in checks]}


# ---- versions ---------------------------------------------------------------------------------------------------


def _requirements() -> list[Requirement]:
    return [Requirement(line) for line in importlib.metadata.requires(PACKAGE) or ()]


def _extra_of(requirement: Requirement) -> str:
    """Name of the extra that a requirement belongs to; empty for the package itself."""
    extras = importlib.metadata.metadata(PACKAGE).get_all("Provides-Extra") or []
    marker = requirement.marker
    if marker is None or marker.evaluate({"extra": ""}):
        return ""
    return next((e for e in extras if marker.evaluate({"extra": e})), "")


def _version_check(requirement: Requirement) -> Check:
    wanted = str(requirement.specifier)
    try:
        found = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Check(requirement.name, "not installed", wanted, False, "make install")
    ok = requirement.specifier.contains(found, prereleases=True)
    return Check(requirement.name, found, wanted, ok, "" if ok else "make install")


def _versions() -> Iterator[Check]:
    wanted = importlib.metadata.metadata(PACKAGE)["Requires-Python"] or ""
    ok = Requirement(f"python{wanted}").specifier.contains(platform.python_version(), prereleases=True)
    yield Check("python", platform.python_version(), wanted, ok, "" if ok else f"use Python {wanted}")
    yield Check(PACKAGE, importlib.metadata.version(PACKAGE))
    for requirement in _requirements():
        if not _extra_of(requirement):
            yield _version_check(requirement)


def _extras() -> Iterator[Check]:
    members: dict[str, list[Check]] = {}
    for requirement in _requirements():
        if extra := _extra_of(requirement):
            members.setdefault(extra, []).append(_version_check(requirement))
    for extra, checks in members.items():
        missing = [c.name for c in checks if not c.ok]
        found = "installed" if not missing else f"missing: {', '.join(missing)}"
        # an extra is optional: its absence is no fault
        yield Check(f"extra [{extra}]", found, advice=f"pip install 'szilard[{extra}]' to add it" if missing else "")


# ---- machine ----------------------------------------------------------------------------------------------------


def _threads() -> Iterator[Check]:
    omp = os.environ.get("OMP_NUM_THREADS", "not set")
    yield Check("cores", str(os.cpu_count()))
    yield Check(
        "OMP_NUM_THREADS",
        omp,
        advice="" if omp == "1" else "export OMP_NUM_THREADS=1: the matrices are small, threads slow them down",
    )
    import torch

    threads = torch.get_num_threads()
    advice = "" if threads == 1 else "training uses one thread; run several seeds as separate processes"
    yield Check("torch threads", str(threads), advice=advice)
    yield Check("CUDA", "available" if torch.cuda.is_available() else "not available (not needed)")


def _writable(run_dir: Path) -> Check:
    # the nearest folder that exists decides: examining must not create one
    folder = next(p for p in (run_dir.resolve(), *run_dir.resolve().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check("run folder", str(run_dir.resolve()), "writable", False, f"{error.strerror}; use --run-dir")
    return Check("run folder", str(run_dir.resolve()), "writable")


def _display() -> Check:
    available = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) or sys.platform in (
        "darwin",
        "win32",
    )
    advice = "" if available else "render_mode='human' needs one; 'rgb_array', figures and reports do not"
    return Check("display", "available" if available else "none", advice=advice)


# ---- laws -------------------------------------------------------------------------------------------------------


def _laws(num_envs: int = 32, steps: int = 64) -> Iterator[Check]:
    """Every system of the catalogue under random controls, and one cheat that must be caught."""
    import numpy as np

    from ..envs.catalogue import CATALOGUE, make_vec
    from ..physics.laws import EnergyFlows, ThermodynamicsViolation, audit

    for entry in CATALOGUE:
        venv = make_vec(entry.id, num_envs)
        venv.action_space.seed(0)
        venv.reset(seed=0)
        residual, smallest = 0.0, np.inf
        name = f"laws, {entry.id.rsplit('/', 1)[-1]}"
        try:
            for _ in range(steps):
                info = venv.step(venv.action_space.sample())[4]
                residual = max(residual, float(np.abs(info["law_residual"]).max()))
                smallest = min(smallest, float(info["entropy_production"].min()))
        except ThermodynamicsViolation as error:
            yield Check(name, str(error), "hold", False, "a bug in the machine: please report it")
        else:
            yield Check(name, f"residual {residual:.0e}, entropy production >= {smallest:.0e}", "hold")
    free_energy = EnergyFlows(np.zeros(1), np.full(1, -0.1), np.zeros((1, 2)), np.zeros(1))
    try:
        audit(free_energy, np.array([1.0, 2.0]), 1.0)
    except ThermodynamicsViolation:
        yield Check("work from nothing", "caught", "caught")
    else:
        yield Check("work from nothing", "not caught", "caught", False, "the laws are not audited: reinstall szilard")
