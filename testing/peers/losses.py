#!/usr/bin/env python3
"""Trains XGBoost and scikit-learn's HistGradientBoosting on labels with heavy tails, unweighted and with weights over 10^4, one objective
after the other, and prints the loss on test rows as the table that TestHeavyTails of operators/train/gbdt compares with.

usage: losses.py
Nothing is drawn: the numbers are SplitMix64's by their place, in Go as here. XGBoost begins at the mean (or median) as the others do.
"""
import peer  # first: it sets the number of threads

import numpy as np
import xgboost as xgb
from sklearn.ensemble import HistGradientBoostingRegressor

ROWS = 20000


def uniform(column):
    with np.errstate(over="ignore"):
        z = (np.arange(ROWS, dtype=np.uint64) * np.uint64(16) + np.uint64(column + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2**53


x = np.column_stack([uniform(j) for j in range(5)])
normal = np.sqrt(-2 * np.log(uniform(5) + 2**-60)) * np.cos(2 * np.pi * uniform(6))
signal = 2 * np.sin(6 * x[:, 0]) + 2 * x[:, 1] * x[:, 2] + (x[:, 3] > 0.7)
amount = np.exp(signal + normal)
labels = {"amounts": amount, "counts": np.floor(amount), "claims": np.where(uniform(7) < 0.6, 0, amount)}
weights = {"": np.ones(ROWS), " weighted": 10 ** (4 * uniform(8))}
train, test = slice(0, ROWS // 2), slice(ROWS // 2, ROWS)


def pinball(q):
    return lambda y, p: np.maximum(q * (y - p), (q - 1) * (y - p))


def tweedie(y, p, k=1.5):
    return 2 * (y ** (2 - k) / ((1 - k) * (2 - k)) - y * p ** (1 - k) / (1 - k) + p ** (2 - k) / (2 - k))


def poisson(y, p):
    return 2 * (np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / p), 0) - y + p)


cases = [  # objective, labels, XGBoost's, scikit-learn's, loss
    ("squared_error", "amounts", "reg:squarederror", {"loss": "squared_error"}, lambda y, p: (y - p) ** 2),
    ("absolute_error", "amounts", "reg:absoluteerror", {"loss": "absolute_error"}, lambda y, p: np.abs(y - p)),
    ("quantile", "amounts", None, {"loss": "quantile", "quantile": 0.9}, pinball(0.9)),
    ("poisson", "counts", "count:poisson", {"loss": "poisson"}, poisson),
    ("gamma", "amounts", "reg:gamma", None, lambda y, p: 2 * (np.log(p / y) + y / p - 1)),
    ("tweedie", "claims", "reg:tweedie", None, tweedie),
]
for name, label, objective, sk, loss in cases:
    for kind, w in weights.items():
        y = labels[label]
        found = []
        if objective:
            base = np.average(y[train], weights=w[train]) if name != "absolute_error" else np.median(y[train])
            params = {"objective": objective, "tree_method": "hist", "grow_policy": "lossguide", "max_depth": 0, "max_leaves": 31,
                      "max_bin": 255, "eta": 0.1, "lambda": 1, "nthread": peer.THREADS, "base_score": base}
            if name == "tweedie":
                params["tweedie_variance_power"] = 1.5
            model = xgb.train(params, xgb.DMatrix(x[train], label=y[train], weight=w[train]), 100)
            found.append(model.predict(xgb.DMatrix(x[test])).astype(np.float64))
        if sk:
            model = HistGradientBoostingRegressor(max_iter=100, max_leaf_nodes=31, learning_rate=0.1, l2_regularization=1, early_stopping=False, **sk)
            found.append(model.fit(x[train], y[train], sample_weight=w[train]).predict(x[test]))
        print(name + kind, *["%.5g" % np.average(loss(y[test], np.maximum(p, 1e-9) if name in ("poisson", "gamma", "tweedie") else p), weights=w[test]) for p in found])
