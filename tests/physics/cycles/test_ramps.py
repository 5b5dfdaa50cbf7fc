"""Otto cycles of the oscillator with ramps and with sudden switches: reference values, optima, time grid."""

from functools import cache
from itertools import groupby

import numpy as np
import pytest

from szilard.physics.cycles.cycle import Cycle
from szilard.physics.cycles.objective import Objective
from szilard.physics.cycles.otto import otto
from szilard.physics.cycles.period_map import mean_objective
from szilard.physics.cycles.ramps import PROFILES, best_ramp_otto, ramp_otto, ramp_otto_on_grid, ramp_otto_optima
from szilard.physics.cycles.sudden import best_sudden_otto, sudden_otto_on_grid
from szilard.physics.machines.oscillator import OscillatorEngine
from szilard.physics.machines.qubit_refrigerator import QubitRefrigerator
from szilard.physics.machines.two_level import TwoLevelEngine
from szilard.physics.validation import ParameterError

ENGINE = OscillatorEngine()
DT = 0.2


def strokes(cycle: Cycle) -> list[float]:
    """Durations of the strokes cold, up, hot, down."""
    return [
        sum(t for _, t in run) for _, run in groupby(zip(cycle.choice, cycle.durations, strict=True), lambda s: s[0])
    ]


@cache
def optima(profile: str, c: float) -> list[Cycle]:
    return ramp_otto_optima(ENGINE, Objective(c), profile)


@pytest.mark.parametrize(
    ("profile", "durations", "power", "eta", "published"),
    [
        ("linear", (1.997, 1.154, 2.134, 1.336), 0.131657, 0.4386, 0.128996),
        ("constant_rate", (3.392, 1.713, 3.192, 1.866), 0.133672, 0.4853, 0.129858),
        ("exponential", (3.554, 1.670, 3.087, 1.812), 0.133262, 0.4827, 0.130345),
        ("square", (2.184, 1.417, 2.897, 1.594), 0.131806, 0.4615, 0.126292),
    ],
)
def test_best_durations_of_every_ramp(profile, durations, power, eta, published):
    """C1: power to six digits with 2000 pieces per ramp; and the power at the published durations."""
    if profile in ("linear", "constant_rate"):
        best = optima(profile, 1.0)[0]
        assert len(best) == 4002
        assert strokes(best) == pytest.approx(durations, abs=7e-4)
    else:
        # without the search: no better durations are near
        best = ramp_otto(ENGINE, *durations, profile=profile)
        for change in np.vstack([0.02 * np.eye(4), -0.02 * np.eye(4)]):
            other = ramp_otto(ENGINE, *(durations + change), profile=profile, ramp_steps=500)
            assert mean_objective(other, Objective()) * 0.175 < power - 5e-7
    limit = best.limit_cycle()
    assert limit.power == pytest.approx(power, abs=6e-7)
    assert limit.efficiency == pytest.approx(eta, abs=1e-4)
    given = ramp_otto(ENGINE, 2.9, 1.79, 3.2, 1.67, profile)
    assert given.limit_cycle().power == pytest.approx(published, abs=5.5e-7)


def test_second_local_optimum():
    first, second = optima("linear", 1.0)[:2]
    assert strokes(second) == pytest.approx((3.688, 1.602, 2.968, 1.741), abs=7e-4)
    assert second.limit_cycle().power == pytest.approx(0.13070, abs=5e-6)
    # both are maxima of their own
    for cycle in (first, second):
        value = mean_objective(cycle, Objective())
        for k in range(4):
            for change in (-0.02, 0.02):
                times = np.array(strokes(cycle))
                times[k] += change
                assert mean_objective(ramp_otto(ENGINE, *times, ramp_steps=500), Objective()) < value


WEIGHTS = [
    (1.0, (1.997, 1.154, 2.134, 1.336), 0.75237, 0.7523, 0.5272, 0.4386),
    (0.9, (3.688, 1.623, 2.946, 1.767), 0.62750, 0.7467, 0.4452, 0.4749),
    (0.8, (2.615, 1.745, 2.854, 1.881), 0.50893, 0.7451, 0.4360, 0.4791),
    (0.7, (2.518, 1.775, 2.820, 1.913), 0.39114, 0.7434, 0.4308, 0.4813),
    (0.6, (2.411, 1.816, 2.770, 1.952), 0.27418, 0.7398, 0.4243, 0.4836),
    (0.5, (2.278, 1.874, 2.686, 2.000), 0.15852, 0.7324, 0.4153, 0.4861),
]


@pytest.mark.parametrize(("c", "durations", "value", "power", "sigma", "eta"), WEIGHTS)
def test_linear_ramps_against_c(c, durations, value, power, sigma, eta):
    """r_c of the source belongs to ramps of about 80 pieces (for c = 1 it is not its P/P0), the rest to fine ones."""
    objective = Objective(c)
    given = ramp_otto(ENGINE, *durations)
    limit = given.limit_cycle()
    assert limit.power / 0.175 == pytest.approx(power, abs=6e-5)
    assert limit.entropy_production_rate / 0.525 == pytest.approx(sigma, abs=6e-5)
    assert limit.efficiency == pytest.approx(eta, abs=6e-5)
    assert mean_objective(ramp_otto(ENGINE, *durations, ramp_steps=80), objective) == pytest.approx(value, abs=6e-6)
    # the efficiency follows from P and Sigma only if they have their dimensions
    carnot = limit.carnot_efficiency
    assert limit.efficiency == pytest.approx(carnot * limit.power / (limit.power + 0.5 * limit.entropy_production_rate))
    if c == 0.9:  # another local maximum than for c = 1
        best = optima("linear", c)[0]
        assert strokes(best) == pytest.approx(durations, abs=7e-4)
        assert objective.value(best.limit_cycle()) >= objective.value(limit) - 1e-9


