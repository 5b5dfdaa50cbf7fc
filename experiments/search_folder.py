"""A search for the best cycle in a folder: in parallel, and continued where it stopped.

settings.json      what is searched for; a folder belongs to one search
initial.json       the cycles that every start begins with
start-000.json     pools of one start: the last complete round, and what is done of the next one
best.json          the best cycle of every period so far

Files are replaced as a whole after every task, so an interrupted search loses the running tasks at most. Results depend
on neither the number of processes nor on interruptions; more starts or rounds continue the same search.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..physics.cycles.cycle import Cycle
from ..physics.cycles.known import parameters
from ..physics.cycles.objective import Objective
from ..physics.cycles.periodic import BestCycle
from ..physics.cycles.search import Candidate, Effort, Pools, best_of, first_pools, improve
from ..physics.machine import AffineMachine
from ..physics.validation import ParameterError, check_integer
from .run_folder import write
from .tables import to_json

INITIAL = "initial.json"

VERSION = 1
"""Of the search; a folder of another version cannot be continued."""


@dataclass(frozen=True, eq=False)
class Search:
    """What is searched for.

    Attributes:
        machine: the machine.
        dt: length of a step (time).
        weight: weight c of the objective.
        period_max: longest period (steps).
        seed: of the random numbers.
        known: cycles to begin with.
        effort: how much work one task is.
    """

    machine: AffineMachine
    dt: float
    weight: float
    period_max: int
    seed: int = 0
    known: Sequence[Cycle] = ()
    effort: Effort = field(default_factory=Effort)

    def __post_init__(self) -> None:
        check_integer("period_max", self.period_max, 1)
        check_integer("seed", self.seed, 0)
        Objective(self.weight)

    def settings(self) -> dict[str, Any]:
        """Everything that the results depend on, as plain data."""
        named = parameters(self.machine)
        return {
            "version": VERSION,
            "machine": type(self.machine).__name__,
            "parameters": named if named is not None else self.machine.describe()["parameters"],
            "dt": self.dt,
            "weight": self.weight,
            "period_max": self.period_max,
            "seed": self.seed,
            "from_known": bool(self.known),
            "effort": asdict(self.effort),
        }

    def task(self, start: int, r: int, period: int, pools: Pools) -> list[Candidate]:
        """One task, in whatever process."""
        return improve(self.machine, self.dt, Objective(self.weight), period, pools, (self.seed, start, r), self.effort)


@dataclass(eq=False)
class _Start:
    """State of one start: pools after ``rounds`` complete rounds, and what is done of the next one."""

    rounds: int
    pools: dict[int, Sequence[Candidate]]
    next: dict[int, Sequence[Candidate]] = field(default_factory=dict)

    def seen(self) -> Pools:
        return {**self.pools, **self.next}


def run_search(
    search: Search, folder: Path, n_starts: int = 1, n_rounds: int = 4, jobs: int = 1, progress: bool = False
) -> dict[int, BestCycle]:
    """Run a search, or what is left of it, and write its results into ``folder``.

    Args:
        search: what is searched for.
        folder: new, or of the same search.
        n_starts: independent starts.
        n_rounds: rounds of each.
        jobs: processes.
        progress: show a progress bar on stderr.

    Returns:
        Best cycle of every period over the starts and rounds asked for (a folder may hold more of them).

    Raises:
        ParameterError: if an argument is out of its range, or the folder belongs to another search.
        KeyboardInterrupt: on Ctrl-C; the tasks that have finished are saved.
    """
    for name, value in (("starts", n_starts), ("rounds", n_rounds), ("jobs", jobs)):
        check_integer(name, value, 1)
    _claim(search, folder)
    starts = [_load(_file(folder, s)) or _load(folder / INITIAL) for s in range(n_starts)]
    starts = [s for s in starts if s is not None]
    periods = range(1, search.period_max + 1)
    total = sum(periods) * n_starts * n_rounds
    done = sum(min(s.rounds, n_rounds) * sum(periods) + (sum(s.next) if s.rounds < n_rounds else 0) for s in starts)
    bar = tqdm(total=total, initial=done, unit="step", disable=not progress, file=sys.stderr)
    with _workers(jobs) as pool, bar:
        for r in range(n_rounds):
            # long periods take longest: first
            todo = [(s, n) for n in reversed(periods) for s in range(n_starts) if _open(starts[s], r, n)]
            for s, n, found in _run(pool, search, starts, r, todo):
                starts[s].next[n] = found
                if len(starts[s].next) == search.period_max:
                    starts[s] = _Start(r + 1, starts[s].next)
                _save(_file(folder, s), starts[s])
                bar.update(n)
                if progress:
                    bar.set_postfix(best=f"{_top(starts):.6g}", round=f"{r + 1}/{n_rounds}")
    best = best_of(search.machine, search.dt, [s.seen() for s in starts])
    write(folder / "best.json", to_json({str(n): {"value": b.value, **b.cycle.to_dict()} for n, b in best.items()}))
    return best


def _open(start: _Start, r: int, period: int) -> bool:
    return start.rounds == r and period not in start.next


def _top(starts: Sequence[_Start]) -> float:
    return max((pool[0].value for s in starts for pool in s.seen().values() if pool), default=float("nan"))


def _run(
    pool: ProcessPoolExecutor | None, search: Search, starts: Sequence[_Start], r: int, todo: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, list[Candidate]]]:
    """(start, period, result) of every task, as they finish."""
    # a task sees the pools of the round before, whatever finishes while it waits
    before = {s: dict(starts[s].pools) for s, _ in todo}
    if pool is None:
        for s, n in todo:
            yield s, n, search.task(s, r, n, before[s])
        return
    work = partial(_task, search)
    futures: dict[Future[list[Candidate]], tuple[int, int]] = {
        pool.submit(work, s, r, n, before[s]): (s, n) for s, n in todo
    }
    for future in as_completed(futures):
        yield *futures[future], future.result()


def _task(search: Search, start: int, r: int, period: int, pools: Pools) -> list[Candidate]:
    return search.task(start, r, period, pools)


@contextmanager
def _workers(jobs: int) -> Iterator[ProcessPoolExecutor | None]:
    if jobs == 1:
        yield None
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_ignore_interrupts) as pool:
        try:
            yield pool
        except BaseException:  # Ctrl-C as well: the running tasks end, the others never start
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of the terminal; the first one decides."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


# ---- files ------------------------------------------------------------------------------------------------------


def _claim(search: Search, folder: Path) -> None:
    """Make the folder, or check that it belongs to this search."""
    settings = json.loads(to_json(search.settings()))
    file = folder / "settings.json"
    if file.is_file():
        theirs = json.loads(file.read_text(encoding="utf-8"))
        differ = [f"{k} = {theirs.get(k)!r}, wanted {v!r}" for k, v in settings.items() if theirs.get(k) != v]
        if differ:
            raise ParameterError(f"out = {str(folder)!r}: belongs to another search ({'; '.join(differ)})")
        return
    if folder.exists() and (not folder.is_dir() or any(f.name != INITIAL for f in folder.iterdir())):
        raise ParameterError(f"out = {str(folder)!r}: is not empty and holds no search; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    initial = first_pools(search.machine, search.dt, Objective(search.weight), search.known)
    _save(folder / INITIAL, _Start(0, dict(initial)))
    # last: a folder with settings is complete
    write(file, to_json(settings))


def _file(folder: Path, start: int) -> Path:
    return folder / f"start-{start:03d}.json"


def _save(file: Path, start: _Start) -> None:
    def data(pools: Pools) -> dict[str, Any]:
        return {
            str(n): [{"value": c.value, "values": c.values.tolist(), "choice": c.choice.tolist()} for c in pool]
            for n, pool in pools.items()
        }

    # floats are written with all their digits: a continued search is the same search
    text = json.dumps({"rounds": start.rounds, "pools": data(start.pools), "next": data(start.next)})
    write(file, text)


def _load(file: Path) -> _Start | None:
    if not file.is_file():
        return None

    def pools(data: dict[str, Any]) -> dict[int, Sequence[Candidate]]:
        return {
            int(n): [
                Candidate(c["value"], np.array(c["values"]).reshape(int(n), -1), np.array(c["choice"], dtype=np.int64))
                for c in pool
            ]
            for n, pool in data.items()
        }

    data = json.loads(file.read_text(encoding="utf-8"))
    return _Start(data["rounds"], pools(data["pools"]), pools(data["next"]))
