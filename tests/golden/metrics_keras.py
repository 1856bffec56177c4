#!/usr/bin/python3
"""Writes metrics_keras.json: Keras' metrics transcribed to NumPy, in f64, over batches of data.

Usage: cd tests/golden && /usr/bin/python3 metrics_keras.py

Sources: tensorflow/python/keras/metrics.py and utils/metrics_utils.py of TensorFlow 2.4;
keras/src/metrics/f_score_metrics.py and regression_metrics.py of Keras 3 for F1Score and R2Score.
"""

import json

import numpy as np

rng = np.random.RandomState(7)
N = 90
binary_true = (rng.rand(N) < 0.4).astype(np.float64)
binary_pred = np.clip(0.35 * binary_true + 0.65 * rng.rand(N), 0, 1).astype(np.float32)
binary_pred[:6] = [0.0, 1.0, 0.5, 0.25, 0.75, 0.5]
classes = rng.randint(0, 4, N)
one_hot = np.eye(4)[classes]
scores = (rng.rand(N, 4) + 0.5 * one_hot).astype(np.float32)
scores[:10] = np.round(scores[:10] * 4) / 4  # ties
reals_true = rng.randn(N, 2).astype(np.float32)
reals_pred = (reals_true + 0.5 * rng.randn(N, 2)).astype(np.float32)


def div_no_nan(a, b):
    a, b = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
    return np.where(b == 0, 0, a / np.where(b == 0, 1, b))


def counts(t, p, thresholds):
    """metrics_utils.update_confusion_matrix_variables."""
    t = np.asarray(t).reshape(-1).astype(bool)
    above = np.asarray(p).reshape(-1)[None, :] > np.asarray(thresholds, np.float32)[:, None]
    return [np.sum(x, 1).astype(float) for x in
            (above & t, above & ~t, ~above & ~t, ~above & t)]


def auc(t, p, n=200, curve="ROC"):
    """metrics.AUC, result and interpolate_pr_auc."""
    thresholds = [0.0 - 1e-7] + [(i + 1) / (n - 1) for i in range(n - 2)] + [1.0 + 1e-7]
    tp, fp, tn, fn = counts(t, p, thresholds)
    if curve == "PR":
        dtp = tp[:-1] - tp[1:]
        pos = tp + fp
        slope = div_no_nan(dtp, np.maximum(pos[:-1] - pos[1:], 0))
        intercept = tp[1:] - slope * pos[1:]
        both = (pos[:-1] > 0) & (pos[1:] > 0)
        ratio = np.where(both, div_no_nan(pos[:-1], np.maximum(pos[1:], 0)), 1)
        return np.sum(div_no_nan(slope * (dtp + intercept * np.log(ratio)),
                                 np.maximum(tp[1:] + fn[1:], 0)))
    x, y = div_no_nan(fp, fp + tn), div_no_nan(tp, tp + fn)
    return np.sum((x[:-1] - x[1:]) * (y[:-1] + y[1:]) / 2)


def precision(t, p, threshold=0.5):
    tp, fp, _, _ = counts(t, p, [threshold])
    return div_no_nan(tp, tp + fp)[0]


def recall(t, p, threshold=0.5):
    tp, _, _, fn = counts(t, p, [threshold])
    return div_no_nan(tp, tp + fn)[0]


def f1(t, p, average="macro", threshold=None):
    """f_score_metrics.FBetaScore, update_state and result."""
    if threshold is None:
        above = (p == np.max(p, -1, keepdims=True)) & (np.abs(p) > 1e-9)
    else:
        above = p > threshold
    above, t = above.astype(float), t.astype(float)
    axis = None if average == "micro" else 0
    tp, fp, fn = np.sum(above * t, axis), np.sum(above * (1 - t), axis), np.sum((1 - above) * t, axis)
    weights = np.sum(t, axis)
    precision, recall = div_no_nan(tp, tp + fp), div_no_nan(tp, tp + fn)
    score = div_no_nan(2 * precision * recall, precision + recall)
    if average == "weighted":
        return np.sum(score * weights / np.sum(weights))
    return np.mean(score)


def top_k(labels, p, k):
    """tensorflow/core/kernels/in_topk_op.h."""
    own = np.take_along_axis(p, labels[:, None], 1)
    return np.mean(np.sum(p > own, 1) < k)


