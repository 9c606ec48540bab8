#!/usr/bin/env python3
"""Writes shap.json: small ensembles of XGBoost with the contributions that it finds (pred_contribs, exact TreeSHAP by path), which a Go
test compares ours with.

usage: shap.py > shap.json
A case has rows (null is missing), base (the raw score of no tree), contribs (a list a row, the mean last), and trees: feature,
threshold (a row goes left below it), left, right, missing (where missing values go), value and cover of each node; feature is -1 of a leaf.
"""
import json

import numpy as np
import xgboost as xgb

from dump import tree


def case(name, objective, depth, trees, policy):
    r = np.random.default_rng(7)
    n, m = 400, 6
    x = r.integers(0, 24, (n, m)).astype(float) / 8
    x[r.random((n, m)) < 0.15] = np.nan
    z = np.nan_to_num(x, nan=1.0)
    y = z[:, 0] * z[:, 1] - 2 * z[:, 2] + (z[:, 3] > 1.5) * z[:, 0] + r.normal(0, 0.3, n)
    if objective != "reg:squarederror":
        y = (y > 0).astype(float)
    d = xgb.DMatrix(x, label=y)
    model = xgb.train({"objective": objective, "tree_method": "hist", "max_depth": depth, "max_leaves": 24, "grow_policy": policy, "eta": 0.3,
                       "base_score": 0.25, "nthread": 1}, d, trees)
    some = xgb.DMatrix(x[:40])
    base = 0.25 if objective == "reg:squarederror" else float(np.log(0.25 / 0.75))
    return {"name": name, "base": base, "rows": [[None if v != v else v for v in row] for row in x[:40].tolist()],
            "contribs": [[float("%.9g" % v) for v in row] for row in model.predict(some, pred_contribs=True)],
            "trees": [tree(t) for t in model.get_dump(dump_format="json", with_stats=True)]}


print(json.dumps({"xgboost": xgb.__version__, "cases": [
    case("regression, depth 4", "reg:squarederror", 4, 6, "depthwise"),
    case("regression, best leaf first", "reg:squarederror", 0, 4, "lossguide"),
    case("binary, covers of hessians", "binary:logistic", 5, 5, "depthwise"),
]}, separators=(",", ":")))
