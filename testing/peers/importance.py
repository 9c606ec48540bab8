#!/usr/bin/env python3
"""Writes importance.json: rows, a fixed linear model, and what scikit-learn's permutation_importance finds of it over many repeats, which a Go
test compares ours with: the shuffles differ, their means and deviations do not by much.

usage: importance.py > importance.json
"""
import json

import numpy as np
import sklearn
from sklearn.inspection import permutation_importance

r = np.random.default_rng(3)
n, weights = 200, [2.0, -0.5, 0.0, 1.0]
x = np.round(r.normal(size=(n, 4)), 3)
x[:, 3] = np.round(x[:, 0] + 0.3 * x[:, 3], 3)  # tells much of what the first tells
y = np.round(x @ weights + r.normal(0, 0.4, n), 3)


class Model:
    def fit(self, x, y):
        return self

    def predict(self, x):
        return x @ weights


out = {"sklearn": sklearn.__version__, "weights": weights, "x": x.tolist(), "y": y.tolist(), "repeats": 2000}
for name, scoring in [("rmse", "neg_root_mean_squared_error"), ("r2", "r2")]:
    p = permutation_importance(Model(), x, y, scoring=scoring, n_repeats=2000, random_state=1)
    out[name] = {"mean": p.importances_mean.tolist(), "std": p.importances_std.tolist()}
print(json.dumps(out, separators=(",", ":")))
