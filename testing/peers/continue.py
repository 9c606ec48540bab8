#!/usr/bin/env python3
"""Writes continue.json: small models of XGBoost, what becomes of them when training goes on from them on other rows (xgb_model), and when
their leaves are refreshed there (process_type update), which a Go test compares ours with.

usage: continue.py > continue.json
A case has rows and labels of both nights, base (the raw score of no tree), the trees of the first night as in shap.json, and the raw scores
of the second night's rows: before, by the first night's trees; after, with those that were added; refreshed, with other leaves. Values are
few, so that every one has a bin of its own and trees are the same.
"""
import json

import numpy as np
import xgboost as xgb

from dump import tree

ETA, LAMBDA, DEPTH, BASE = 0.3, 1.0, 3, 0.25


def night(seed, binary, shift):
    r = np.random.default_rng(seed)
    x = r.integers(0, 16, (300, 4)).astype(float) / 8
    x[r.random(x.shape) < 0.1] = np.nan
    z = np.nan_to_num(x, nan=1.0)
    y = z[:, 0] * z[:, 1] - shift * z[:, 2] + r.normal(0, 0.3, len(x))
    return x, (y > 0).astype(float) if binary else y


def case(name, objective):
    binary = objective != "reg:squarederror"
    (x1, y1), (x2, y2) = night(1, binary, 1), night(2, binary, 2)
    first, second = xgb.DMatrix(x1, label=y1), xgb.DMatrix(x2, label=y2)
    params = {"objective": objective, "tree_method": "hist", "grow_policy": "depthwise", "max_depth": DEPTH, "eta": ETA, "lambda": LAMBDA,
              "min_child_weight": 0.001, "base_score": BASE, "nthread": 1, "verbosity": 0}
    before = xgb.train(params, first, 6)
    after = xgb.train(params, second, 4, xgb_model=before)
    # A refresh keeps nothing of old values, as ours does of keep 0.
    refresh = dict(params, process_type="update", updater="refresh", refresh_leaf=True)
    refreshed = xgb.train(refresh, second, 6, xgb_model=before)

    def raw(model):
        return [float("%.9g" % v) for v in model.predict(second, output_margin=True)]

    def rows(x):
        return [[None if v != v else v for v in row] for row in x.tolist()]

    return {"name": name, "base": float(np.log(BASE / (1 - BASE))) if binary else BASE, "rows": [rows(x1), rows(x2)],
            "labels": [[float("%.9g" % v) for v in y] for y in (y1, y2)],
            "trees": [tree(t) for t in before.get_dump(dump_format="json", with_stats=True)],
            "before": raw(before), "after": raw(after), "refreshed": raw(refreshed)}


print(json.dumps({"xgboost": xgb.__version__, "eta": ETA, "lambda": LAMBDA, "depth": DEPTH,
                  "cases": [case("regression", "reg:squarederror"), case("binary", "binary:logistic")]}, separators=(",", ":")))
