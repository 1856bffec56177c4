#!/usr/bin/python3
"""Writes lazy_rows_torch.json: tables trained by sparse gradients, as PyTorch does it.

A table of 7 rows of 3, row i element j sin(3 i + j); each step looks up 2 bags of 3 words and goes
down the mean of the squares of what it looked up minus 2. Words: (5 i + 3 step) % 4 for i = 0..5, so
that rows meet, and some are never looked up.

Run: cd tests/golden && /usr/bin/python3 lazy_rows_torch.py > lazy_rows_torch.json
"""

import json

import numpy as np
import torch

STEPS = 5


def train(make, sparse=True):
    table = torch.tensor(np.sin(np.arange(21)).reshape(7, 3).astype(np.float32).astype(np.float64),
                         requires_grad=True)
    optimizer = make([table])
    steps = []
    for step in range(STEPS):
        words = torch.tensor([(5 * i + 3 * step) % 4 for i in range(6)]).reshape(2, 3)
        optimizer.zero_grad()
        y = torch.nn.functional.embedding(words, table, sparse=sparse)
        ((y - 2)**2).mean().backward()
        optimizer.step()
        steps.append([float("%.12g" % v) for v in table.detach().flatten().tolist()])
    return steps


print(json.dumps({
    "source": "PyTorch " + torch.__version__,
    "cases": [
        # SparseAdam adds epsilon as Keras' formula does: not scaled by the second bias correction, as
        # torch.optim.Adam has it.
        {"name": "adam", "values": {"formula": 0, "epsilon": 1e-8, "learning_rate": 0.05},
         "steps": train(lambda p: torch.optim.SparseAdam(p, lr=0.05))},
        {"name": "sgd", "values": {"formula": 1, "learning_rate": 0.5},
         "steps": train(lambda p: torch.optim.SGD(p, lr=0.5))},
        {"name": "adagrad", "values": {"formula": 1, "learning_rate": 0.1},
         "steps": train(lambda p: torch.optim.Adagrad(p, lr=0.1))},
    ],
}).replace('{"name"', '\n{"name"'))
