"""What the golden numbers of optimizers are computed from and how they are written.

All inputs are f32 numbers, so that a program in f32 starts from the very same ones; results are
computed in f64.
"""

import json

import numpy as np

START = [
    [[0.5, -1.25], [2.0, 0.0]],
    [1.0, -0.375, 0.75],
]

# By step and parameter. Zeros, and numbers so small that the place of epsilon decides.
GRADIENTS = [
    [[[0.5, -0.25], [0.0, 1e-6]], [3e-7, 0.0, -2.0]],
    [[[0.25, 0.75], [0.0, -2e-6]], [2e-7, 0.125, -1.0]],
    [[[-1.0, 0.5], [0.0, 3e-7]], [-4e-7, 0.0, 0.5]],
    [[[0.125, 0.0], [0.0, 1e-6]], [1e-7, -0.5, 0.25]],
    [[[0.75, -0.5], [0.0, 5e-7]], [3e-7, 0.25, -0.0625]],
]


def f32(x):
    return np.asarray(x, np.float32).astype(np.float64)


def start():
    return [f32(p) for p in START]


def gradients():
    return [[f32(g) for g in step] for step in GRADIENTS]


def rates(first):
    """A rate a step: it is halved after the third, as a schedule would."""
    return [float(f32(first if i < 3 else first / 2)) for i in range(len(GRADIENTS))]


def case(name, config, learning_rates, steps, slots):
    """config: what MakeOptimizer is given; steps: parameters after each step; slots: likewise, for
    each parameter by the name that Optimizer::Init gives them."""
    flat = lambda x: np.asarray(x).reshape(-1).tolist()
    return {
        "name": name,
        "config": config,
        "learning_rates": learning_rates,
        "steps": [[flat(p) for p in step] for step in steps],
        "slots": [[{k: flat(v) for k, v in sorted(of_one.items())} for of_one in step]
                  for step in slots],
    }


def write(path, source, cases):
    shapes = [list(np.shape(p)) for p in START]
    flat = lambda nested: [x.reshape(-1).tolist() for x in nested]
    with open(path, "w") as out:
        out.write('{"source": %s,\n' % json.dumps(source))
        out.write('"shapes": %s,\n"start": %s,\n' % (json.dumps(shapes), json.dumps(flat(start()))))
        out.write('"gradients": %s,\n' % json.dumps([flat(g) for g in gradients()]))
        out.write('"cases": [\n%s\n]}\n' % ",\n".join(json.dumps(c) for c in cases))
