#!/usr/bin/python3
"""Writes optimizers_torch.json with PyTorch's own optimizers (Debian: python3-torch).

Usage: cd tests/golden && /usr/bin/python3 optimizers_torch.py
"""

import torch

import optimizers_common as common

torch.set_default_dtype(torch.float64)  # of the state that NAdam makes

# PyTorch's name of a state tensor -> the slot's name.
SLOTS = {
    "sgd": {"momentum_buffer": "momentum"},
    "rmsprop": {"square_avg": "rms", "momentum_buffer": "momentum", "grad_avg": "mg"},
    "adam": {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "vhat"},
    "adamw": {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "vhat"},
    "adagrad": {"sum": "accumulator"},
    "adadelta": {"square_avg": "accum_grad", "acc_delta": "accum_var"},
    "adamax": {"exp_avg": "m", "exp_inf": "v"},
    "nadam": {"exp_avg": "m", "exp_avg_sq": "v", "mu_product": "mu_product"},
    "lbfgs": {},  # kept in another form
}
MAKERS = {
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "lbfgs": torch.optim.LBFGS,
}


def slots_of(state, name):
    return {ours: state[theirs].numpy().copy() for theirs, ours in SLOTS[name].items()
            if torch.is_tensor(state.get(theirs))}


def run(title, name, values=None, torch_options=None):
    """values: of the configuration; torch_options: the same in PyTorch's words, when they differ."""
    values = values or {}
    options = values if torch_options is None else torch_options
    params = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in common.start()]
    if name == "sgd" and "lr" not in options:
        options = dict(options, lr=0.001)  # PyTorch 2's default; 1.13 has none
    if name == "nadam":
        # 1.13's other implementation multiplies one factor into the product twice.
        options = dict(options, foreach=True)
    optimizer = MAKERS[name](params, **options)
    rates = common.rates(optimizer.param_groups[0]["lr"])
    steps, slots = [], []
    for rate, grads in zip(rates, common.gradients()):
        optimizer.param_groups[0]["lr"] = rate
        for p, g in zip(params, grads):
            p.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step((lambda: 0.0) if name == "lbfgs" else None)
        steps.append([p.detach().numpy().copy() for p in params])
        slots.append([slots_of(optimizer.state[p], name) for p in params])
    config = {"name": name, "values": values if name == "lbfgs" else dict(values, formula=1)}
    return common.case(title, config, rates, steps, slots)


CASES = [
    run("sgd", "sgd"),
    run("sgd, momentum", "sgd", {"learning_rate": 0.05, "momentum": 0.9},
        {"lr": 0.05, "momentum": 0.9}),
    run("sgd, dampening", "sgd", {"learning_rate": 0.05, "momentum": 0.9, "dampening": 0.25},
        {"lr": 0.05, "momentum": 0.9, "dampening": 0.25}),
    run("sgd, nesterov", "sgd", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": 1},
        {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    run("rmsprop", "rmsprop"),
    run("rmsprop, momentum", "rmsprop", {"momentum": 0.9}),
    run("rmsprop, centered", "rmsprop", {"rho": 0.95, "centered": 1},
        {"alpha": 0.95, "centered": True}),
    run("rmsprop, centered, momentum", "rmsprop", {"momentum": 0.5, "centered": 1},
        {"momentum": 0.5, "centered": True}),
    run("adam", "adam"),
    run("adam, amsgrad", "adam",
        {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.7, "epsilon": 1e-6, "amsgrad": 1},
        {"lr": 0.01, "betas": (0.8, 0.7), "eps": 1e-6, "amsgrad": True}),
    run("adamw", "adamw"),
    run("adamw, amsgrad", "adamw",
        {"learning_rate": 0.01, "weight_decay": 0.25, "beta_2": 0.7, "amsgrad": 1},
        {"lr": 0.01, "weight_decay": 0.25, "betas": (0.9, 0.7), "amsgrad": True}),
    run("adagrad", "adagrad"),
    run("adagrad, decay", "adagrad",
        {"learning_rate": 0.1, "lr_decay": 0.5, "initial_accumulator_value": 0.25},
        {"lr": 0.1, "lr_decay": 0.5, "initial_accumulator_value": 0.25}),
    run("adadelta", "adadelta"),
    run("adadelta, rho", "adadelta", {"learning_rate": 0.5, "rho": 0.7, "epsilon": 1e-4},
        {"lr": 0.5, "rho": 0.7, "eps": 1e-4}),
    run("adamax", "adamax"),
    run("adamax, betas", "adamax", {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.6},
        {"lr": 0.01, "betas": (0.7, 0.6)}),
    run("nadam", "nadam"),
    run("nadam, betas", "nadam",
        {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.6, "schedule_decay": 0.5},
        {"lr": 0.01, "betas": (0.7, 0.6), "momentum_decay": 0.5}),
    run("lbfgs", "lbfgs", {"learning_rate": 0.25, "history_size": 2},
        {"lr": 0.25, "history_size": 2, "max_iter": 1}),
    run("lbfgs, long history", "lbfgs", {}, {"history_size": 10, "max_iter": 1}),
]

if __name__ == "__main__":
    common.write("optimizers_torch.json", "PyTorch %s, torch.optim, f64" % torch.__version__, CASES)
