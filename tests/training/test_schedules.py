"""Every schedule against torch's own where there is one, otherwise against the formula written out."""

import itertools
import json
import math
import subprocess
import sys
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from fathom.errors import FathomError, UsageError
from fathom.training.schedules.schedule import NAMES, SCHEDULES, make_schedule, parse_schedule

LR = 0.3

lengths = st.integers(1, 120)
gammas = st.floats(0.05, 1.0)
fractions = st.floats(0.0, 0.9)
rates = st.floats(0.0, 5.0)


def optimizer():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)


def run_torch(make, num_steps):
    """The learning rates that a torch scheduler uses at steps 0, 1, …"""
    sgd = optimizer()
    scheduler = make(sgd)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "step() before optimizer.step()": there is nothing to optimise here
        for _ in range(num_steps):
            rates.append(sgd.param_groups[0]["lr"])
            scheduler.step()
    return rates


def assert_equal(schedule, expected, tolerance=1e-9):
    ours = [LR * schedule.factor(step) for step in range(len(expected))]
    assert ours == pytest.approx(expected, rel=1e-7, abs=tolerance * LR)


def make_any(name, total, **options):
    if name == "lambda":
        options.setdefault("function", "1 - 0.9 * step / total")
    return make_schedule(name, total, **options)


# Against torch ------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(lengths, gammas, st.integers(1, 40))
def test_step_equals_torch(total, gamma, every):
    twin = run_torch(lambda sgd: lr_scheduler.StepLR(sgd, every, gamma), total)
    assert_equal(make_schedule("step", total, every=every, gamma=gamma), twin)


@settings(max_examples=25, deadline=None)
@given(lengths, gammas, st.lists(st.integers(1, 130), max_size=5, unique=True).map(sorted))
def test_multi_step_equals_torch(total, gamma, milestones):
    twin = run_torch(lambda sgd: lr_scheduler.MultiStepLR(sgd, milestones, gamma), total)
    assert_equal(make_schedule("multi_step", total, milestones=milestones, gamma=gamma), twin)


@settings(max_examples=25, deadline=None)
@given(lengths, st.floats(0.5, 1.05))
def test_exponential_equals_torch(total, gamma):
    twin = run_torch(lambda sgd: lr_scheduler.ExponentialLR(sgd, gamma), total)
    assert_equal(make_schedule("exponential", total, gamma=gamma, every=1), twin)


@settings(max_examples=25, deadline=None)
@given(lengths, st.floats(0.3, 4.0))
def test_polynomial_equals_torch(total, power):
    twin = run_torch(lambda sgd: lr_scheduler.PolynomialLR(sgd, total, power), total + 10)
    assert_equal(make_schedule("polynomial", total, power=power), twin)


@settings(max_examples=25, deadline=None)
@given(lengths, fractions)
def test_cosine_equals_torch(total, final):
    twin = run_torch(lambda sgd: lr_scheduler.CosineAnnealingLR(sgd, total, eta_min=final * LR), total + 1)
    assert_equal(make_schedule("cosine", total, final=final), twin)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(3, 120),
    st.floats(0.05, 0.95),
    st.floats(1.0, 50.0),
    st.floats(1.0, 1e5),
    st.sampled_from(["cosine", "linear"]),
)
def test_one_cycle_equals_torch(total, rise, div_factor, final_div_factor, shape):
    if rise * total == 1.0:
        return  # torch divides by zero
    twin = run_torch(
        lambda sgd: lr_scheduler.OneCycleLR(
            sgd,
            max_lr=LR,
            total_steps=total,
            pct_start=rise,
            anneal_strategy={"cosine": "cos"}.get(shape, shape),
            cycle_momentum=False,
            div_factor=div_factor,
            final_div_factor=final_div_factor,
        ),
        total,
    )
    start = 1.0 / div_factor
    assert_equal(
        make_schedule("one_cycle", total, rise=rise, start=start, final=start / final_div_factor, shape=shape), twin
    )


def test_one_cycle_has_torchs_defaults():
    twin = run_torch(lambda sgd: lr_scheduler.OneCycleLR(sgd, LR, total_steps=90, cycle_momentum=False), 90)
    assert_equal(make_schedule("one_cycle", 90), twin)


@settings(max_examples=20, deadline=None)
@given(lengths, rates)
def test_lambda_equals_torch(total, rate):
    twin = run_torch(lambda sgd: lr_scheduler.LambdaLR(sgd, lambda step: 1 / (1 + rate * step)), total)
    assert_equal(make_schedule("lambda", total, function=f"1 / (1 + {rate!r} * step)"), twin)
    assert_equal(make_schedule("lambda", total, function=lambda step: 1 / (1 + rate * step)), twin)


