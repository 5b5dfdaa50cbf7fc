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
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
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
    # spawn: a forked torch may hang. Not ProcessPoolExecutor(max_tasks_per_child=1): Python 3.11's can wait for ever
    # (python/cpython#115634)
    context = multiprocessing.get_context("spawn")
    waiting, running = list(jobs), {}
    with _one_thread():
        try:
            while waiting or running:
                while waiting and len(running) < (parallel or os.cpu_count() or 1):
                    job = waiting.pop(0)
                    here, there = context.Pipe(duplex=False)
                    process = context.Process(target=_work, args=(there, job), name=job.name)
                    process.start()
                    there.close()  # only the process holds it now: if that dies, the pipe ends
                    running[here] = process, job
                for ready in wait(list(running)):
                    yield _received(ready, *running.pop(ready))
        finally:
            for process, _ in running.values():  # a training saves itself on SIGTERM
                process.terminate()
            for process, _ in running.values():
                process.join()


def _work(pipe: Connection, job: Job) -> None:
    outcome = call(job)
    try:
        pipe.send(outcome)
    except Exception as error:  # a value that cannot be pickled
        pipe.send(Outcome(job.name, None, f"{type(error).__name__}: {error}", outcome.seconds))


def _received(pipe: Any, process: Any, job: Job) -> Outcome:
    try:
        outcome = pipe.recv()
    except EOFError:
        process.join()
        outcome = Outcome(job.name, None, f"the process ended with exit code {process.exitcode}", float("nan"))
    pipe.close()
    process.join()
    return outcome


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