def test_ramps_move_and_are_fine_enough():
    for profile in PROFILES:
        cycle = ramp_otto(ENGINE, 2.9, 1.79, 3.2, 1.67, profile)
        up, down = cycle.values[1:2001, 0], cycle.values[2002:, 0]
        assert (np.diff(up) > 0).all()
        assert (np.diff(down) < 0).all()
        assert (up[0], up[-1]) == pytest.approx((ENGINE.u_min, ENGINE.u_max), abs=1e-3)
        # the error falls as 1/n^2
        errors = [
            mean_objective(ramp_otto(ENGINE, 2.9, 1.79, 3.2, 1.67, profile, ramp_steps=n), Objective())
            - mean_objective(cycle, Objective())
            for n in (50, 100)
        ]
        assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.02)
    assert ramp_otto(ENGINE, 1.0, 1.0, 1.0, 1.0, "square").values[1000, 0] ** 2 == pytest.approx(
        0.5 * (ENGINE.u_min**2 + ENGINE.u_max**2), rel=1e-3
    )


@pytest.mark.parametrize("c", [1.0, 0.9])
def test_on_the_grid_no_neighbour_is_better(c):
    objective = Objective(c)
    cycle = ramp_otto_on_grid(ENGINE, DT, objective)
    np.testing.assert_allclose(cycle.durations, DT)
    counts = [len(list(run)) for _, run in groupby(cycle.choice)]
    value = objective.value(cycle.limit_cycle())
    for k in range(4):
        for change in (-2, -1, 1, 2):
            n = np.array(counts)
            n[k] += change
            u = [ENGINE.u_min, ENGINE.u_max]
            up, down = (np.linspace(a, b, 2 * m + 1)[1::2] for a, b, m in ((*u, n[1]), (*u[::-1], n[3])))
            values = np.concatenate([np.full(n[0], u[0]), up, np.full(n[2], u[1]), down])[:, None]
            moved = Cycle(ENGINE, values, np.repeat([1, 2, 0, 2], n), np.full(n.sum(), DT))
            assert mean_objective(moved, objective) < value
    # near to the smooth optimum, which it does not exceed by more than what sampling changes
    smooth = objective.value(optima("linear", c)[0].limit_cycle())
    assert value == pytest.approx(smooth, rel=0.01)


def test_free_ends_help_where_the_range_is_wide():
    wide = OscillatorEngine(u_min=0.35, u_max=1.5)
    fixed, free = (ramp_otto_on_grid(wide, DT, free_ends=f).limit_cycle() for f in (False, True))
    assert free.power > 1.3 * fixed.power
    assert free.cycle.values.min() > 0.36


def test_sudden_switching():
    """C2: fast switching between the ends of the range, and the best two-step alternation of the grid."""
    for t in (1e-4, 1e-6):
        fast = otto(ENGINE, u_hot=ENGINE.u_max, u_cold=ENGINE.u_min, t_hot=t, t_cold=t).limit_cycle()
        assert fast.power == pytest.approx(0.136996, abs=5e-7)
    limit = sudden_otto_on_grid(ENGINE, DT).limit_cycle()
    assert limit.cycle.word == "hot cold"
    assert limit.power == pytest.approx(0.1477, abs=5e-5)
    assert limit.efficiency == pytest.approx(0.266, abs=5e-4)
    # with free levels the fast limit is better than between the ends
    best = best_sudden_otto(ENGINE).limit_cycle()
    assert best.power > limit.power
    assert best.cycle.values[:, 0] == pytest.approx((0.83527, 0.5), abs=1e-4)


def test_sudden_otto_of_the_two_level_engine_is_its_fast_otto():
    machine = TwoLevelEngine()
    limit = best_sudden_otto(machine).limit_cycle()
    assert limit.power == pytest.approx(machine.fast_cycle.power, rel=1e-6)
    assert limit.efficiency == pytest.approx(0.296331, abs=1e-6)
    assert sudden_otto_on_grid(machine, 0.5).limit_cycle().power == pytest.approx(0.00909964, abs=5e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"t_cold": 0.0}, "t_cold"),
        ({"t_up": -0.1}, "t_up"),
        ({"t_down": np.nan}, "t_down"),
        ({"profile": "liner"}, "did you mean 'linear'"),
        ({"u_hot": 3.0}, "u = "),
        ({"ramp_steps": 0}, "ramp_steps"),
        ({"machine": QubitRefrigerator()}, "no choice of a bath"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        ramp_otto(**{"machine": ENGINE, "t_cold": 1.0, "t_up": 1.0, "t_hot": 1.0, "t_down": 1.0, **arguments})


def test_machines_that_do_not_fit_are_refused():
    for make in (sudden_otto_on_grid, ramp_otto_on_grid):
        with pytest.raises(ParameterError, match="no choice of a bath"):
            make(QubitRefrigerator(), DT)
        with pytest.raises(ParameterError, match="dt"):
            make(ENGINE, -1.0)
    # without friction a ramp only costs time
    with pytest.raises(ParameterError, match="shrinks to nothing"):
        best_ramp_otto(TwoLevelEngine(u_min=0.572, u_max=0.813))
