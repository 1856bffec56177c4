#!/usr/bin/python3
"""Writes losses_torch.json: PyTorch's own losses and their gradients (Debian: python3-torch).

Usage: cd tests/golden && /usr/bin/python3 losses_torch.py
"""

import torch
import torch.nn.functional as F

import golden_ops as golden
from golden_ops import numbers


def tensor(x, grad=True):
    return torch.tensor(x, dtype=torch.float64, requires_grad=grad)


def run(name, fn, *inputs, wanted=None):
    """fn: of tensors of the inputs; gradients are of the sum of the result, by those in `wanted`
    (all when None)."""
    wanted = range(len(inputs)) if wanted is None else wanted
    xs = [tensor(x, i in wanted) for i, x in enumerate(inputs)]
    y = fn(*xs)
    y.sum().backward()
    gradients = [x.grad.numpy() if i in wanted else None for i, x in enumerate(xs)]
    return golden.case(name, inputs, [y.detach().numpy()], gradients)


P, T = numbers((4, 3)), numbers((4, 3), 1)
POSITIVE = abs(numbers((4, 3), 2)) + 0.1
SHARES = torch.softmax(torch.tensor(numbers((4, 3), 3)), -1).numpy()
SIGNS = [[1, -1, 1], [-1, -1, 1], [1, 1, -1], [-1, 1, 1]]
BITS = [[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 1]]
LOGITS = numbers((3, 4, 2, 2))
LABELS = torch.tensor([[[0, 3], [1, 2]], [[2, 2], [0, 1]], [[3, 0], [1, 1]]])
WEIGHT = torch.tensor([0.5, 1, 2, 0.25], dtype=torch.float64)
ROWS = torch.tensor([2, 0, 3])
CTC = numbers((6, 3, 4))
CTC_LABELS = torch.tensor([[1, 2, 2], [3, 0, 0], [1, 3, 1]])
CTC_INPUTS, CTC_LENGTHS = torch.tensor([6, 4, 5]), torch.tensor([3, 1, 3])


def ctc(x, **options):
    return F.ctc_loss(F.log_softmax(x, -1), CTC_LABELS, CTC_INPUTS, CTC_LENGTHS, reduction="none",
                      **options)


def focal(x, t, gamma, alpha):
    """torchvision.ops.sigmoid_focal_loss, by its formula."""
    p = torch.sigmoid(x)
    p_t = p * t + (1 - p) * (1 - t)
    loss = F.binary_cross_entropy_with_logits(x, t, reduction="none") * (1 - p_t)**gamma
    return loss if alpha is None else (alpha * t + (1 - alpha) * (1 - t)) * loss


CASES = [
    run("focal", lambda x, t: focal(x, t, 2, None), P, BITS, wanted=[0]),
    run("focal balanced", lambda x, t: focal(x, t, 1.5, 0.25), P, BITS, wanted=[0]),
    run("mse", lambda p, t: F.mse_loss(p, t, reduction="none"), P, T),
    run("l1", lambda p, t: F.l1_loss(p, t, reduction="none"), P, T),
    run("huber", lambda p, t: F.huber_loss(p, t, reduction="none", delta=0.7), P, T),
    run("smooth l1", lambda p, t: F.smooth_l1_loss(p, t, reduction="none", beta=0.6), P, T),
    run("kl", lambda p, t: F.kl_div(p, t, reduction="none"), P, SHARES),
    run("kl log", lambda p, t: F.kl_div(p, t, reduction="none", log_target=True), P, T),
    run("poisson", lambda p, t: F.poisson_nll_loss(p, t, reduction="none"), P, POSITIVE),
    run("poisson mean full",
        lambda p, t: F.poisson_nll_loss(p, t, log_input=False, full=True, reduction="none"),
        POSITIVE, 2 * SHARES + 0.5, wanted=[0]),
    run("bce", lambda p, t: F.binary_cross_entropy(p, t, reduction="none"), SHARES, BITS,
        wanted=[0]),
    run("bce logits", lambda p, t: F.binary_cross_entropy_with_logits(p, t, reduction="none"),
        P, SHARES),
    run("soft margin", lambda p, t: F.soft_margin_loss(p, t, reduction="none"), P, SIGNS,
        wanted=[0]),
    run("hinge embedding",
        lambda p, t: F.hinge_embedding_loss(p, t, margin=0.8, reduction="none"), P, SIGNS,
        wanted=[0]),
    run("margin ranking",
        lambda a, b, t: F.margin_ranking_loss(a, b, t, margin=0.3, reduction="none"), P, T, SIGNS,
        wanted=[0, 1]),
    run("cosine similarity", lambda a, b: F.cosine_similarity(a, b, dim=1), P, T),
    run("cosine embedding",
        lambda a, b, t: F.cosine_embedding_loss(a, b, t, margin=-0.9, reduction="none"), P, T,
        [1, -1, 1, -1], wanted=[0, 1]),
    run("triplet", lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=0.5, reduction="none"),
        P, T, POSITIVE),
    run("triplet swap p 3",
        lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=2, p=3, swap=True, reduction="none"),
        P, T, POSITIVE),
    run("cross entropy shares", lambda p, t: F.cross_entropy(p, t, reduction="none"), P, SHARES),
    run("nll", lambda x: F.nll_loss(x, LABELS), LOGITS),
    run("nll none", lambda x: F.nll_loss(x, LABELS, reduction="none"), LOGITS),
    run("nll weight", lambda x: F.nll_loss(x, LABELS, WEIGHT), LOGITS),
    run("nll weight ignore", lambda x: F.nll_loss(x, LABELS, WEIGHT, ignore_index=1), LOGITS),
    run("nll ignore sum", lambda x: F.nll_loss(x, LABELS, ignore_index=1, reduction="sum"), LOGITS),
    run("nll ignore none",
        lambda x: F.nll_loss(x, LABELS, WEIGHT, ignore_index=1, reduction="none"), LOGITS),
    run("cross entropy", lambda x: F.cross_entropy(x, LABELS), LOGITS),
    run("cross entropy rows", lambda x: F.cross_entropy(x, ROWS, reduction="none"), LOGITS[:, :, 0, 0]),
    run("cross entropy weight ignore",
        lambda x: F.cross_entropy(x, LABELS, WEIGHT, ignore_index=2), LOGITS),
    run("cross entropy smooth",
        lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.2), LOGITS),
    run("cross entropy smooth weight ignore",
        lambda x: F.cross_entropy(x, LABELS, WEIGHT, ignore_index=2, label_smoothing=0.2), LOGITS),
    run("cross entropy smooth none",
        lambda x: F.cross_entropy(x, LABELS, WEIGHT, ignore_index=2, label_smoothing=0.2,
                                  reduction="none"), LOGITS),
    run("ctc", ctc, CTC),
    run("ctc blank 3",
        lambda x: F.ctc_loss(F.log_softmax(x, -1), torch.tensor([[1, 2, 2], [0, 0, 0], [1, 0, 1]]),
                             CTC_INPUTS, CTC_LENGTHS, blank=3, reduction="none"), CTC),
    # Two equal labels in two steps want a blank between them: impossible.
    run("ctc zero infinity",
        lambda x: F.ctc_loss(F.log_softmax(x, -1), torch.tensor([[1, 1], [2, 1], [1, 2]]),
                             torch.tensor([2, 2, 3]), torch.tensor([2, 2, 0]), reduction="none",
                             zero_infinity=True), CTC),
]

if __name__ == "__main__":
    golden.write("losses_torch.json", "PyTorch %s, f64" % torch.__version__, CASES)
