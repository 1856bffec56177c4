#!/usr/bin/python3
"""Writes schedules.json: learning rates by step, of Keras' formulas transcribed to NumPy and of
PyTorch's own schedulers (Debian: python3-torch).

Usage: cd tests/golden && /usr/bin/python3 schedules.py
"""

import json
import math
import warnings

import numpy as np
import torch

STEPS = [0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 14, 15, 19, 20, 21, 29, 30, 31, 35, 69, 70, 71, 100, 1000]

# tensorflow/python/keras/optimizer_v2/learning_rate_schedule.py, the __call__ of each class.


def exponential(initial, steps, rate, staircase=False):
    def at(t):
        p = t / steps
        return initial * np.power(rate, np.floor(p) if staircase else p)
    return at


def inverse_time(initial, steps, rate, staircase=False):
    def at(t):
        p = t / steps
        return initial / (1 + rate * (np.floor(p) if staircase else p))
    return at


def polynomial(initial, steps, end=0.0001, power=1.0, cycle=False):
    def at(t):
        decay_steps = steps
        if cycle:
            decay_steps = steps * (1.0 if t == 0 else np.ceil(t / steps))
        else:
            t = min(t, steps)
        return (initial - end) * np.power(1 - t / decay_steps, power) + end
    return at


def piecewise(boundaries, values):
    def at(t):
        if t <= boundaries[0]:
            return values[0]
        if t > boundaries[-1]:
            return values[-1]
        for low, high, v in zip(boundaries[:-1], boundaries[1:], values[1:-1]):
            if low < t <= high:
                return v
    return at


def cosine(initial, steps, alpha=0.0):
    def at(t):
        fraction = min(t, steps) / steps
        decayed = 0.5 * (1.0 + np.cos(math.pi * fraction))
        return initial * ((1 - alpha) * decayed + alpha)
    return at


def cosine_restarts(initial, first, t_mul=2.0, m_mul=1.0, alpha=0.0):
    def at(t):
        completed = t / first
        if t_mul == 1.0:
            i_restart = np.floor(completed)
            completed -= i_restart
        else:
            # Against the rounding of logarithms: f64 where Keras has f32.
            i_restart = np.floor(np.log(1.0 - completed * (1.0 - t_mul)) / np.log(t_mul) + 1e-9)
            sum_r = (1.0 - t_mul ** i_restart) / (1.0 - t_mul)
            completed = (completed - sum_r) / t_mul ** i_restart
        decayed = 0.5 * m_mul ** i_restart * (1.0 + np.cos(math.pi * completed))
        return initial * ((1 - alpha) * decayed + alpha)
    return at


def of_torch(make, first_rate, last=max(STEPS)):
    """The rates of a scheduler; that of step `last` stays."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=first_rate)
    scheduler = make(optimizer)
    rates = []
    for _ in range(last + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return lambda t: rates[min(t, last)]


warnings.simplefilter("ignore")  # that steps are taken without updates
scheduling = torch.optim.lr_scheduler
CASES = [
    ("exponential_decay(0.1, 10, 0.5)", exponential(0.1, 10, 0.5)),
    ("exponential_decay(0.1, 10, 0.5, 1)", exponential(0.1, 10, 0.5, True)),
    ("inverse_time_decay(0.1, 10, 0.5)", inverse_time(0.1, 10, 0.5)),
    ("inverse_time_decay(0.1, 10, 0.5, 1)", inverse_time(0.1, 10, 0.5, True)),
    ("polynomial_decay(0.1, 20)", polynomial(0.1, 20)),
    ("polynomial_decay(0.1, 20, 0.01, 2)", polynomial(0.1, 20, 0.01, 2)),
    ("polynomial_decay(0.1, 20, 0.01, 0.5, 1)", polynomial(0.1, 20, 0.01, 0.5, True)),
    ("piecewise_constant_decay(10, 30, 1, 0.5, 0.25)", piecewise([10, 30], [1, 0.5, 0.25])),
    ("cosine_decay(0.1, 30)", cosine(0.1, 30)),
    ("cosine_decay(0.1, 30, 0.25)", cosine(0.1, 30, 0.25)),
    ("cosine_decay_restarts(0.1, 10)", cosine_restarts(0.1, 10)),
    ("cosine_decay_restarts(0.1, 10, 1, 0.5, 0.25)", cosine_restarts(0.1, 10, 1.0, 0.5, 0.25)),
    ("cosine_decay_restarts(0.1, 5, 1.5, 0.75)", cosine_restarts(0.1, 5, 1.5, 0.75)),
    ("step_decay(0.1, 10)", of_torch(lambda o: scheduling.StepLR(o, 10), 0.1)),
    ("step_decay(0.1, 15, 0.5)", of_torch(lambda o: scheduling.StepLR(o, 15, 0.5), 0.1)),
    ("one_cycle(0.1, 30)", of_torch(lambda o: scheduling.OneCycleLR(o, 0.1, 30), 0.1, 29)),
    ("one_cycle(0.1, 71, 0.25, 10, 100, 1)",
     of_torch(lambda o: scheduling.OneCycleLR(
         o, 0.1, 71, pct_start=0.25, div_factor=10, final_div_factor=100,
         anneal_strategy="linear"), 0.1, 70)),
    ("warm_up(10, 0.25, 0.1)",
     of_torch(lambda o: scheduling.LinearLR(o, start_factor=0.25, total_iters=10), 0.1)),
    ("warm_up(10, 0.25, step_decay(0.1, 15, 0.5))",
     of_torch(lambda o: scheduling.SequentialLR(
         o, [scheduling.LinearLR(o, start_factor=0.25, total_iters=10),
             scheduling.StepLR(o, 15, 0.5)], [10]), 0.1)),
]

with open("schedules.json", "w") as out:
    out.write('{"steps": %s,\n"cases": [\n%s\n]}\n' % (STEPS, ",\n".join(
        json.dumps({"schedule": text, "rates": [float(rate(t)) for t in STEPS]})
        for text, rate in CASES)))