values = st.floats(-2.0, 3.0) | st.just(math.nan)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(values, min_size=1, max_size=60),
    st.floats(0.05, 0.9),
    st.integers(0, 4),
    st.sampled_from([0.0, 1e-4, 0.2]),
    st.integers(0, 3),
    st.sampled_from([0.0, 0.05]),
    st.sampled_from(["min", "max"]),
)
def test_plateau_equals_torch(observed, gamma, patience, threshold, cooldown, final, mode):
    sgd = optimizer()
    twin = lr_scheduler.ReduceLROnPlateau(
        sgd, mode, gamma, patience, threshold, cooldown=cooldown, min_lr=final * LR, eps=0.0
    )
    schedule = make_schedule(
        "plateau",
        100,
        gamma=gamma,
        patience=patience,
        threshold=threshold,
        cooldown=cooldown,
        final=final,
        mode=mode,
    )
    for step, value in enumerate(observed):
        twin.step(value)
        schedule.observe(value)
        assert LR * schedule.factor(step) == pytest.approx(sgd.param_groups[0]["lr"], rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.floats(0.01, 1.0), fractions)
def test_warm_up_equals_torch(warmup, rest, start, final):
    def chained(after):
        def make(sgd):
            first = lr_scheduler.LinearLR(sgd, start_factor=start, total_iters=warmup)
            return lr_scheduler.SequentialLR(sgd, [first, after(sgd)], milestones=[warmup])

        return run_torch(make, warmup + rest)

    def ours(name, **options):
        return make_schedule(name, warmup + rest, warmup, warmup_start=start, **options)

    assert_equal(ours("constant"), chained(lambda sgd: lr_scheduler.ConstantLR(sgd, factor=1.0)))
    assert_equal(
        ours("cosine", final=final), chained(lambda sgd: lr_scheduler.CosineAnnealingLR(sgd, rest, eta_min=final * LR))
    )
    assert_equal(ours("polynomial", power=2.0), chained(lambda sgd: lr_scheduler.PolynomialLR(sgd, rest, 2.0)))
    assert_equal(ours("step", every=7, gamma=0.5), chained(lambda sgd: lr_scheduler.StepLR(sgd, 7, 0.5)))
    # torch counts milestones from the end of the warm-up, we from the start of the run
    assert_equal(
        ours("multi_step", milestones=[warmup + 3, warmup + 9], gamma=0.5),
        chained(lambda sgd: lr_scheduler.MultiStepLR(sgd, [3, 9], 0.5)),
    )


# Against the formula ------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(lengths, rates, st.integers(1, 50), st.integers(0, 200), st.floats(1e-4, 0.9))
def test_decays_follow_their_formulas(total, rate, every, step, final):
    def factor(name, **options):
        return make_schedule(name, total, **options).factor(step)

    assert factor("natural_exponential", rate=rate, every=every) == pytest.approx(math.exp(-rate * step / every))
    assert factor("inverse_time", rate=rate, every=every) == pytest.approx(1 / (1 + rate * step / every))
    assert factor("exponential", gamma=0.7, every=every) == pytest.approx(0.7 ** (step / every))
    for name in ("exponential", "natural_exponential", "inverse_time"):
        schedule = make_schedule(name, total, final=final)
        assert schedule.factor(0) == 1.0
        assert schedule.factor(total) == pytest.approx(final)
    assert factor("exponential", final=final) == pytest.approx(factor("natural_exponential", final=final))
    assert factor("polynomial", power=3.0, final=final) == pytest.approx(
        final + (1 - final) * max(0.0, 1 - step / total) ** 3
    )


def test_piecewise_changes_at_its_milestones():
    schedule = make_schedule("piecewise", 100, milestones=[10, 0.5], values=[0.2, 1.0, 0.3])
    assert [schedule.factor(step) for step in (0, 9, 10, 49, 50, 99)] == [0.2, 0.2, 1.0, 1.0, 0.3, 0.3]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 500), st.integers(1, 4096), st.integers(0, 1000))
def test_noam_follows_the_paper(warmup, model_size, step):
    paper = model_size**-0.5 * min((step + 1) ** -0.5, (step + 1) * warmup**-1.5)
    assert make_schedule("noam", 1000, warmup, model_size=model_size).factor(step) == pytest.approx(paper)
    scaled = make_schedule("noam", 1000, warmup)
    assert scaled.factor(step) == pytest.approx(paper * (model_size * warmup) ** 0.5)
    assert scaled.factor(warmup - 1) == pytest.approx(1.0)


