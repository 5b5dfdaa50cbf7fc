"""``szilard list`` and ``szilard info``: the catalogue for people, for programs and for the README.

Everything is read from the machines and the catalogue; nothing is typed twice.
"""

from __future__ import annotations

import inspect
from typing import Any

from ..envs.catalogue import CATALOGUE, Entry, configure, entry
from .tables import Result, markdown_table, number, table

MARKDOWN_BEGIN = "<!-- catalogue: written by `szilard list --markdown` -->"
MARKDOWN_END = "<!-- end of catalogue -->"


def listing() -> Result:
    """One line per system."""
    systems = [_summary(e) for e in CATALOGUE]
    rows = [(s["id"], s["title"], ", ".join(s["presets"]), ", ".join(s["tags"]), s["source"]) for s in systems]
    view = table("Systems", ("id", "system", "presets", "tags", "source"), rows, "More: szilard info ID")
    return Result({"environments": systems}, [view])


def catalogue_markdown() -> str:
    """The catalogue block of the README, with its markers."""
    rows: list[list[str]] = []
    for e in CATALOGUE:
        machine, _ = configure(e.id)
        told = [f"{r.name} in [{number(r.low)}, {number(r.high)}]" for r in machine.control_space.ranges]
        if machine.control_space.choices:
            told.append(f"{machine.control_space.choice_name}: {' / '.join(machine.control_space.choices)}")
        rows.append(
            [f"`{e.id}`", machine.title, "; ".join(told), ", ".join(f"`{p}`" for p in e.presets),
             ", ".join(f"`{b}`" for b in e.baselines), machine.source]
        )  # fmt: skip
    header = ["id", "system", "controls", "presets", "reference cycles", "source"]
    return "\n".join([MARKDOWN_BEGIN, markdown_table(header, rows), MARKDOWN_END])


def details(env_id: str, preset: str | None, settings: dict[str, Any]) -> Result:
    """Everything that is known of one system.

    Raises:
        ParameterError: for an unknown id, preset or parameter, with the nearest valid name.
    """
    from ..envs.machine_env import MachineEnv

    found = entry(env_id)
    machine, env_settings = configure(found.id, preset, **settings)
    env = MachineEnv(machine, **{k: v for k, v in env_settings.items() if k != "max_episode_steps"})
    environment = {
        "dt": env.kernel.dt,
        "reward": env.kernel.reward.to_spec(),
        "max_episode_steps": env_settings.get("max_episode_steps", found.max_episode_steps),
        "power_unit": machine.power_unit,
        "observation_space": str(env.observation_space),
        "action_space": str(env.action_space),
    }
    data = {
        **_summary(found),
        "preset": preset or next(iter(found.presets)),
        **machine.describe(),
        "environment": environment,
        "documentation": inspect.getdoc(type(machine)),
    }
    controls = [(c["name"], f"[{number(c['low'])}, {number(c['high'])}]", c["unit"]) for c in data["controls"]]
    if data["choices"]:
        controls.append((machine.control_space.choice_name, " / ".join(data["choices"]), ""))
    view = [
        f"[bold]{found.id}[/bold]  {machine.title}",
        f"{machine.source}",
        machine.equations,
        table(
            f"Parameters (preset {data['preset']})",
            ("name", "value", "unit", "meaning"),
            [(p["name"], p["value"], p["unit"], p["about"]) for p in data["parameters"]],
        ),
        table("Controls", ("name", "range", "unit"), controls),
        table("Environment", ("name", "value"), [(k, v if isinstance(v, float) else str(v)) for k, v in environment.items()]),
        f"Presets: {', '.join(found.presets)}",
        f"Reference cycles: {', '.join(found.baselines) or 'none'}",
    ]  # fmt: skip
    return Result(data, view)


def _summary(e: Entry) -> dict[str, Any]:
    machine = e.machine_class()
    return {
        "id": e.id,
        "title": machine.title,
        "source": machine.source,
        "tags": list(e.tags),
        "presets": {name: dict(preset) for name, preset in e.presets.items()},
        "baselines": list(e.baselines),
        "max_episode_steps": e.max_episode_steps,
    }
