"""What XGBoost does of the whole job: python3 11_job.py FEATURES.csv OUT.npy DIR

Learns, predicts the test rows, measures them as a whole and by carrier, and writes model, metrics and predictions. Prints what reading the
hand-over took, until it is arrays, as JSON. OMP_NUM_THREADS says how many threads."""
import json
import os
import sys
import time

import numpy as np
import pandas as pd
import xgboost as xgb
from sklearn import metrics

TREES, LEAVES, BINS, RATE = 100, 31, 256, 0.1
THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))


def read(path):
    began, used = time.perf_counter(), time.process_time()
    frame = pd.read_csv(path, dtype={"carrier": "category"})
    names = [c for c in frame.columns if c not in ("row", "test", "carrier", "late")]
    test = frame["test"].to_numpy() == 1
    x, y = frame[names].to_numpy(np.float32), frame["late"].to_numpy(np.float32)
    table = x[~test], y[~test], x[test], y[test], frame["row"].to_numpy()[test], frame["carrier"][test]
    phase = {"name": "hand-over read", "wall": time.perf_counter() - began, "cpu": time.process_time() - used}
    return table, phase


def judge(y, p):
    pred = p >= 0.5
    ones, found, hits = int(y.sum()), int(pred.sum()), int((pred & (y == 1)).sum())
    return {"auc": metrics.roc_auc_score(y, p), "average_precision": metrics.average_precision_score(y, p),
            "log_loss": metrics.log_loss(y, p), "brier": float(np.mean((p - y) ** 2)), "accuracy": float(np.mean(pred == y)),
            "precision": hits / max(found, 1), "recall": hits / max(ones, 1), "f1": 2 * hits / max(found + ones, 1), "positives": ones}


def main(features, out, folder):
    (train_x, train_y, x, y, row, carrier), phase = read(features)
    # The quantile matrix is the faster of the two that the hist method takes.
    matrix = xgb.QuantileDMatrix(train_x, train_y, max_bin=BINS, nthread=THREADS)
    params = {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_depth": 0, "max_leaves": LEAVES,
              "max_bin": BINS, "eta": RATE, "nthread": THREADS}
    model = xgb.train(params, matrix, num_boost_round=TREES)
    model.save_model(os.path.join(folder, "model.ubj"))
    p = model.inplace_predict(x).astype(np.float64)
    y = y.astype(np.int8)
    result = {"all": judge(y, p), "carrier": {}}
    codes = carrier.cat.codes.to_numpy()
    for code, name in enumerate(carrier.cat.categories):
        here = codes == code
        result["carrier"][name] = judge(y[here], p[here])
    with open(os.path.join(folder, "metrics.json"), "w") as f:
        json.dump(result, f)
    np.save(out, np.column_stack([row, y, p]))
    print(json.dumps(phase))


main(*sys.argv[1:])
