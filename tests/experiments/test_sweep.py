"""Sweeps: the same jobs in processes of this machine and on Ray, which is replaced by a stand-in unless installed."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import sys
import threading
import types
from typing import Any

import pytest

from szilard.experiments.sweep import Job, Outcome, call, sweep
from szilard.physics.validation import ParameterError, check_positive

HAS_RAY = importlib.util.find_spec("ray") is not None


def jobs() -> list[Job]:
    """Two that return and one that fails; functions of the package, so that every process finds them."""
    return [
        Job("threads", os.getenv, {"key": "OMP_NUM_THREADS"}),
        Job("bad", check_positive, {"name": "dt", "value": -1.0}),
        Job("process", os.getpid),
    ]


def check(found: list[Outcome]) -> None:
    threads, bad, process = found
    assert [o.name for o in found] == ["threads", "bad", "process"]
    assert threads.ok
    assert threads.value == "1"
    assert not bad.ok
    assert "ParameterError: dt = -1.0: must be > 0" in bad.error
    assert process.value != os.getpid()


def test_jobs_run_in_processes_of_their_own() -> None:
    told: list[str] = []
    before = dict(os.environ)
    check(sweep(jobs(), parallel=2, on_done=lambda o: told.append(o.name)))
    assert sorted(told) == ["bad", "process", "threads"]
    assert dict(os.environ) == before


def test_a_process_that_dies_is_a_failed_job() -> None:
    (found,) = sweep([Job("dies", os._exit, {"status": 3})], parallel=1)
    assert not found.ok
    assert found.error == "the process ended with exit code 3"


def test_more_jobs_than_processes_and_a_result_that_cannot_be_sent() -> None:
    many = [Job(f"job {k}", complex, {"real": float(k)}) for k in range(5)]
    found = sweep([*many[:2], Job("lock", threading.Lock), *many[2:]], parallel=2)
    assert [o.value for o in found] == [0j, 1 + 0j, None, 2 + 0j, 3 + 0j, 4 + 0j]
    assert "cannot pickle" in found[2].error


def test_what_runs_is_ended_when_the_sweep_is_left() -> None:
    def leave(outcome: Outcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep([Job("for ever", signal.pause), Job("short", os.getpid)], parallel=2, on_done=leave)
    assert multiprocessing.active_children() == []


def test_errors() -> None:
    with pytest.raises(ParameterError, match="not unique"):
        sweep([Job("a", os.getpid), Job("a", os.getpid)])
    with pytest.raises(ParameterError, match="parallel = 0"):
        sweep([Job("a", os.getpid)], parallel=0)
    assert sweep([]) == []


@pytest.mark.skipif(HAS_RAY, reason="Ray is installed")
def test_without_ray_the_error_says_what_to_install() -> None:
    with pytest.raises(ParameterError, match="install szilard\\[cluster\\]"):
        sweep(jobs(), ray_address="auto")


def test_on_ray_no_more_than_asked_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in with Ray's interface, which runs a job when it is waited for."""
    ray: Any = types.ModuleType("ray")
    log: dict[str, Any] = {"open": 0, "most": 0}

    class Reference:
        def __init__(self, function: Any, arguments: Any) -> None:
            self.function, self.arguments = function, arguments

    class Remote:
        def __init__(self, function: Any) -> None:
            self.function = function

        def remote(self, *arguments: Any) -> Any:
            log["open"] += 1
            log["most"] = max(log["most"], log["open"])
            return Reference(self.function, arguments)

    def wait(waiting: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        log["open"] -= 1
        return waiting[:num_returns], waiting[num_returns:]

    ray.init = lambda **options: log.update(options)
    ray.shutdown = lambda: log.update(shutdown=True)
    ray.remote = lambda **options: Remote
    ray.wait = wait
    ray.get = lambda reference: reference.function(*reference.arguments)
    monkeypatch.setitem(sys.modules, "ray", ray)
    found = sweep([Job(f"job {k}", divmod, {}) for k in range(3)] + jobs(), parallel=2, ray_address="cluster:6379")
    assert log["address"] == "cluster:6379"
    assert log["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "1"
    assert log["most"] == 2
    assert log["shutdown"]
    assert [o.name for o in found] == ["job 0", "job 1", "job 2", "threads", "bad", "process"]
    assert not found[0].ok  # divmod takes two numbers
    assert found[5].value == os.getpid()  # this stand-in runs everything here


@pytest.mark.skipif(not HAS_RAY, reason="needs the extra szilard[cluster]")
def test_on_a_local_ray() -> None:
    check(sweep(jobs(), parallel=2, ray_address="local"))


def test_call_reports_time_and_value() -> None:
    outcome = call(Job("add", complex, {"real": 1.0, "imag": 2.0}))
    assert outcome.value == 1 + 2j
    assert outcome.seconds >= 0
