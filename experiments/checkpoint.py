"""Checkpoints that continue a run bit for bit, and that a kill at any moment cannot spoil.

A checkpoint is taken between a gradient step and the next rollout, where SB3 keeps nothing in local variables. It
holds all that the future depends on: networks, optimisers, temperatures, replay buffer (its filled part), counters,
environment, every random generator, and the state of the callbacks. ``restore`` writes it into a freshly built
model.

A file is ``torch.save`` followed by its SHA-256. It holds pickles, as SB3's own files do: load only what you trust.
"""

from __future__ import annotations

import hashlib
import io
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import BaseBuffer
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.save_util import recursive_getattr

from ..agents.vec_env import SB3VecEnv
from ..physics.validation import ParameterError
from .run_folder import write

KEEP = 2
"""Checkpoints kept: the newest, and one to fall back on."""

SESSION = frozenset({
    "start_time", "_num_timesteps_at_start", "_total_timesteps", "tensorboard_log", "verbose",
    "observation_space", "action_space",
})  # fmt: skip
"""Attributes of a model that belong to one session or come from the configuration."""


# ---- files ------------------------------------------------------------------------------------------------------


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write a checkpoint and remove all but the last two; a kill at any moment leaves the previous ones usable."""
    blob = io.BytesIO()
    torch.save(state, blob, pickle_protocol=4)
    payload = blob.getvalue()
    path = folder / f"step_{step:012d}.ckpt"
    write(path, payload + hashlib.sha256(payload).digest())
    for old in (*_files(folder)[KEEP:], *folder.glob(".step_*")):  # the latter: cut short by a kill
        old.unlink(missing_ok=True)
    return path


def load_latest(folder: Path) -> dict[str, Any] | None:
    """The newest usable checkpoint; ``None`` if the run was stopped before its first one.

    A damaged file is passed over with a warning.

    Raises:
        ParameterError: if there are checkpoints and none is usable.
    """
    files = _files(folder)
    for path in files:
        try:
            return _read(path)
        except (OSError, ValueError, RuntimeError) as error:
            warnings.warn(f"checkpoint {path}: {error}; falling back on the one before", stacklevel=2)
    if files:
        raise ParameterError(f"checkpoints in {str(folder)!r}: all {len(files)} are damaged")
    return None


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("step_*.ckpt"), reverse=True)


def _read(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    payload, digest = content[:-32], content[-32:]
    if hashlib.sha256(payload).digest() != digest:
        raise ValueError("is damaged (wrong checksum)")
    return torch.load(io.BytesIO(payload), map_location="cpu", weights_only=False)


# ---- state of a run ---------------------------------------------------------------------------------------------


def capture(model: BaseAlgorithm, bridge: SB3VecEnv) -> dict[str, Any]:
    """Everything that the future of ``model`` depends on; see ``restore``."""
    modules, variables, attributes = _parts(model)
    log = model.logger
    return {
        "algorithm": type(model).__name__,
        "modules": {name: recursive_getattr(model, name).state_dict() for name in modules},
        "variables": {name: recursive_getattr(model, name).detach() for name in variables},
        "attributes": {name: getattr(model, name) for name in attributes},
        "replay_buffer": _filled(getattr(model, "replay_buffer", None)),
        # running means of values that were recorded but not written yet
        "log": [dict(part) for part in (log.name_to_value, log.name_to_count, log.name_to_excluded)],
        "env": bridge.get_state(),
        "action_rng": model.action_space.np_random.bit_generator.state,  # draws the first, random actions
        "rng": rng_state(),
    }


def restore(model: BaseAlgorithm, bridge: SB3VecEnv, state: dict[str, Any]) -> None:
    """Write what ``capture`` returned into a model of the same configuration; it then continues bit for bit on a CPU.

    Raises:
        ParameterError: if the checkpoint belongs to another algorithm or configuration.
    """
    if state["algorithm"] != type(model).__name__:
        raise ParameterError(f"checkpoint of {state['algorithm']}: cannot continue {type(model).__name__}")
    try:
        with torch.no_grad():
            for name, saved in state["modules"].items():
                recursive_getattr(model, name).load_state_dict(saved)
            for name, saved in state["variables"].items():
                recursive_getattr(model, name).copy_(saved)  # in place: an optimiser may hold it
        vars(model).update(state["attributes"])
        _fill(getattr(model, "replay_buffer", None), state["replay_buffer"])
        bridge.set_state(state["env"])
        model.action_space.np_random.bit_generator.state = state["action_rng"]
    except (RuntimeError, ValueError, KeyError, AttributeError) as error:
        raise ParameterError(f"checkpoint does not fit the configuration: {error}") from error
    model._num_timesteps_at_start = model.num_timesteps
    log = model.logger
    for part, saved in zip((log.name_to_value, log.name_to_count, log.name_to_excluded), state["log"], strict=True):
        part.clear()
        part.update(saved)
    set_rng_state(state["rng"])


def _parts(model: BaseAlgorithm) -> tuple[list[str], list[str], list[str]]:
    """Names of modules and optimisers, of bare tensors, and of all other attributes that can change."""
    modules, variables = model._get_torch_save_params()
    covered = {name.split(".")[0] for name in [*modules, *variables]} | {*model._excluded_save_params(), *SESSION}
    attributes: list[str] = []
    variables = list(variables)
    for name, value in vars(model).items():
        if name in covered or _is_network(value):
            continue
        if isinstance(value, torch.Tensor):
            variables.append(name)
        elif not callable(value) or isinstance(value, ActionNoise):  # schedules and classes come from the configuration
            attributes.append(name)
    return list(modules), variables, attributes


def _is_network(value: Any) -> bool:
    """Modules, optimisers and lists of their tensors: second names of what is saved already."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_is_network(v) or isinstance(v, torch.Tensor) for v in value)
    return isinstance(value, (torch.nn.Module, torch.optim.Optimizer))


def _filled(buffer: BaseBuffer | None) -> dict[str, Any] | None:
    """The filled part of a replay buffer."""
    if buffer is None:
        return None
    # one row more: a memory-saving buffer keeps the next observation there
    rows = buffer.buffer_size if buffer.full else min(buffer.pos + 1, buffer.buffer_size)
    arrays = {k: v[:rows] for k, v in vars(buffer).items() if _is_column(buffer, v)}
    return {"pos": buffer.pos, "full": buffer.full, "arrays": arrays}


def _fill(buffer: BaseBuffer | None, saved: dict[str, Any] | None) -> None:
    if buffer is None or saved is None:
        return
    for name, rows in saved["arrays"].items():
        getattr(buffer, name)[: len(rows)] = rows
    buffer.pos, buffer.full = saved["pos"], saved["full"]


def _is_column(buffer: BaseBuffer, value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0 and len(value) == buffer.buffer_size


# ---- random generators ------------------------------------------------------------------------------------------


def rng_state() -> dict[str, Any]:
    """State of the global generators of Python, NumPy and torch."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002 (the generator that SB3 draws from)
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Restore what ``rng_state`` returned."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


@contextmanager
def undisturbed_rng() -> Iterator[None]:
    """What runs inside may draw random numbers: training afterwards continues as if it had not."""
    state = rng_state()
    try:
        yield
    finally:
        set_rng_state(state)
