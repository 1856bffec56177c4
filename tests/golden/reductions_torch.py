#!/usr/bin/python3
"""Writes reductions_torch.json: what PyTorch gives for reductions, running results, order,
indexing and normalisations, with the gradients of the sum of the results.

Results whose sum says little (a normalised row adds up to 0) are squared or multiplied by numbers.

Usage: cd tests/golden && /usr/bin/python3 reductions_torch.py
"""

import golden_ops as golden
import numpy as np
import torch
import torch.nn.functional as F
from golden_ops import numbers


def case(name, xs, fn, gradients=True):
    inputs = [torch.tensor(np.asarray(x, np.float64), requires_grad=gradients) for x in xs]
    outputs = fn(*inputs)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    result = None
    if gradients:
        sum(y.sum() for y in outputs).backward()
        result = [x.grad.numpy() for x in inputs]
    return golden.case(name, [x.detach().numpy() for x in inputs],
                       [y.detach().to(torch.float64).numpy() for y in outputs], result)


def weighted(y):
    return y * torch.tensor(numbers(tuple(y.shape), 4))


A = numbers((2, 3, 4))
Z = A.copy()
Z[0, 1, 2] = Z[1, 0, 0] = Z[1, 0, 3] = 0
ROW, CHANNELS, OTHER = numbers((4,), 1), numbers((6,), 2), numbers((6,), 5)
IMAGES = numbers((2, 6, 3, 2), 3)
TABLE = numbers((5, 3), 1)
INDEX = torch.tensor([[0, 2, 2, 1], [1, 1, 0, 2], [2, 0, 0, 0]])
UPDATES = numbers((3, 4), 6)
FEW = numbers((3, 3), 7)

CASES = [
    case("prod", [Z], lambda x: x.prod(2)),
    case("prod of all", [A], lambda x: x.prod()),
    case("min", [A], lambda x: x.amin((0, 2))),
    case("max", [A], lambda x: x.amax((1,), keepdim=True)),
    case("argmax", [A], lambda x: x.argmax(1), False),
    case("argmin", [A], lambda x: x.argmin(2, keepdim=True), False),
    case("variance", [A], lambda x: x.var((0, 2), unbiased=False)),
    case("variance unbiased", [A], lambda x: x.var(1, unbiased=True, keepdim=True)),
    case("standard deviation", [A], lambda x: x.std(2, unbiased=True)),
    case("norm 1", [A], lambda x: torch.linalg.vector_norm(x, 1, 2)),
    case("norm 2", [A], lambda x: torch.linalg.vector_norm(x, 2, (0, 1))),
    case("norm 3", [A], lambda x: torch.linalg.vector_norm(x, 3, 1)),
    case("norm inf", [A], lambda x: torch.linalg.vector_norm(x, np.inf, 1)),
    case("norm of zeros", [np.zeros((2, 2))], lambda x: torch.linalg.vector_norm(x, 2, 1)),
    case("log sum exp", [A * 300], lambda x: torch.logsumexp(x, (0, 2))),
    case("cumsum", [A], lambda x: weighted(x.cumsum(1))),
    case("cumprod", [Z], lambda x: weighted(x.cumprod(2))),
    case("softmax", [A], lambda x: weighted(x.softmax(1))),
    case("log softmax", [A], lambda x: weighted(x.log_softmax(0))),
    case("sort", [A], lambda x: weighted(x.sort(1)[0])),
    case("sort descending", [A], lambda x: weighted(x.sort(2, descending=True)[0])),
    case("top 2", [A], lambda x: x.topk(2, 2)[0]),
    case("least 2", [A], lambda x: x.topk(2, 1, largest=False)[0]),
    case("take along", [FEW], lambda x: weighted(x.gather(1, INDEX))),
    case("scatter add", [FEW, UPDATES], lambda x, u: weighted(x.scatter_add(1, INDEX, u))),
    case("scatter max", [FEW, UPDATES],
         lambda x, u: weighted(x.scatter_reduce(1, INDEX, u, "amax", include_self=True))),
    case("scatter product", [FEW, UPDATES],
         lambda x, u: weighted(x.scatter_reduce(1, INDEX, u, "prod", include_self=True))),
    case("layer norm", [A, ROW, ROW + 1],
         lambda x, s, b: weighted(F.layer_norm(x, (4,), s, b, 1e-3))),
    case("layer norm of two axes", [A], lambda x: weighted(F.layer_norm(x, (3, 4), eps=1e-5))),
    case("rms norm", [A, ROW],
         lambda x, s: weighted(x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * s)),
    case("batch norm", [IMAGES, CHANNELS, OTHER],
         lambda x, s, b: weighted(F.batch_norm(x, None, None, s, b, True, 0.1, 1e-3))),
    case("batch norm inference", [IMAGES, OTHER, CHANNELS**2, CHANNELS, OTHER],
         lambda x, m, v, s, b: weighted(F.batch_norm(x, m.detach(), v.detach(), s, b, False, 0.1,
                                                     1e-3)), False),
    case("group norm", [IMAGES, CHANNELS, OTHER],
         lambda x, s, b: weighted(F.group_norm(x, 3, s, b, 1e-3))),
    case("group norm channels last", [np.moveaxis(IMAGES, 1, 3), CHANNELS, OTHER],
         lambda x, s, b: weighted(F.group_norm(x.movedim(3, 1), 3, s, b, 1e-3).movedim(1, 3))),
    case("instance norm", [IMAGES, CHANNELS, OTHER],
         lambda x, s, b: weighted(F.instance_norm(x, None, None, s, b, True, 0.1, 1e-3))),
    case("local response norm", [IMAGES],
         lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 1.5)),
    # PyTorch's window of an even size lies one channel lower than ONNX's: the channels backwards.
    case("local response norm even", [IMAGES],
         lambda x: F.local_response_norm(x.flip(1), 4, 0.5, 0.75, 1.5).flip(1)),
    case("embedding bag", [TABLE],
         lambda t: weighted(F.embedding_bag(torch.tensor([4, 0, 0, 2, 1, 3]), t,
                                            torch.tensor([0, 2, 2, 5]), mode="sum"))),
    case("embedding bag mean", [TABLE],
         lambda t: weighted(F.embedding_bag(torch.tensor([4, 0, 0, 2, 1, 3]), t,
                                            torch.tensor([0, 2, 2, 5]), mode="mean"))),
    case("embedding bag weighted", [TABLE, numbers((6,), 3)],
         lambda t, w: weighted(F.embedding_bag(torch.tensor([4, 0, 0, 2, 1, 3]), t,
                                               torch.tensor([0, 2, 2, 5]), mode="sum",
                                               per_sample_weights=w))),
]

if __name__ == "__main__":
    golden.write("reductions_torch.json", "PyTorch %s" % torch.__version__, CASES)