def cosine(t, p):
    unit = lambda x: x / np.sqrt(np.maximum(np.sum(x * x, -1, keepdims=True), 1e-12))
    return np.mean(np.sum(unit(t) * unit(p), -1))


def r2(t, p):
    mse = np.sum((t - p) ** 2, 0)
    total = np.sum(t ** 2, 0) - np.sum(t, 0) ** 2 / len(t)
    return np.mean(1 - mse / total)


def log1(x):
    return np.log(np.maximum(x, 1e-7) + 1)


rt, rp = reals_true.astype(float), reals_pred.astype(float)
CASES = [(name, "binary", value) for name, value in [
    ("AUC", auc(binary_true, binary_pred)),
    ("AUC(3)", auc(binary_true, binary_pred, 3)),
    ("auc_pr", auc(binary_true, binary_pred, curve="PR")),
    ("auc_pr(10)", auc(binary_true, binary_pred, 10, "PR")),
    ("Precision", precision(binary_true, binary_pred)),
    ("precision(0.75)", precision(binary_true, binary_pred, 0.75)),
    ("Recall", recall(binary_true, binary_pred)),
    ("recall(0.25)", recall(binary_true, binary_pred, 0.25)),
    ("TruePositives", counts(binary_true, binary_pred, [0.5])[0][0]),
    ("FalsePositives", counts(binary_true, binary_pred, [0.5])[1][0]),
    ("true_negatives(0.25)", counts(binary_true, binary_pred, [0.25])[2][0]),
    ("false_negatives", counts(binary_true, binary_pred, [0.5])[3][0]),
    ("F1Score", f1(binary_true[:, None], binary_pred[:, None], "macro", 0.5)),
    ("binary_accuracy(0.25)", np.mean((binary_pred > 0.25) == binary_true)),
]] + [(name, "classes", value) for name, value in [
    ("f1_score", f1(one_hot, scores)),
    ("f1_score(1)", f1(one_hot, scores, "micro")),
    ("f1_score(2)", f1(one_hot, scores, "weighted")),
    ("f1_score(0, 0.75)", f1(one_hot, scores, "macro", 0.75)),
    ("precision(0.75, 2)", precision(one_hot[:, 2], scores[:, 2], 0.75)),
    ("recall(0.75, 0)", recall(one_hot[:, 0], scores[:, 0], 0.75)),
    ("top_k_categorical_accuracy(1)", top_k(classes, scores, 1)),
    ("top_k_categorical_accuracy(2)", top_k(classes, scores, 2)),
    ("top_k_categorical_accuracy", 1.0),
    ("categorical_accuracy", np.mean(np.argmax(scores, 1) == classes)),
]] + [(name, "labels", value) for name, value in [
    ("sparse_top_k_categorical_accuracy(2)", top_k(classes, scores, 2)),
    ("sparse_categorical_accuracy", np.mean(np.argmax(scores, 1) == classes)),
]] + [(name, "reals", value) for name, value in [
    ("RootMeanSquaredError", np.sqrt(np.mean((rt - rp) ** 2))),
    ("R2Score", r2(rt, rp)),
    ("mape", 100 * np.mean(np.abs((rt - rp) / np.maximum(np.abs(rt), 1e-7)))),
    ("msle", np.mean((log1(rt) - log1(rp)) ** 2)),
    ("cosine_similarity", cosine(rt, rp)),
    ("mse", np.mean((rt - rp) ** 2)),
    ("mae", np.mean(np.abs(rt - rp))),
]]

DATA = {"binary": (binary_true, binary_pred), "classes": (one_hot, scores),
        "labels": (classes, scores), "reals": (reals_true, reals_pred)}

with open("metrics_keras.json", "w") as out:
    data = {name: {"columns": [t.size // N, p.size // N],
                   "y_true": np.asarray(t, float).reshape(-1).tolist(),
                   "y_pred": np.asarray(p, float).reshape(-1).tolist()}
            for name, (t, p) in DATA.items()}
    out.write('{"rows": %d,\n"data": {\n%s\n},\n' % (N, ",\n".join(
        '"%s": %s' % (name, json.dumps(value)) for name, value in data.items())))
    out.write('"cases": [\n%s\n]}\n' % ",\n".join(
        json.dumps({"metric": m, "data": d, "value": float(v)}) for m, d, v in CASES))
