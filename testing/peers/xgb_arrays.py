#!/usr/bin/env python3
"""Trains XGBoost (hist, best leaf first) on the arrays that testing/bench/train writes, and prints seconds, AUC and memory as JSON.

usage: xgb_arrays.py FOLDER --leaves 31 --trees 100 --threads 2
The seconds include the matrix and so the binning, but not the reading of the arrays.
"""
import argparse
import json
import os
import resource
import time

p = argparse.ArgumentParser(description=__doc__)
p.add_argument("folder")
p.add_argument("-leaves", "--leaves", type=int, default=31)
p.add_argument("-trees", "--trees", type=int, default=100)
p.add_argument("-threads", "--threads", type=int, default=2)
a = p.parse_args()
os.environ["OMP_NUM_THREADS"] = str(a.threads)  # before NumPy loads its OpenMP, which reads it once

import numpy as np
import xgboost as xgb
from sklearn.metrics import roc_auc_score


def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


with open(os.path.join(a.folder, "meta.json")) as f:
    meta = json.load(f)
n = meta["Rows"] - meta["Test"]
x = np.fromfile(os.path.join(a.folder, "x.f32"), np.float32).reshape(len(meta["Names"]), meta["Rows"])
y = np.fromfile(os.path.join(a.folder, "y.f64"), np.float64)
train, test = np.ascontiguousarray(x[:, :n].T), np.ascontiguousarray(x[:, n:].T)
del x
base = resident()
began = time.perf_counter()
matrix = xgb.DMatrix(train, label=y[:n], nthread=a.threads)
model = xgb.train({"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_depth": 0,
                   "max_leaves": a.leaves, "max_bin": 255, "eta": 0.1, "lambda": 1, "nthread": a.threads}, matrix, a.trees)
seconds, peak = time.perf_counter() - began, resident()
score = model.predict(xgb.DMatrix(test, nthread=a.threads))
print(json.dumps({"seconds": seconds, "auc": float(roc_auc_score(y[n:], score)), "mib": peak, "base": base}))
