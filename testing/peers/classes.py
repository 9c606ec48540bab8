#!/usr/bin/env python3
"""Trains XGBoost and scikit-learn on examples/covertype, every fifth row kept for the test, and prints accuracy and log-loss: what
TestCovertype of operators/train/gbdt compares with.

usage: classes.py COVERTYPE.csv     as `headrace peek` or a sink writes the rows of the file, in their order
"""
import sys

import peer  # first: it sets the number of threads

import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn.ensemble import HistGradientBoostingClassifier

frame = pd.read_csv(sys.argv[1])
if "_row" in frame:
    frame = frame.sort_values("_row")
y = frame["cover"].astype("category").cat.codes.to_numpy()
x = frame[[c for c in frame if c not in peer.OWN + ["cover"]]].to_numpy(np.float64)
test = np.arange(len(x)) % 5 == 0
for seed in [1, 2, 3]:  # nothing is drawn: the seeds show that
    params = {"objective": "multi:softprob", "num_class": int(y.max()) + 1, "tree_method": "hist", "grow_policy": "lossguide",
              "max_depth": 0, "max_leaves": 31, "max_bin": 255, "eta": 0.1, "lambda": 1, "nthread": peer.THREADS, "seed": seed}
    model = xgb.train(params, xgb.DMatrix(x[~test], label=y[~test]), 100)
    print("xgboost", xgb.__version__, seed, peer.judge("multiclass", y[test], model.predict(xgb.DMatrix(x[test])), None))
model = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=31, learning_rate=0.1, l2_regularization=1, early_stopping=False)
print("sklearn", peer.judge("multiclass", y[test], model.fit(x[~test], y[~test]).predict_proba(x[test]), None))
