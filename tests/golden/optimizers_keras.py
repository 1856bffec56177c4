#!/usr/bin/python3
"""Writes optimizers_keras.json: Keras' update rules transcribed to NumPy, in f64.

Usage: cd tests/golden && /usr/bin/python3 optimizers_keras.py

Each function names the source that it transcribes: TensorFlow 2.3, which holds Keras 2.4, and
for AdamW, which Keras 2.4 has not, Keras 2.12.
"""

import numpy as np

import optimizers_common as common


def sgd(w, g, s, lr, t, momentum=0.0, nesterov=0):
    """tensorflow/python/keras/optimizer_v2/gradient_descent.py, _resource_apply_dense;
    tensorflow/core/kernels/training_ops.cc, ApplyGradientDescent and ApplyKerasMomentum."""
    if momentum == 0:
        return w - g * lr, s
    accum = s.get("momentum", np.zeros_like(w))
    accum = accum * momentum - g * lr
    w = w + (accum * momentum - g * lr) if nesterov else w + accum
    return w, {"momentum": accum}


def rmsprop(w, g, s, lr, t, rho=0.9, momentum=0.0, epsilon=1e-7, centered=0):
    """tensorflow/python/keras/optimizer_v2/rmsprop.py, _resource_apply_dense;
    with momentum tensorflow/core/kernels/training_ops.cc, ApplyRMSProp, ApplyCenteredRMSProp."""
    zero = np.zeros_like(w)
    ms, mg, mom = s.get("rms", zero), s.get("mg", zero), s.get("momentum", zero)
    slots = {}
    if momentum > 0:
        ms = ms + (np.square(g) - ms) * (1 - rho)
        denom = ms + epsilon
        if centered:
            mg = mg + (g - mg) * (1 - rho)
            denom = (ms - np.square(mg)) + epsilon
        mom = mom * momentum + (g * lr) / np.sqrt(denom)
        w = w - mom
        slots["momentum"] = mom
    else:
        ms = rho * ms + (1 - rho) * np.square(g)
        denom = ms
        if centered:
            mg = rho * mg + (1 - rho) * g
            denom = ms - np.square(mg)
        w = w - lr * g / (np.sqrt(denom) + epsilon)
    slots["rms"] = ms
    if centered:
        slots["mg"] = mg
    return w, slots


def adam(w, g, s, lr, t, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=0):
    """tensorflow/python/keras/optimizer_v2/adam.py, _resource_apply_dense;
    tensorflow/core/kernels/training_ops.cc, ApplyAdamNonCuda and ApplyAdamWithAmsgrad."""
    zero = np.zeros_like(w)
    m, v = s.get("m", zero), s.get("v", zero)
    alpha = lr * np.sqrt(1 - beta_2 ** t) / (1 - beta_1 ** t)
    m = m + (g - m) * (1 - beta_1)
    v = v + (np.square(g) - v) * (1 - beta_2)
    slots = {"m": m, "v": v}
    if amsgrad:
        slots["vhat"] = v = np.maximum(s.get("vhat", zero), v)
    return w - (m * alpha) / (np.sqrt(v) + epsilon), slots


def adamw(w, g, s, lr, t, weight_decay=0.004, **options):
    """keras/optimizers/adamw.py, update_step (as adam above), after
    keras/optimizers/optimizer.py, _apply_weight_decay."""
    w = w - w * weight_decay * lr
    return adam(w, g, s, lr, t, **options)


def adagrad(w, g, s, lr, t, initial_accumulator_value=0.1, epsilon=1e-7):
    """tensorflow/python/keras/optimizer_v2/adagrad.py, _resource_apply_dense;
    tensorflow/core/kernels/training_ops.cc, ApplyAdagradV2."""
    accum = s.get("accumulator", np.full_like(w, initial_accumulator_value))
    accum = accum + np.square(g)
    return w - g * lr / (np.sqrt(accum) + epsilon), {"accumulator": accum}


RULES = {"sgd": sgd, "rmsprop": rmsprop, "adam": adam, "adamw": adamw, "adagrad": adagrad}
DEFAULT_RATES = {"sgd": 0.01, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001, "adagrad": 0.001}


def run(title, name, values=None):
    values = values or {}
    options = {k: v for k, v in values.items() if k != "learning_rate"}
    rates = common.rates(values.get("learning_rate", DEFAULT_RATES[name]))
    params, state = common.start(), [{} for _ in common.START]
    steps, slots = [], []
    for step, (rate, grads) in enumerate(zip(rates, common.gradients())):
        for i, g in enumerate(grads):
            params[i], state[i] = RULES[name](params[i], g, state[i], rate, step + 1, **options)
        steps.append(list(params))
        slots.append(list(state))
    return common.case(title, {"name": name, "values": values}, rates, steps, slots)


CASES = [
    run("sgd", "sgd"),
    run("sgd, momentum", "sgd", {"learning_rate": 0.05, "momentum": 0.9}),
    run("sgd, nesterov", "sgd", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": 1}),
    run("rmsprop", "rmsprop"),
    run("rmsprop, momentum", "rmsprop", {"momentum": 0.9}),
    run("rmsprop, centered", "rmsprop", {"rho": 0.8, "centered": 1}),
    run("rmsprop, centered, momentum", "rmsprop", {"momentum": 0.5, "centered": 1}),
    run("adam", "adam"),
    run("adam, amsgrad", "adam",
        {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.7, "epsilon": 1e-6, "amsgrad": 1}),
    run("adamw", "adamw"),
    run("adamw, amsgrad", "adamw",
        {"learning_rate": 0.01, "weight_decay": 0.25, "beta_2": 0.7, "amsgrad": 1}),
    run("adagrad", "adagrad"),
    run("adagrad, start", "adagrad",
        {"learning_rate": 0.1, "initial_accumulator_value": 0.5, "epsilon": 0.01}),
]

if __name__ == "__main__":
    common.write("optimizers_keras.json", "Keras' formulas in NumPy, f64", CASES)
