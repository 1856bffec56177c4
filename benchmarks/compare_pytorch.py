#!/usr/bin/python3
"""Times PyTorch on the work that Adjoint's own benchmarks measure.

This script alone needs PyTorch; it is part of neither the build nor the tests. On Debian:

    apt-get install -y --no-install-recommends python3-torch libopenblas0-openmp
    /usr/bin/python3 benchmarks/compare_pytorch.py --data=imdb.npz

PyTorch calls the system's BLAS. Without OpenBLAS that is the reference one, and dense training takes
some ten times as long; OpenBLAS's pthread build fights PyTorch's OpenMP threads for the cores. The
BLAS in use is printed, with a warning if it is not the OpenMP build.

Works (--work):
  notebook  15,000 reviews as 10,000-wide multi-hot rows, Dense 16 relu, Dense 16 relu, Dense 1
            sigmoid, binary cross-entropy, RMSprop (rho 0.9, epsilon 1e-7, rate 0.001), batches of
            512 in a new random order each epoch, with and without validation on 10,000 reviews
            after each epoch. Data lies in memory before the clock starts. Several ways to write
            the first layer are timed for each encoding; the fastest is the one to compare with.
  mlp       one training step of 784-512-512-10, batch 128, softmax cross-entropy, Adam.
  chain     a chain of multiplications of 64-element tensors, forward and backward, per operation.
  matmul, dense, lstm, bandwidth   the works of the benchmarks of those names
            (rivals/pytorch_ops.py).
  convnet   the network of //benchmarks:convnet (rivals/convnet_pytorch.py).

--data names Keras' imdb.npz (its object arrays hold pickles, which numpy runs on loading: give it
only a file that you trust), or an .npz with the plain arrays `row_offsets`, `columns`, `labels` in
CSR form whose first 10,000 rows (or 40 % of fewer) are the validation set. Without --data the
notebook's work runs on random rows with about the lengths of the real ones: the times are
indicative, the accuracies mean nothing.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from rivals import convnet_pytorch, pytorch_ops

HIDDEN = 16


class Csr:
    """Multi-hot rows: the columns that are 1, sorted, row after row."""

    def __init__(self, row_offsets, columns, labels, cols):
        self.offsets = torch.from_numpy(np.asarray(row_offsets, np.int64))
        self.columns = torch.from_numpy(np.asarray(columns, np.int64))
        self.labels = torch.from_numpy(np.asarray(labels, np.float32))
        self.cols = cols

    @property
    def rows(self):
        return len(self.labels)

    def slice(self, begin, end):
        offsets = self.offsets[begin : end + 1].numpy()
        return Csr(
            offsets - offsets[0],
            self.columns[offsets[0] : offsets[-1]].numpy(),
            self.labels[begin:end].numpy(),
            self.cols,
        )

    def dense(self):
        x = torch.zeros(self.rows, self.cols)
        row_of = torch.repeat_interleave(torch.arange(self.rows), self.offsets.diff())
        x[row_of, self.columns] = 1.0
        return x

    def gather(self, order):
        """The rows in `order`, as (row offsets, columns)."""
        lengths = self.offsets.diff()[order]
        offsets = torch.zeros(len(order) + 1, dtype=torch.int64)
        torch.cumsum(lengths, 0, out=offsets[1:])
        shift = torch.repeat_interleave(self.offsets[order] - offsets[:-1], lengths)
        return offsets, self.columns[shift + torch.arange(int(offsets[-1]))]


def load_notebook(path, cols=10000):
    if path is None:
        rng = np.random.RandomState(0)
        lengths = np.clip(rng.lognormal(4.75, 0.5, 25000).astype(int), 10, 900)
        weights = 1.0 / (np.arange(cols) + 3.0)
        cumulative = np.cumsum(weights / weights.sum())
        columns = [
            np.unique(np.searchsorted(cumulative[:-1], rng.random_sample(n))) for n in lengths * 2
        ]
        labels = rng.randint(0, 2, len(columns))
    else:
        data = np.load(path, allow_pickle=True)
        if "row_offsets" in data:
            full = Csr(data["row_offsets"], data["columns"], data["labels"], cols)
            if int(full.columns.max()) >= cols:
                sys.exit(f"{path}: columns must be below {cols}, found {int(full.columns.max())}")
            return full
        # Keras' load_data(num_words=10000): shuffle by seed 113, start mark 1, ids moved by 3,
        # ids of num_words and above become 2.
        order = np.arange(len(data["x_train"]))
        np.random.RandomState(113).shuffle(order)
        labels = data["y_train"][order]
        columns = []
        for ids in data["x_train"][order]:
            ids = np.asarray([1] + [i + 3 for i in ids])
            columns.append(np.unique(np.where(ids < cols, ids, 2)))
    offsets = np.concatenate([[0], np.cumsum([len(c) for c in columns])])
    return Csr(offsets, np.concatenate(columns), labels, cols)


# The ways to write the first layer. Each has batches(order, size) -> iterable of inputs and
# first(input, weight, bias) -> pre-activations; `weight` is stored as `weight_shape` says.


class DenseFirst:
    """Rows gathered by `x[order]`, into a new tensor each step."""

    def __init__(self, csr, x=None):
        self.x = csr.dense() if x is None else x
        self.weight_shape = (HIDDEN, csr.cols)

    def batches(self, order, size):
        for begin in range(0, len(order), size):
            yield self.x[order[begin : begin + size]]

    def in_order(self, size):
        return torch.split(self.x, size)

    def first(self, x, weight, bias):
        return F.linear(x, weight, bias)

    def finish(self, weight):
        pass


class DenseIntoFirst(DenseFirst):
    """Rows gathered into one buffer that every step uses again."""

    def batches(self, order, size):
        buffer = torch.empty(size, self.x.shape[1])
        for begin in range(0, len(order), size):
            rows = order[begin : begin + size]
            yield torch.index_select(self.x, 0, rows, out=buffer[: len(rows)])


class DenseInOutFirst(DenseIntoFirst):
    """As above, the weights stored (in, out)."""

    def __init__(self, csr, x=None):
        super().__init__(csr, x)
        self.weight_shape = (csr.cols, HIDDEN)

    def first(self, x, weight, bias):
        return torch.addmm(bias, x, weight)


class BagFirst:
    """F.embedding_bag(mode="sum"), rows gathered once an epoch, dense gradient."""

    sparse_gradient = False

    def __init__(self, csr, x=None):
        self.csr = csr
        self.weight_shape = (csr.cols, HIDDEN)

    def batches(self, order, size):
        offsets, columns = self.csr.gather(order)
        for begin in range(0, len(order), size):
            o = offsets[begin : begin + size + 1]
            yield columns[o[0] : o[-1]], o[:-1] - o[0]

    def in_order(self, size):
        return self.batches(torch.arange(self.csr.rows), size)

    def first(self, batch, weight, bias):
        columns, offsets = batch
        return (
            F.embedding_bag(columns, weight, offsets, mode="sum", sparse=self.sparse_gradient)
            + bias
        )

    def finish(self, weight):
        pass


class BagEachBatchFirst(BagFirst):
    """As above, rows gathered for each batch."""

    def batches(self, order, size):
        for begin in range(0, len(order), size):
            offsets, columns = self.csr.gather(order[begin : begin + size])
            yield columns, offsets[:-1]


class SparseBagFirst(BagFirst):
    """embedding_bag with a sparse gradient, made dense for RMSprop, which takes no sparse one."""

    sparse_gradient = True

    def finish(self, weight):
        weight.grad = weight.grad.to_dense()


class IndexAddFirst(BagFirst):
    """index_select and index_add_, forward and backward."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, columns, row_of, rows, weight):
            ctx.save_for_backward(columns, row_of)
            ctx.shape = weight.shape
            out = torch.zeros(rows, weight.shape[1])
            return out.index_add_(0, row_of, weight.index_select(0, columns))

        @staticmethod
        def backward(ctx, gradient):
            columns, row_of = ctx.saved_tensors
            out = torch.zeros(ctx.shape)
            out.index_add_(0, columns, gradient.index_select(0, row_of))
            return None, None, None, out

    def batches(self, order, size):
        offsets, columns = self.csr.gather(order)
        for begin in range(0, len(order), size):
            o = offsets[begin : begin + size + 1]
            rows = len(o) - 1
            row_of = torch.repeat_interleave(torch.arange(rows), o.diff())
            yield columns[o[0] : o[-1]], row_of, rows

    def first(self, batch, weight, bias):
        return self.Function.apply(*batch, weight) + bias


