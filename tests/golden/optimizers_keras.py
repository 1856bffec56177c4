#!/usr/bin/python3
"""Writes optimizers_keras.json: Keras' update rules transcribed to NumPy, in f64.

Usage: cd tests/golden && /usr/bin/python3 optimizers_keras.py

Each function names the source that it transcribes: TensorFlow 2.3, which holds Keras 2.4, and
for what Keras 2.4 has not Keras 2.12 or Keras 3.
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


def adadelta(w, g, s, lr, t, rho=0.95, epsilon=1e-7):
    """tensorflow/python/keras/optimizer_v2/adadelta.py;
    tensorflow/core/kernels/training_ops.cc, ApplyAdadelta."""
    zero = np.zeros_like(w)
    accum, accum_update = s.get("accum_grad", zero), s.get("accum_var", zero)
    accum = accum * rho + np.square(g) * (1 - rho)
    update = np.sqrt(accum_update + epsilon) * (1 / np.sqrt(accum + epsilon)) * g
    accum_update = accum_update * rho + np.square(update) * (1 - rho)
    return w - update * lr, {"accum_grad": accum, "accum_var": accum_update}


def adamax(w, g, s, lr, t, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """tensorflow/python/keras/optimizer_v2/adamax.py;
    tensorflow/core/kernels/training_ops.cc, ApplyAdaMax."""
    zero = np.zeros_like(w)
    m, v = s.get("m", zero), s.get("v", zero)
    m = m + (g - m) * (1 - beta_1)
    v = np.maximum(beta_2 * v, np.abs(g))
    return w - lr / (1 - beta_1 ** t) * (m / (v + epsilon)), {"m": m, "v": v}


def nadam(w, g, s, lr, t, beta_1=0.9, beta_2=0.999, epsilon=1e-7, schedule_decay=0.004):
    """tensorflow/python/keras/optimizer_v2/nadam.py, _prepare_local, _prepare and
    _resource_apply_dense."""
    zero = np.zeros_like(w)
    m, v = s.get("m", zero), s.get("v", zero)
    m_schedule = s.get("mu_product", np.ones(()))
    decay_base = 0.96
    m_t = beta_1 * (1 - 0.5 * decay_base ** (schedule_decay * t))
    m_t_1 = beta_1 * (1 - 0.5 * decay_base ** (schedule_decay * (t + 1)))
    m_schedule_new = m_schedule * m_t
    m_schedule_next = m_schedule_new * m_t_1
    g_prime = g / (1 - m_schedule_new)
    m = beta_1 * m + (1 - beta_1) * g
    m_prime = m / (1 - m_schedule_next)
    v = beta_2 * v + (1 - beta_2) * np.square(g)
    v_prime = v / (1 - beta_2 ** t)
    m_bar = (1 - m_t) * g_prime + m_t_1 * m_prime
    return (w - lr * m_bar / (np.sqrt(v_prime) + epsilon),
            {"m": m, "v": v, "mu_product": m_schedule_new})


def ftrl(w, g, s, lr, t, learning_rate_power=-0.5, initial_accumulator_value=0.1,
         l1_regularization_strength=0.0, l2_regularization_strength=0.0,
         l2_shrinkage_regularization_strength=0.0, beta=0.0):
    """tensorflow/python/keras/optimizer_v2/ftrl.py, _resource_apply_dense;
    tensorflow/core/kernels/training_ops.cc, ApplyFtrlV2."""
    l1, shrinkage = l1_regularization_strength, l2_shrinkage_regularization_strength
    l2 = l2_regularization_strength + beta / (2 * lr)
    accum = s.get("accumulator", np.full_like(w, initial_accumulator_value))
    linear = s.get("linear", np.zeros_like(w))
    grad_to_use = g + 2 * shrinkage * w
    new_accum = accum + np.square(g)
    power = -learning_rate_power
    # The difference of roots without the digits that a small gradient costs it.
    growth = (np.square(g) / (new_accum ** 0.5 + accum ** 0.5) if power == 0.5
              else new_accum ** power - accum ** power)
    linear = linear + grad_to_use - growth / lr * w
    quadratic = new_accum ** power / lr + 2 * l2
    x = l1 * np.sign(linear) - linear
    w = np.where(np.abs(linear) > l1, x / quadratic, 0)
    return w, {"accumulator": new_accum, "linear": linear}


def lion(w, g, s, lr, t, beta_1=0.9, beta_2=0.99):
    """keras/optimizers/lion.py of Keras 2.12, update_step."""
    m = s.get("m", np.zeros_like(w))
    w = w - lr * np.sign(m * beta_1 + g * (1 - beta_1))
    return w, {"m": m * beta_2 + g * (1 - beta_2)}


def lamb(w, g, s, lr, t, beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=0.0):
    """keras/src/optimizers/lamb.py of Keras 3, update_step; the decay's place is that of
    tensorflow_addons/optimizers/lamb.py."""
    zero = np.zeros_like(w)
    m, v = s.get("m", zero), s.get("v", zero)
    m = m + (g - m) * (1 - beta_1)
    v = v + (np.square(g) - v) * (1 - beta_2)
    m_hat = m / (1 - beta_1 ** t)
    v_sqrt = np.sqrt(v / (1 - beta_2 ** t)) + epsilon
    update = m_hat / v_sqrt + weight_decay * w
    w_norm = np.sqrt(np.sum(np.power(w, 2)))
    g_norm = np.sqrt(np.sum(np.power(update, 2)))
    ratio = w_norm / g_norm if w_norm > 0 and g_norm > 0 else 1.0
    return w - ratio * lr * update, {"m": m, "v": v}


def clip(grads, clipvalue=0, clipnorm=0, global_clipnorm=0):
    """tensorflow/python/ops/clip_ops.py, clip_by_value, clip_by_norm and clip_by_global_norm, in
    the order of optimizer_v2.py, _transform_gradients."""
    if clipvalue:
        grads = [np.clip(g, -clipvalue, clipvalue) for g in grads]
    if clipnorm:
        norms = [np.sqrt(np.sum(g * g)) for g in grads]
        grads = [g * clipnorm / max(n, clipnorm) for g, n in zip(grads, norms)]
    if global_clipnorm:
        norm = np.sqrt(sum(np.sum(g * g) for g in grads))
        scale = global_clipnorm * min(1 / norm, 1 / global_clipnorm)
        grads = [g * scale for g in grads]
    return grads


RULES = {"sgd": sgd, "rmsprop": rmsprop, "adam": adam, "adamw": adamw, "adagrad": adagrad,
         "adadelta": adadelta, "adamax": adamax, "nadam": nadam, "ftrl": ftrl, "lion": lion,
         "lamb": lamb}
DEFAULT_RATES = {"sgd": 0.01}  # 0.001 otherwise
CLIPPING = ["clipvalue", "clipnorm", "global_clipnorm"]


def run(title, name, values=None):
    """The extensions follow keras/src/optimizers/base_optimizer.py of Keras 3,
    _backend_apply_gradients: accumulate, clip, decay, update, average, overwrite."""
    values = values or {}
    options = {k: v for k, v in values.items() if k != "learning_rate"}
    clipping = {k: options.pop(k) for k in CLIPPING if k in options}
    own_decay = name in ("adamw", "lamb")
    decay = 0 if own_decay else options.pop("weight_decay", 0)
    momentum = options.pop("ema_momentum", 0)
    overwrite = options.pop("ema_overwrite_frequency", 0)
    accumulate = options.pop("gradient_accumulation_steps", 1)
    rates = common.rates(values.get("learning_rate", DEFAULT_RATES.get(name, 0.001)))
    params, state = common.start(), [{} for _ in common.START]
    averages = common.start()
    sums = [np.zeros_like(p) for p in params]
    steps, slots, updates = [], [], 0
    for step, (rate, grads) in enumerate(zip(rates, common.gradients())):
        if accumulate > 1:
            sums = [s + g for s, g in zip(sums, grads)]
        if (step + 1) % accumulate == 0:
            if accumulate > 1:
                grads = [s / accumulate for s in sums]
                sums = [np.zeros_like(p) for p in params]
            updates += 1
            for i, g in enumerate(clip(grads, **clipping)):
                w = params[i] - params[i] * decay * rate
                params[i], state[i] = RULES[name](w, g, state[i], rate, updates, **options)
                averages[i] = momentum * averages[i] + (1 - momentum) * params[i]
                if overwrite and updates % overwrite == 0:
                    params[i] = averages[i]
        steps.append(list(params))
        here = [dict(s) for s in state]
        for i in range(len(params)):
            if momentum:
                # Before the first update the slot is not used yet.
                here[i]["average"] = averages[i] if updates else np.zeros_like(params[i])
            if accumulate > 1:
                here[i]["accumulated"] = sums[i]
        slots.append(here)
    # Slots are 0 before the first update.
    for here in slots:
        for i, of_one in enumerate(here):
            for key in slots[-1][i]:
                of_one.setdefault(key, np.zeros_like(params[i]))
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
    run("adadelta", "adadelta"),
    run("adadelta, rate 1", "adadelta", {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-4}),
    run("adamax", "adamax"),
    run("adamax, betas", "adamax", {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.6}),
    run("nadam", "nadam"),
    run("nadam, betas", "nadam",
        {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.6, "schedule_decay": 0.5}),
    run("ftrl", "ftrl"),
    run("ftrl, all", "ftrl",
        {"learning_rate": 0.1, "learning_rate_power": -0.75, "initial_accumulator_value": 0.25,
         "l1_regularization_strength": 0.5, "l2_regularization_strength": 0.125,
         "l2_shrinkage_regularization_strength": 0.25, "beta": 0.5}),
    run("lion", "lion"),
    run("lion, betas", "lion", {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.75}),
    run("lamb", "lamb"),
    run("lamb, decay", "lamb",
        {"learning_rate": 0.01, "weight_decay": 0.25, "beta_2": 0.7, "epsilon": 1e-6}),
    run("clipvalue", "sgd", {"clipvalue": 0.5}),
    run("clipnorm", "sgd", {"clipnorm": 0.75}),
    run("clipvalue, global_clipnorm", "adam", {"clipvalue": 1.5, "global_clipnorm": 0.75}),
    run("decay", "rmsprop", {"learning_rate": 0.01, "weight_decay": 0.25}),
    run("average", "adam", {"learning_rate": 0.05, "ema_momentum": 0.75}),
    run("average, overwrite", "adam",
        {"learning_rate": 0.05, "ema_momentum": 0.75, "ema_overwrite_frequency": 2}),
    run("accumulation", "adam", {"learning_rate": 0.05, "gradient_accumulation_steps": 2}),
    run("all extensions", "adam",
        {"learning_rate": 0.05, "gradient_accumulation_steps": 2, "clipnorm": 0.5,
         "weight_decay": 0.125, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
]

if __name__ == "__main__":
    common.write("optimizers_keras.json", "Keras' formulas in NumPy, f64", CASES)
