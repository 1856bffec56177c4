#!/usr/bin/python3
"""Writes ops_numpy.json: what NumPy gives for shape operations and linear algebra.

Usage: cd tests/golden && /usr/bin/python3 ops_numpy.py
"""

import golden_ops as golden
import numpy as np
from golden_ops import case, numbers


def pad(mode, before, after, shape, **options):
    name = "pad %s %s %s" % (mode, before, after)
    return case(name, [x := numbers(shape)],
                [np.pad(x, list(zip(before, after)), mode=mode, **options)])


def wrapped(before, after):
    """np.pad's "wrap" by np.take: before version 1.25 np.pad errs where it goes around twice."""
    x = numbers((3, 4))
    for axis, (b, a) in enumerate(zip(before, after)):
        x = np.take(x, np.arange(-b, x.shape[axis] + a), axis, mode="wrap")
    return x


def einsum(equation, *shapes):
    xs = [numbers(s, i) for i, s in enumerate(shapes)]
    return case("einsum " + equation, xs, [np.einsum(equation, *xs)])


def depth_to_space(x, block, order):
    """The ONNX operator's own definition."""
    n, c, h, w = x.shape
    if order == "DCR":
        y = x.reshape(n, block, block, c // block**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        y = x.reshape(n, c // block**2, block, block, h, w).transpose(0, 1, 4, 2, 5, 3)
    return y.reshape(n, c // block**2, h * block, w * block)


def space_to_depth(x, block):
    """Its inverse, element by element."""
    n, c, h, w = x.shape
    y = np.zeros((n, c * block**2, h // block, w // block))
    for i in range(block):
        for j in range(block):
            y[:, (i * block + j) * c:(i * block + j + 1) * c] = x[:, :, i::block, j::block]
    return y


def reverse_sequence(x, lengths):
    y = x.copy()
    for b, n in enumerate(lengths):
        y[b, :n] = x[b, :n][::-1]
    return y


A, B, V = numbers((2, 3, 4)), numbers((4, 3, 5), 1), numbers((4,), 2)
M = numbers((4, 4), 3) + 3 * np.eye(4)
S = M @ M.T
I = numbers((2, 8, 2, 3))
GA, GB, GC = numbers((4, 3)), numbers((5, 4), 1), numbers((5,), 2)

CASES = [
    pad("constant", [1, 0, 2], [0, 3, 1], (2, 3, 4), constant_values=1.5),
    pad("edge", [2, 0], [1, 5], (3, 4)),
    pad("reflect", [7, 2], [5, 6], (3, 4)),
    pad("wrap", [1, 3], [2, 2], (3, 4)),
    case("pad wrap [1, 9] [4, 2]", [wrapped([0], [0])], [wrapped([1, 9], [4, 2])]),
    case("tile", [A], [np.tile(A, (2, 1, 3))]),
    case("repeat", [A], [np.repeat(A, 3, 1)]),
    case("repeat each", [A], [np.repeat(A, [2, 0, 1], 1)]),
    case("flip", [A], [np.flip(A, (0, 2))]),
    case("roll", [A], [np.roll(A, (-1, 5), (1, 2))]),
    case("stack", [A, A + 1], [np.stack([A, A + 1], 1)]),
    case("unstack", [A], [A[:, 0], A[:, 1], A[:, 2]]),
    case("split", [A], np.split(A, 2, 2)),
    case("split sizes", [A], np.split(A, [1, 1], 2)),
    case("swap axes", [A], [np.swapaxes(A, 0, -1)]),
    case("move axes", [A], [np.moveaxis(A, (0, 2), (2, 1))]),
    case("expand", [A[:, :1]], [A[:, :1] * np.ones((2, 1, 3, 1))]),
    case("flatten", [A], [A.reshape(6, 4)]),
    case("depth to space dcr", [I], [depth_to_space(I, 2, "DCR")]),
    case("depth to space crd", [I], [depth_to_space(I, 2, "CRD")]),
    case("space to depth", [I[:, :, :, :2]], [space_to_depth(I[:, :, :, :2], 2)]),
    case("reverse sequence", [A], [reverse_sequence(A, [2, 3])]),
    case("triu", [A], [np.triu(A, 1)]),
    case("tril", [A], [np.tril(A, -1)]),
    case("diagonal", [A], [np.diagonal(A, 1, 0, 2)]),
    case("trace", [A], [np.trace(A, -1, 1, 2)]),
    case("diag", [V], [np.diag(V, -1)]),
    case("eye", [V], [np.eye(3, 4, -1)]),
    case("range", [V], [np.arange(1, -2, -0.75)]),
    case("linspace", [V], [np.linspace(-1, 2, 6)]),
    einsum("ij,jk->ik", (3, 4), (4, 5)),
    einsum("ba,cb", (4, 3), (5, 4)),
    einsum("ij,jk->ki", (3, 4), (4, 5)),
    einsum("...ij,...jk->...ik", (2, 3, 4), (5, 1, 4, 2)),
    einsum("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
    einsum("bhqk,bkhd->bqhd", (2, 2, 3, 5), (2, 5, 2, 4)),
    einsum("ijkl,lk->ij", (2, 3, 4, 5), (5, 4)),
    einsum("abcd,cdef->efba", (2, 3, 4, 2), (4, 2, 3, 2)),
    einsum("i,ij,jk,k->", (3,), (3, 4), (4, 2), (2,)),
    einsum("a...,...b->...", (2, 3), (3, 4)),
    einsum("ij,ji->ij", (3, 4), (4, 3)),
    einsum("i,j->ji", (3,), (4,)),
    einsum("bi,bi->b", (3, 4), (3, 4)),
    einsum("bi,bi,bj->bj", (3, 4), (3, 4), (3, 2)),
    einsum("ij,jk->ik", (3, 1), (4, 5)),
    einsum("ii->i", (4, 4)),
    einsum("ii", (4, 4)),
    einsum("iji->j", (3, 2, 3)),
    einsum("...ii->...i", (2, 3, 3)),
    einsum("ii,ij->j", (3, 3), (3, 2)),
    einsum("...i->...", (2, 3, 4)),
    einsum("cba", (2, 3, 4)),
    case("matmul vectors", [V, V + 1], [np.matmul(V, V + 1)]),
    case("matmul vector batch", [V, B.transpose(1, 0, 2)], [np.matmul(V, B.transpose(1, 0, 2))]),
    case("matmul batch vector", [A, V], [np.matmul(A, V)]),
    case("dot", [A, B.transpose(1, 0, 2)], [np.dot(A, B.transpose(1, 0, 2))]),
    case("inner", [A, V], [np.inner(A, V)]),
    case("outer", [A, V], [np.outer(A, V)]),
    case("vdot", [A, A + 1], [np.vdot(A, A + 1)]),
    case("tensordot", [A, B], [np.tensordot(A, B, ((1, 2), (1, 0)))]),
    case("gemm", [GA, GB, GC], [0.5 * GA.T @ GB.T - 2 * GC]),
    case("det", [M], [np.linalg.det(M)]),
    case("slogdet", [-M[:3, :3]], list(np.linalg.slogdet(-M[:3, :3]))),
    case("solve", [M, V], [np.linalg.solve(M, V)]),
    case("inverse", [M], [np.linalg.inv(M)]),
    case("cholesky", [S], [np.linalg.cholesky(S)]),
]

if __name__ == "__main__":
    golden.write("ops_numpy.json", "NumPy %s, f64" % np.__version__, CASES)
