"""How golden numbers of ops are written: cases of named inputs and outputs, in f64."""

import json

import numpy as np


def numbers(shape, which=0):
    """Numbers in (-2, 2), of three decimals so that they are short: the same on every call."""
    n = int(np.prod(shape))
    return np.round(2 * np.sin(np.arange(1, n + 1) * (1.7 + which)), 3).reshape(shape)


def tensor(x):
    x = np.asarray(x, np.float64)
    return {"shape": list(x.shape), "values": x.reshape(-1).tolist()}


def case(name, inputs, outputs, gradients=None):
    """gradients: of the sum of all outputs by each input; None where there is none."""
    result = {"name": name, "inputs": [tensor(x) for x in inputs],
              "outputs": [tensor(y) for y in outputs]}
    if gradients is not None:
        result["gradients"] = [None if g is None else tensor(g) for g in gradients]
    return result


def write(path, source, cases):
    with open(path, "w") as out:
        out.write('{"source": %s,\n' % json.dumps(source))
        out.write('"cases": [\n%s\n]}\n' % ",\n".join(json.dumps(c) for c in cases))
