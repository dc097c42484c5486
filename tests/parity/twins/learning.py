"""Optimisers, schedules and initialisers beside torch's."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch.optim import lr_scheduler

import fathom.scratch as s
from fathom.scratch import Tensor
from twins.rows import Curve, Law, Optimiser, values

TABLE: dict[str, Any] = {
    # Optimisers
    "SGD": Optimiser(
        s.SGD,
        torch.optim.SGD,
        [
            {"lr": 0.1},
            {"lr": 0.1, "momentum": 0.9},
            {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
            {"lr": 0.1, "momentum": 0.8, "dampening": 0.1},
        ],
    ),
    "Adam": Optimiser(
        s.Adam,
        torch.optim.Adam,
        [{}, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}, {"lr": 0.1, "amsgrad": True}],
    ),
    "AdamW": Optimiser(
        s.AdamW, torch.optim.AdamW, [{}, {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}, {"lr": 0.1}]
    ),
    # Schedules; what torch has no class for goes through its LambdaLR or SequentialLR
    "constant": Curve(s.constant, lambda o: lr_scheduler.ConstantLR(o, factor=1)),
    "warm_up": Curve(
        lambda t: s.warm_up(t, 10, 0.1), lambda o: lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=10)
    ),
    "piecewise": Curve(
        lambda t: s.piecewise(t, (10, 20), (1.0, 0.5, 0.05)),
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.ConstantLR(o, factor, 99) for factor in (1.0, 0.5, 0.05)], milestones=[10, 20]
        ),
    ),
    "exponential": Curve(lambda t: s.exponential(t, 0.9), lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    "natural_exponential": Curve(
        lambda t: s.natural_exponential(t, 0.1), lambda o: lr_scheduler.ExponentialLR(o, float(np.exp(-0.1)))
    ),
    "polynomial": Curve(
        lambda t: s.polynomial(t, 30, 2.0), lambda o: lr_scheduler.PolynomialLR(o, total_iters=30, power=2.0)
    ),
    "step_decay": Curve(lambda t: s.step_decay(t, 7, 0.3), lambda o: lr_scheduler.StepLR(o, 7, 0.3)),
    "multi_step": Curve(lambda t: s.multi_step(t, (5, 20), 0.3), lambda o: lr_scheduler.MultiStepLR(o, [5, 20], 0.3)),
    "inverse_time": Curve(
        lambda t: s.inverse_time(t, 0.2), lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (1 + 0.2 * t))
    ),
    "lambda_schedule": Curve(
        lambda t: s.lambda_schedule(t, lambda t: 0.9**t), lambda o: lr_scheduler.LambdaLR(o, lambda t: 0.9**t)
    ),
    "cosine": Curve(
        lambda t: s.cosine(t, 40, 0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, 40, eta_min=0.1), num_steps=41
    ),
    "noam": Curve(
        lambda t: s.noam(t, 8, 64),
        lambda o: lr_scheduler.LambdaLR(o, lambda t: 64**-0.5 * min((t + 1) ** -0.5, (t + 1) * 8**-1.5)),
    ),
    "one_cycle": Curve(
        lambda t: s.one_cycle(t, 40),
        lambda o: lr_scheduler.OneCycleLR(
            o, 1.0, total_steps=40, pct_start=0.3, div_factor=25, final_div_factor=1e4, cycle_momentum=False
        ),
    ),
    # Initialisers
    "constant_": values(
        lambda: s.constant_(s.zeros(2, 3), 0.5), lambda: torch.nn.init.constant_(torch.zeros(2, 3), 0.5)
    ),
    "zeros_": values(lambda: s.zeros_(s.ones(2, 3)), lambda: torch.nn.init.zeros_(torch.ones(2, 3))),
    "normal_": Law(
        lambda: s.normal_(s.zeros(90, 110)), lambda: torch.nn.init.normal_(torch.zeros(90, 110), std=0.01), ends=False
    ),
    "uniform_": Law(
        lambda: s.uniform_(s.zeros(90, 110), -2, 1), lambda: torch.nn.init.uniform_(torch.zeros(90, 110), -2, 1)
    ),
    **{
        name: Law(
            partial(
                lambda fill, key, number: fill(s.zeros(60, 20, 3, 3), **{key: number}), getattr(s, name), ours, number
            ),
            partial(
                lambda fill, key, number: fill(torch.zeros(60, 20, 3, 3), **{key: number}),
                getattr(torch.nn.init, name),
                theirs,
                number,
            ),
            ends="uniform" in name,
        )
        for name, ours, theirs, number in (
            ("xavier_uniform_", "gain", "gain", 1.5),
            ("xavier_normal_", "gain", "gain", 1.5),
            ("kaiming_uniform_", "slope", "a", 0.2),
            ("kaiming_normal_", "slope", "a", 0.2),
        )
    },
    "fans": values(
        lambda: Tensor(s.fans((6, 5, 4, 3))),
        lambda: torch.tensor(torch.nn.init._calculate_fan_in_and_fan_out(torch.zeros(6, 5, 4, 3))),
    ),
}
