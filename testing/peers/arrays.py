"""What the peers' scripts on arrays share: flags, reading the folder that testing/bench/train makes, the account of the work.

usage: SCRIPT --leaves 31 --trees 100 --threads 2 [--train N] [--predict N | --single N] [--out P.npy] [--account FILE.json] FOLDER
The account is JSON: "core" is the seconds of binning and training, "peak" the MiB resident at most by the end of it, "apart" what is no part of the
work, which is predicting the rows to test. With --predict the work is predicting them so many times, with --single predicting so many
of them one at a time; all else is apart then, and no peak is told. The account goes to standard output where no file is named; P.npy has a row for
each row to test: its number, label and prediction.
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
flags.add_argument("--train", type=int, default=0, help="how many of the rows to train on; 0: all")
flags.add_argument("--predict", type=int, default=0, help="time predicting the rows to test, so many times")
flags.add_argument("--single", type=int, default=0, help="time predicting so many of them one at a time")
flags.add_argument("--learner", default="", help="of sk_forest_arrays.py: forest, extra, numbers, multiclass or isolation")
flags.add_argument("--rows", type=int, default=1, help="of a forest, rows per leaf at least")
flags.add_argument("--target", default="", help="the column that is learnt, and is no feature; if not given, the label")
flags.add_argument("--categories", action="store_true", help="columns of codes are categories, not numbers")
flags.add_argument("--out")
flags.add_argument("--account")
a = flags.parse_args()
os.environ["OMP_NUM_THREADS"] = str(a.threads)  # before NumPy loads its OpenMP, which reads it once

import numpy as np

with open(os.path.join(a.folder, "meta.json")) as f:
    meta = json.load(f)
NAMES, ROWS, TEST = meta["Names"], meta["Rows"], meta["Test"]
FEATURES = [j for j, name in enumerate(NAMES) if name != a.target]
CATEGORIES = [a.categories and n > 0 for n in meta["Levels"]]


def rows(start, n):
    """n rows as an array of rows, which is what the peers take, and their labels."""
    x = np.empty((n, len(FEATURES)), np.float32)
    path = os.path.join(a.folder, "x.f32")
    for to, j in enumerate(FEATURES):
        x[:, to] = np.fromfile(path, np.float32, n, offset=4 * (j * ROWS + start))
    if a.target:
        return x, np.fromfile(path, np.float32, n, offset=4 * (NAMES.index(a.target) * ROWS + start)).astype(np.float64)
    return x, np.fromfile(os.path.join(a.folder, "y.f64"), np.float64, n, offset=8 * start)


def run(fit):
    """fit(x, y) trains and gives the ways of predicting: each takes rows, makes them ready, and gives what predicts them when it is called. The
    last way is that of single rows."""
    all = clock()
    x, y = rows(0, min(a.train or ROWS, ROWS - TEST))
    core = clock()
    ways = fit(x, y)
    core, peak = core()[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    del x, y
    if not a.predict and not a.single:
        end = clock()
        predict(ways[0])
        tell({"core": core, "peak": peak, "apart": [phase("prediction", end())]})
        return
    test, _ = rows(ROWS - TEST, TEST)
    if a.single:
        took = timed(ways[-1], [test[i : i + 1] for i in range(a.single)])
    else:
        took = min(timed(way, [test] * a.predict) for way in ways)
    predict(ways[0])
    wall, cpu = all()
    tell({"core": took[0], "apart": [phase("making ready", (wall - took[0], cpu - took[1]))]})


def timed(way, some):
    """The seconds, of wall and processor time, that a way takes to predict rows that are ready, some after others. What comes first warms up."""
    way(some[0])()
    wall = cpu = 0.0
    for x in some:
        predict = way(x)
        end = clock()
        predict()
        took = end()
        wall, cpu = wall + took[0], cpu + took[1]
    return wall, cpu


def clock():
    """What it gives tells the seconds since, of wall and of processor time."""
    began, used = time.perf_counter(), time.process_time()
    return lambda: (time.perf_counter() - began, time.process_time() - used)


def phase(name, took):
    return {"name": name, "wall": took[0], "cpu": took[1]}


def predict(way):
    if a.out:
        x, y = rows(ROWS - TEST, TEST)
        np.save(a.out, np.column_stack([np.arange(TEST), y, way(x)()]).astype(np.float64))


def tell(account):
    text = json.dumps(account)
    if a.account:
        with open(a.account, "w") as f:
            f.write(text)
    else:
        print(text)