def test_noam_without_a_warm_up_takes_the_papers():
    assert make_schedule("noam", 100_000).warmup_steps == 4000


@pytest.mark.parametrize("name", NAMES)
def test_a_warm_up_rises_in_a_line_to_where_the_curve_starts(name):
    schedule = make_any(name, 200, warmup_steps=50)
    factors = [schedule.factor(step) for step in range(51)]
    rises = [after - before for before, after in itertools.pairwise(factors[:50])]
    assert min(rises) > 0.0
    assert max(rises) == pytest.approx(min(rises))
    assert factors[50] == pytest.approx(factors[49], rel=0.05)


# What all of them share ---------------------------------------------------------------------------------------------


def test_there_are_thirteen():
    assert len(NAMES) == 13


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("total", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("warmup", [0, 1, 0.1])
def test_every_length_gives_finite_factors(name, total, warmup):
    schedule = make_any(name, total, warmup_steps=warmup)
    for step in range(min(total, 50) + 3):
        assert 0.0 <= schedule.factor(step) < 1.5
        assert math.isfinite(schedule.factor(step))


@pytest.mark.parametrize("name", NAMES)
def test_to_dict_makes_it_again(name):
    schedule = make_any(name, 300, warmup_steps=0.1)
    again = make_schedule(**json.loads(json.dumps(schedule.to_dict())))
    assert again == schedule
    assert [again.factor(step) for step in range(300)] == [schedule.factor(step) for step in range(300)]
    assert schedule.describe() == again.describe()
    assert name in schedule.describe()
    assert "warm-up of 30 steps" in schedule.describe()


def test_a_python_function_cannot_be_saved():
    with pytest.raises(UsageError, match="expression"):
        make_schedule("lambda", 10, function=lambda step: 1.0).to_dict()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "plateau"])
def test_a_pure_schedule_has_no_state(name):
    schedule = make_any(name, 10)
    assert schedule.state_dict() == {}
    before = [schedule.factor(step) for step in range(10)]
    schedule.observe(1.0)
    schedule.load_state_dict({})
    assert [schedule.factor(step) for step in range(10)] == before
    with pytest.raises(FathomError, match=name):
        schedule.load_state_dict({"scale": 0.1})


@settings(max_examples=20, deadline=None)
@given(st.lists(values, max_size=30), st.lists(values, max_size=30))
def test_plateau_resumes_through_json(before, after):
    whole, first = (make_schedule("plateau", 100, patience=1, cooldown=1) for _ in range(2))
    for value in before:
        first.observe(value)
    resumed = make_schedule("plateau", 100, patience=1, cooldown=1)
    resumed.load_state_dict(json.loads(json.dumps(first.state_dict(), allow_nan=False)))
    for value in before:
        whole.observe(value)
    for value in after:
        whole.observe(value)
        resumed.observe(value)
        assert resumed.factor(50) == whole.factor(50)
    assert resumed.state_dict() == whole.state_dict()


def test_plateau_refuses_another_state():
    with pytest.raises(FathomError, match="plateau"):
        make_schedule("plateau", 100).load_state_dict({"scale": 0.1})


def test_a_schedule_is_frozen():
    with pytest.raises(AttributeError):
        make_schedule("constant", 10).total_steps = 5


def test_a_fraction_of_a_run_makes_as_many_drops_as_it_says():
    for total in (10, 30, 90, 100, 101, 1000):
        assert make_schedule("step", total, every=0.1).factor(total - 1) == pytest.approx(0.1**9)
        assert make_schedule("step", total).factor(total - 1) == pytest.approx(0.1**2)


# Text ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cosine", ("cosine", {})),
        ("cosine:warmup=0.05,final=0.01", ("cosine", {"warmup_steps": 0.05, "final": 0.01})),
        (
            "piecewise:milestones=100/0.5, values=1/0.5/0.1",
            ("piecewise", {"milestones": (100, 0.5), "values": (1, 0.5, 0.1)}),
        ),
        ("one_cycle:shape=linear,rise=0.2", ("one_cycle", {"shape": "linear", "rise": 0.2})),
        (
            "lambda:function=min(step, 10) / 10,warmup_start=0.1,warmup=5",
            ("lambda", {"function": "min(step, 10) / 10", "warmup_start": 0.1, "warmup_steps": 5}),
        ),
    ],
)
def test_parse_schedule(text, expected):
    assert parse_schedule(text) == expected
    make_schedule(expected[0], 500, **expected[1])


