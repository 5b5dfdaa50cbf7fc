"""Many independent jobs in parallel: in processes of this machine, or unchanged on a Ray cluster.

A job is a function of a module with its arguments; all of it is pickled. Each job gets a fresh process and one thread:
the matrices are small, so a second thread costs more than it gains.

On a cluster szilard must be installed on every node, and a path in the arguments must lead to the same file everywhere
(a shared file system): run folders are written where the job runs. Results come back by value.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..physics.validation import ParameterError, check_integer

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Job:
    """One call.

    Attributes:
        name: unique in its sweep.
        function: importable, for example ``szilard.experiments.train.train``.
        arguments: its keyword arguments.
    """

    name: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        name: of the job.
        value: what its function returned; ``None`` after an error.
        error: the traceback; empty if there was none.
        seconds: wall time.
    """

    name: str
    value: Any
    error: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the job returned."""
        return not self.error


def sweep(
    jobs: Sequence[Job],
    parallel: int | None = None,
    ray_address: str | None = None,
    on_done: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Run all jobs; one that fails does not stop the others.

    Args:
        jobs: the jobs.
        parallel: processes at once; ``None``: one per core, on a cluster as many as it has.
        ray_address: ``None``: processes of this machine; else the address of a Ray cluster, ``"auto"``, or ``"local"``
            for a new Ray on this machine. Needs the extra ``szilard[cluster]``.
        on_done: called here with every outcome, as it comes.

    Returns:
        Outcomes in the order of ``jobs``.

    Raises:
        ParameterError: for two jobs of one name, a bad ``parallel``, or without Ray where it is needed.
    """
    names = [job.name for job in jobs]
    if len(set(names)) < len(names):
        raise ParameterError(f"jobs: the names {names} are not unique")
    if parallel is not None:
        check_integer("parallel", parallel, 1)
    ended = _locally(jobs, parallel) if ray_address is None else _on_ray(jobs, parallel, ray_address)
    found: dict[str, Outcome] = {}
    for outcome in ended:
        found[outcome.name] = outcome
        if on_done is not None:
            on_done(outcome)
    return [found[name] for name in names]


def call(job: Job) -> Outcome:
    """Run a job here."""
    start = time.perf_counter()
    try:
        value, error = job.function(**job.arguments), ""
    except Exception:
        value, error = None, traceback.format_exc()
    return Outcome(job.name, value, error, time.perf_counter() - start)


def _locally(jobs: Sequence[Job], parallel: int | None) -> Iterator[Outcome]:
    workers = max(1, min(parallel or os.cpu_count() or 1, len(jobs)))
    # spawn: a forked torch may hang; and a fresh process per job, so that no job sees what another left behind
    context = multiprocessing.get_context("spawn")
    with _one_thread(), ProcessPoolExecutor(workers, context, max_tasks_per_child=1) as pool:
        futures = {pool.submit(call, job): job for job in jobs}
        try:
            for future in as_completed(futures):
                yield _outcome(future, futures[future])
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[Outcome], job: Job) -> Outcome:
    try:
        return future.result()
    except Exception as error:  # the process died, or its result cannot be pickled
        return Outcome(job.name, None, f"{type(error).__name__}: {error}", float("nan"))


def _on_ray(jobs: Sequence[Job], parallel: int | None, address: str) -> Iterator[Outcome]:
    try:
        import ray  # type: ignore[import-not-found]
    except ImportError:
        raise ParameterError(f"ray_address = {address!r}: Ray is missing; install szilard[cluster]") from None
    options = {"num_cpus": parallel or os.cpu_count()} if address == "local" else {}
    ray.init(address=address, runtime_env={"env_vars": dict.fromkeys(THREADS, "1")}, log_to_driver=False, **options)
    try:
        remote = ray.remote(num_cpus=1, max_calls=1, max_retries=0)(call)  # a fresh process per job, as here
        waiting, running = list(jobs), {}
        while waiting or running:
            while waiting and (parallel is None or len(running) < parallel):
                job = waiting.pop(0)
                running[remote.remote(job)] = job
            (done, *_), _ = ray.wait(list(running), num_returns=1)
            job = running.pop(done)
            try:
                yield ray.get(done)
            except Exception as error:  # the node died
                yield Outcome(job.name, None, f"{type(error).__name__}: {error}", float("nan"))
    finally:
        ray.shutdown()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that are started meanwhile compute with one thread each."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
