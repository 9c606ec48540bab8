#!/usr/bin/env python3
"""Trains XGBoost and scikit-learn on the arrays that testing/bench/predict writes, and then predicts on demand.

usage: predict.py FOLDER --leaves 31 --trees 100 --threads 2
A line on standard input names who predicts all rows, or one row at a time: xgboost, xgboost-matrix, sklearn, xgboost-row. The answer is a
line: the seconds that it took, of a row the seconds a row. Neither training nor making a matrix counts.
"""
import argparse
import json
import os
import sys
import time

p = argparse.ArgumentParser(description=__doc__)
p.add_argument("folder")
p.add_argument("--leaves", type=int, default=31)
p.add_argument("--trees", type=int, default=100)
p.add_argument("--threads", type=int, default=2)
p.add_argument("--peers", default="xgboost,sklearn")
a = p.parse_args()
os.environ["OMP_NUM_THREADS"] = str(a.threads)  # before NumPy loads its OpenMP, which reads it once

import numpy as np
import xgboost as xgb
from sklearn.ensemble import HistGradientBoostingClassifier

with open(os.path.join(a.folder, "meta.json")) as f:
    meta = json.load(f)
x = np.fromfile(os.path.join(a.folder, "x.f32"), np.float32).reshape(meta["Columns"], meta["Rows"])
y = np.fromfile(os.path.join(a.folder, "y.f64"), np.float64)
n = meta["Train"]
train, test = np.ascontiguousarray(x[:, :n].T), np.ascontiguousarray(x[:, n:].T)
del x
model = sk = None
if "xgboost" in a.peers:
    model = xgb.train({"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_depth": 0, "max_leaves": a.leaves,
                       "max_bin": 255, "eta": 0.1, "lambda": 1, "nthread": a.threads}, xgb.DMatrix(train, label=y[:n], nthread=a.threads), a.trees)
    one = xgb.Booster()
    one.load_model(model.save_raw("ubj"))
    one.set_param({"nthread": 1})
if "sklearn" in a.peers:
    sk = HistGradientBoostingClassifier(max_iter=a.trees, max_leaf_nodes=a.leaves, learning_rate=0.1, early_stopping=False).fit(train, y[:n])
ROWS = 2000


def timed(f):
    began = time.perf_counter()
    f()
    return time.perf_counter() - began


def matrix():
    m = xgb.DMatrix(test, nthread=a.threads)  # a new one: it would keep what was predicted of it
    return timed(lambda: model.predict(m))


def rows():
    for i in range(ROWS):
        one.inplace_predict(test[i:i + 1])


what = {
    "xgboost": lambda: timed(lambda: model.inplace_predict(test)),
    "xgboost-matrix": matrix,
    "sklearn": lambda: timed(lambda: sk.predict_proba(test)),
    "xgboost-row": lambda: timed(rows) / ROWS,
}
print("ready", flush=True)
for line in sys.stdin:
    print(what[line.strip()](), flush=True)