class BagTransposedFirst(BagFirst):
    """embedding_bag both ways: the weight gradient is a bag sum over each column's rows."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, columns, offsets, weight):
            ctx.save_for_backward(columns, offsets)
            ctx.cols = weight.shape[0]
            return F.embedding_bag(columns, weight, offsets, mode="sum")

        @staticmethod
        def backward(ctx, gradient):
            columns, offsets = ctx.saved_tensors
            lengths = torch.diff(offsets, append=torch.tensor([len(columns)]))
            row_of = torch.repeat_interleave(torch.arange(len(offsets)), lengths)
            counts = torch.bincount(columns, minlength=ctx.cols)
            starts = torch.zeros(ctx.cols, dtype=torch.int64)
            torch.cumsum(counts[:-1], 0, out=starts[1:])
            rows = row_of[torch.argsort(columns)]
            return None, None, F.embedding_bag(rows, gradient.contiguous(), starts, mode="sum")

    def first(self, batch, weight, bias):
        return self.Function.apply(*batch, weight) + bias


class CooFirst(BagFirst):
    """torch.sparse.mm of a COO batch."""

    def batches(self, order, size):
        offsets, columns = self.csr.gather(order)
        for begin in range(0, len(order), size):
            o = offsets[begin : begin + size + 1]
            rows = len(o) - 1
            row_of = torch.repeat_interleave(torch.arange(rows), o.diff())
            index = torch.stack([row_of, columns[o[0] : o[-1]]])
            ones = torch.ones(index.shape[1])
            yield torch._sparse_coo_tensor_unsafe(index, ones, (rows, self.csr.cols))._coalesced_(
                True
            )

    def first(self, batch, weight, bias):
        return torch.sparse.mm(batch, weight) + bias


class CsrFirst(BagFirst):
    """Product of a CSR batch; its transpose, for the gradient, is built as a CSR tensor too."""

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight):
            ctx.x = x
            return x @ weight

        @staticmethod
        def backward(ctx, gradient):
            return None, ctx.x.t().to_sparse_csr() @ gradient

    def batches(self, order, size):
        offsets, columns = self.csr.gather(order)
        for begin in range(0, len(order), size):
            o = offsets[begin : begin + size + 1]
            c = columns[o[0] : o[-1]]
            yield torch.sparse_csr_tensor(
                o - o[0], c, torch.ones(len(c)), (len(o) - 1, self.csr.cols)
            )

    def first(self, batch, weight, bias):
        return self.Function.apply(batch, weight) + bias


NOTEBOOK = {
    "dense": [DenseFirst, DenseIntoFirst, DenseInOutFirst],
    "sparse": [
        BagFirst,
        BagEachBatchFirst,
        SparseBagFirst,
        BagTransposedFirst,
        IndexAddFirst,
        CooFirst,
        CsrFirst,
    ],
}


def train_notebook(first, labels, validation, validation_labels, args):
    """Returns (seconds, history)."""
    torch.manual_seed(args.seed)

    def glorot(shape, fan):
        limit = (6.0 / fan) ** 0.5
        return ((torch.rand(shape) * 2 - 1) * limit).requires_grad_()

    def zeros(n):
        return torch.zeros(n, requires_grad=True)

    w1 = glorot(first.weight_shape, sum(first.weight_shape))
    w2 = glorot((HIDDEN, HIDDEN), 2 * HIDDEN)
    w3 = glorot((1, HIDDEN), HIDDEN + 1)
    b1, b2, b3 = zeros(HIDDEN), zeros(HIDDEN), zeros(1)
    optimizer = torch.optim.RMSprop(
        [w1, b1, w2, b2, w3, b3], lr=1e-3, alpha=0.9, eps=1e-7, foreach=args.foreach
    )

    def logits(layer, batch):
        h = F.relu(layer.first(batch, w1, b1))
        h = F.relu(F.linear(h, w2, b2))
        return F.linear(h, w3, b3).squeeze(1)

    history = {"loss": [], "val_loss": [], "val_accuracy": []}
    begin = time.perf_counter()
    for _ in range(args.epochs):
        order = torch.randperm(len(labels))
        total, seen = 0.0, 0
        for batch in first.batches(order, args.batch):
            y = labels[order[seen : seen + args.batch]]
            loss = F.binary_cross_entropy_with_logits(logits(first, batch), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            first.finish(w1)
            optimizer.step()
            total += loss.item() * len(y)
            seen += len(y)
        history["loss"].append(total / seen)
        if validation is None:
            continue
        total, right, seen = 0.0, 0, 0
        with torch.no_grad():
            for batch in validation.in_order(args.batch):
                y = validation_labels[seen : seen + args.batch]
                z = logits(validation, batch)
                total += F.binary_cross_entropy_with_logits(z, y, reduction="sum").item()
                right += int(((z > 0) == (y > 0.5)).sum())
                seen += len(y)
        history["val_loss"].append(total / seen)
        history["val_accuracy"].append(right / seen)
    return time.perf_counter() - begin, history


def run_notebook(args):
    data = load_notebook(args.data)
    held = min(10000, data.rows * 2 // 5)
    validation, train = data.slice(0, held), data.slice(held, data.rows)
    encodings = ["dense", "sparse"] if args.encoding == "all" else [args.encoding]
    results = []
    for encoding in encodings:
        x = train.dense() if encoding == "dense" else None
        vx = validation.dense() if encoding == "dense" else None
        for kind in NOTEBOOK[encoding]:
            if args.variant and args.variant.lower() not in kind.__name__.lower():
                continue
            for with_validation in (False, True):
                row = {
                    "work": "notebook",
                    "name": f"{encoding}/{'' if with_validation else 'no_'}validation",
                    "encoding": encoding,
                    "variant": kind.__name__,
                    "what": " ".join(kind.__doc__.split()),
                    "validation": with_validation,
                }
                try:
                    times = []
                    for _ in range(args.repeat):
                        seconds, history = train_notebook(
                            kind(train, x),
                            train.labels,
                            kind(validation, vx) if with_validation else None,
                            validation.labels,
                            args,
                        )
                        times.append(seconds)
                except (RuntimeError, NotImplementedError) as error:
                    row["error"] = str(error).splitlines()[0]
                    results.append(row)
                    show(row)
                    break
                row.update(summary(times), loss=history["loss"][-1])
                if with_validation:
                    row["best_val_accuracy"] = max(history["val_accuracy"])
                    row["lowest_val_loss"] = min(history["val_loss"])
                results.append(row)
                show(row)
    for encoding in encodings:
        for with_validation in (False, True):
            timed = [
                r
                for r in results
                if r["encoding"] == encoding
                and r["validation"] == with_validation
                and "min_seconds" in r
            ]
            if timed:
                best = min(timed, key=lambda r: r["min_seconds"])
                best["best"] = True
                print(
                    f"best {encoding:6} {'with' if with_validation else 'without':7} validation: "
                    f"{best['variant']} {best['min_seconds']:.3f} s"
                )
    return results


def run_mlp(args):
    torch.manual_seed(args.seed)
    model = torch.nn.Sequential(
        torch.nn.Linear(784, 512),
        torch.nn.ReLU(),
        torch.nn.Linear(512, 512),
        torch.nn.ReLU(),
        torch.nn.Linear(512, 10),
    )
    x, y = torch.randn(128, 784), torch.randint(0, 10, (128,))
    results = []
    for foreach in (False, True):
        optimizer = torch.optim.Adam(model.parameters(), foreach=foreach)

        def step():
            optimizer.zero_grad(set_to_none=True)
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

        times = repeat(step, args.repeat, steps=100)
        row = {"work": "mlp", "name": "mlp/784x512x512x10/batch_128", "variant": f"Adam(foreach={foreach})", **summary(times)}
        results.append(row)
        show(row)
    return results


def run_chain(args, length=1000):
    a, b = torch.ones(64, requires_grad=True), torch.full((64,), 1.0)

    def step():
        a.grad = None
        h = a
        for _ in range(length):
            h = h * b
        h.sum().backward()

    times = [t / length for t in repeat(step, args.repeat, steps=10)]
    row = {"work": "chain", "name": "chain", "variant": "per multiplication", **summary(times)}
    show(row)
    return [row]


def run_steps(work, steps, args):
    """Times `steps`, (name, variant, function) each, for some tenths of a second a repetition."""
    results = []
    for name, variant, step in steps:
        step()
        begin = time.perf_counter()
        step()
        count = max(1, min(10000, int(0.2 / (time.perf_counter() - begin + 1e-9))))
        times = repeat(step, args.repeat, steps=count)
        row = {"work": work, "name": name, "variant": variant, **summary(times)}
        results.append(row)
        show(row)
    return results


def loaded_blas():
    """The file names of the BLAS libraries in this process."""
    torch.ones(2, 2) @ torch.ones(2, 2)
    try:
        with open("/proc/self/maps") as maps:
            paths = {line.split()[-1] for line in maps if "blas" in line}
    except OSError:
        return []
    return sorted(os.path.realpath(path) for path in paths)


def repeat(step, times, steps):
    """`times` means over `steps` calls, after a warm-up."""
    for _ in range(max(1, steps // 10)):
        step()
    result = []
    for _ in range(times):
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        result.append((time.perf_counter() - begin) / steps)
    return result


def summary(times):
    return {"min_seconds": min(times), "median_seconds": statistics.median(times)}


def show(row):
    name = " ".join(
        str(part)
        for part in (
            row["work"] if "encoding" in row else row["name"],
            row.get("encoding", ""),
            row["variant"],
            "+validation" if row.get("validation") else "",
        )
        if part
    )
    if "error" in row:
        print(f"{name:52} cannot run: {row['error'][:80]}", flush=True)
        return
    text = f"{name:52} min {unit(row['min_seconds'])}  median {unit(row['median_seconds'])}"
    if "loss" in row:
        text += f"  loss {row['loss']:.4f}"
    if "best_val_accuracy" in row:
        text += f"  best val {row['best_val_accuracy']:.4f} / {row['lowest_val_loss']:.4f}"
    print(text, flush=True)


def unit(seconds):
    for scale, name in ((1.0, "s "), (1e3, "ms"), (1e6, "us")):
        if seconds * scale >= 1.0 or name == "us":
            return f"{seconds * scale:7.3f} {name}"
    return ""


WORKS = {
    "notebook": run_notebook,
    "mlp": run_mlp,
    "chain": run_chain,
    "matmul": lambda args: run_steps("matmul", pytorch_ops.matmul(), args),
    "dense": lambda args: run_steps("dense", pytorch_ops.dense(), args),
    "lstm": lambda args: run_steps("lstm", pytorch_ops.lstm(), args),
    "bandwidth": lambda args: run_steps("bandwidth", pytorch_ops.bandwidth(), args),
    "convnet": lambda args: run_steps("convnet", convnet_pytorch.steps(), args),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", choices=[*WORKS, "all"], default="notebook")
    parser.add_argument("--data", help="imdb.npz; without it, random rows of similar lengths")
    parser.add_argument("--encoding", choices=["dense", "sparse", "all"], default="all")
    parser.add_argument("--variant", help="only variants whose name contains this")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--foreach", action="store_true", help="RMSprop's multi-tensor form")
    parser.add_argument("--json", metavar="PATH", help="also write the results there")
    args = parser.parse_args()
    for flag in ("epochs", "batch", "threads", "repeat"):
        if getattr(args, flag) < 1:
            parser.error(f"--{flag} must be at least 1, got {getattr(args, flag)}")
    torch.set_num_threads(args.threads)
    print(
        f"PyTorch {torch.__version__}, {args.threads} threads, {platform.machine()}, "
        f"minimum and median of {args.repeat}"
    )
    blas = loaded_blas()
    print(f"BLAS: {', '.join(blas) or 'unknown'}")
    if not any("openblas" in path and "openmp" in path for path in blas):
        print(
            "warning: not OpenBLAS's OpenMP build; the dense times are not PyTorch's best "
            "(apt-get install libopenblas0-openmp)",
            file=sys.stderr,
        )
    results = []
    try:
        for name in WORKS if args.work == "all" else [args.work]:
            results += WORKS[name](args)
    except (OSError, KeyError, ValueError) as error:
        sys.exit(f"compare_pytorch: {args.data}: {error}")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(
                {
                    "torch": torch.__version__,
                    "blas": blas,
                    "threads": args.threads,
                    "epochs": args.epochs,
                    "results": results,
                },
                file,
                indent=1,
            )
            file.write("\n")


if __name__ == "__main__":
    main()