def test_make_schedule_reads_the_same_text():
    assert make_schedule("cosine:warmup=0.05,final=0.01", 400) == make_schedule("cosine", 400, 0.05, final=0.01)
    assert make_schedule("cosine:warmup=10", 400, 20).warmup_steps == 10
    assert make_schedule("cosine:final=0.1", 400, 20).warmup_steps == 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cosin", "did you mean 'cosine'"),
        ("cosin:final=1", "did you mean 'cosine'"),
        ("cosine:fnal=1", "did you mean 'final'"),
        ("cosine:warmpu=5", "did you mean 'warmup_steps'"),
        ("cosine:final", "option=value"),
        ("cosine:final=x", "must be a number"),
        ("cosine:final=0.1,final=0.2", "twice"),
        ("cosine:final=-1", "at least 0"),
        ("cosine:final=nan", "final"),
        ("cosine:warmup=101", "does not fit"),
        ("cosine:warmup=1.5", "fraction of the run"),
        ("cosine:warmup_start=0.1", "no effect"),
        ("noam:warmup=10,warmup_start=0.1", "no effect"),
        ("noam:model_size=0.5", "whole number"),
        ("step:every=1.0", "fraction of the run"),
        ("step:every=0", "fraction of the run"),
        ("step:gamma=0", "above 0"),
        ("multi_step:milestones=0.7/0.5", "must rise"),
        ("multi_step:warmup=20,milestones=10/50", "inside the warm-up"),
        ("piecewise:milestones=0.2", "need 2 values"),
        ("exponential:gamma=0.9,final=0.1", "contradict"),
        ("inverse_time:rate=1,final=0.1", "contradict"),
        ("exponential:every=10", "no effect without gamma"),
        ("one_cycle:shape=cosinus", "did you mean 'cosine'"),
        ("plateau:gamma=2", "at most 1"),
        ("plateau:mode=mni", "did you mean 'min'"),
        ("lambda", "give its function"),
        ("lambda:function=1/step", "no value at step 0"),
        ("lambda:function=step - 5", "the factor at step 0"),
        ("lambda:function=(0 - 1) ** 0.5", "the factor at step 0"),
    ],
)
def test_a_mistake_is_one_clear_line(text, said):
    with pytest.raises(UsageError, match=said) as caught:
        make_schedule(text, 100)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("total", [0, -1, 2.5, True, "100"])
def test_total_steps_must_be_a_whole_number(total):
    with pytest.raises(UsageError, match="total_steps"):
        make_schedule("cosine", total)


def test_defaults_in_the_table_are_those_used():
    for name, entry in SCHEDULES.items():
        used = make_any(name, 100).options
        for key, value in entry.options.items():
            assert value is None or used[key] == value


# The expression of lambda -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 / (1 + step / 4)", lambda step, total: 1 / (1 + step / 4)),
        ("(1 + cos(pi * step / total)) / 2", lambda step, total: (1 + math.cos(math.pi * step / total)) / 2),
        ("0.5 ** (step // 3)", lambda step, total: 0.5 ** (step // 3)),
        ("1 if step < 3 else 0.1", lambda step, total: 1 if step < 3 else 0.1),
        ("max(0, 1 - step % 5)", lambda step, total: max(0, 1 - step % 5)),
        ("abs(-sin(step)) + exp(-e) * sqrt(log(total))", None),
    ],
)
def test_expressions_have_the_value_python_gives(text, expected):
    schedule = make_schedule("lambda", 20, function=text)
    for step in range(20):
        value = expected(step, 20) if expected else abs(-math.sin(step)) + math.exp(-math.e) * math.sqrt(math.log(20))
        assert schedule.factor(step) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__",
        "step.real",
        "[step for step in (1, 2)]",
        "(lambda: 1)()",
        "'a' * 9",
        "f'{step}'",
        "open('x')",
        "max(*[1])",
        "step := 3",
        "min(step, default=1)",
        "True",
        "step; total",
        "",
        "9 ** 9 ** 9 ** 9",
        "(" * 250 + "1" + ")" * 40,
        "1 + " * 100 + "1",
    ],
)
def test_nothing_but_arithmetic_is_accepted(text):
    with pytest.raises(UsageError):
        make_schedule("lambda", 20, function=text)


def test_schedules_do_not_import_torch():
    code = "import sys, fathom.training.schedules.schedule; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
