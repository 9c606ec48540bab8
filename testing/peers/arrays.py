"""What the peers' scripts on arrays share: flags, reading the folder that testing/bench/train makes, the account of the work.

usage: SCRIPT --leaves 31 --trees 100 --threads 2 [--out P.npy] [--account FILE.json] FOLDER
The account is JSON: "core" is the seconds of binning and training, "peak" the MiB resident at most by the end of it, "apart" what is no part of the
work, which is predicting the rows to test. It goes to standard output where no file is named; P.npy has a row for each of them:
its number, label and prediction.
"""
import argparse
import json
import os
import resource
import time

flags = argparse.ArgumentParser()
flags.add_argument("folder")
flags.add_argument("--leaves", type=int, default=31)
flags.add_argument("--trees", type=int, default=100)
flags.add_argument("--threads", type=int, default=2)
flags.add_argument("--categories", action="store_true", help="columns of codes are categories, not numbers")
flags.add_argument("--out")
flags.add_argument("--account")
a = flags.parse_args()
os.environ["OMP_NUM_THREADS"] = str(a.threads)  # before NumPy loads its OpenMP, which reads it once

import numpy as np

with open(os.path.join(a.folder, "meta.json")) as f:
    meta = json.load(f)
COLUMNS, ROWS, TEST = len(meta["Names"]), meta["Rows"], meta["Test"]
CATEGORIES = [a.categories and n > 0 for n in meta["Levels"]]


def rows(start, n):
    """n rows as an array of rows, which is what the peers take, and their labels."""
    x = np.empty((n, COLUMNS), np.float32)
    path = os.path.join(a.folder, "x.f32")
    for j in range(COLUMNS):
        x[:, j] = np.fromfile(path, np.float32, n, offset=4 * (j * ROWS + start))
    return x, np.fromfile(os.path.join(a.folder, "y.f64"), np.float64, n, offset=8 * start)


def run(fit):
    """fit(x, y) trains and gives what predicts rows."""
    x, y = rows(0, ROWS - TEST)
    began = time.perf_counter()
    predict = fit(x, y)
    core, peak = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began, used = time.perf_counter(), time.process_time()
    if a.out:
        x, y = rows(ROWS - TEST, TEST)
        np.save(a.out, np.column_stack([np.arange(TEST), y, predict(x)]).astype(np.float64))
    apart = {"name": "prediction", "wall": time.perf_counter() - began, "cpu": time.process_time() - used}
    text = json.dumps({"core": core, "peak": peak, "apart": [apart]})
    if a.account:
        with open(a.account, "w") as f:
            f.write(text)
    else:
        print(text)
