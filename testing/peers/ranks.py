#!/usr/bin/env python3
"""Trains XGBoost's rank:ndcg, of one pair a row as it comes and of ten, on each half of the groups, and prints the mean ndcg@10 of the other half that
TestRanksAsXGBoost of operators/train/gbdt compares with, then what a regression of the labels comes to.

usage: ranks.py
Nothing is drawn: the numbers are SplitMix64's by their place, in Go as here.
"""
import peer  # first: it sets the number of threads

import numpy as np
import xgboost as xgb
from sklearn.metrics import ndcg_score

ROWS, GROUPS = 80000, 4000


def uniform(rows, column):
    with np.errstate(over="ignore"):
        z = (rows.astype(np.uint64) * np.uint64(16) + np.uint64(column + 1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2**53


row = np.arange(ROWS)
group = np.floor(GROUPS * uniform(row, 10) * uniform(row, 10)).astype(np.int64)
own = uniform(group, 11)
x = np.column_stack([uniform(row, j) for j in range(5)] + [np.floor(4 * own)])
normal = np.sqrt(-2 * np.log(uniform(row, 5) + 2**-60)) * np.cos(2 * np.pi * uniform(row, 6))
signal = 2 * np.sin(6 * x[:, 0]) + 2 * x[:, 1] * x[:, 2] + 4 * own + normal + (x[:, 3] > 0.7)
y = np.clip(np.floor(signal - 1), 0, 4)


def rows_of(part):
    """XGBoost wants the rows of a group together."""
    rows = np.flatnonzero(group % 2 == part)
    return rows[np.argsort(group[rows], kind="stable")]


def ndcg(score, test):
    found = []
    for g in np.unique(group[test]):
        at = group[test] == g
        gain = 2 ** y[test][at] - 1
        if gain.max() > 0:
            found.append(ndcg_score([gain], [score[at]], k=10) if at.sum() > 1 else 1.0)
    return np.mean(found)


for objective, more in (("rank:ndcg", {}), ("rank:ndcg", {"num_pairsample": 10}), ("reg:squarederror", {})):
    params = {"objective": objective, "tree_method": "hist", "grow_policy": "lossguide", "max_depth": 0, "max_leaves": 31, "max_bin": 255,
              "eta": 0.1, "lambda": 1, "nthread": peer.THREADS, **more}
    found = []
    for half in (0, 1):
        train, test = rows_of(half), rows_of(1 - half)
        data = xgb.DMatrix(x[train], label=y[train])
        if objective == "rank:ndcg":
            data.set_group(np.unique(group[train], return_counts=True)[1])
        model = xgb.train(params, data, 100)
        found.append(ndcg(model.predict(xgb.DMatrix(x[test])), test))
    print(objective, *more.items(), "%.5f" % np.mean(found))
