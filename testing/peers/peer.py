"""What the peers' scripts share: flags, the table, the metrics, the result on standard output.

A table is a CSV as `headrace run DAG --to STEP -o FILE` writes it: features, the label, _part (train, valid, test) and
_row, which is no feature. So a peer learns from the same rows and the same features, and is judged on the same test rows.
"""
import argparse
import json
import os
import time

# Set before NumPy loads its OpenMP, which reads it once.
THREADS = int(os.environ.setdefault("OMP_NUM_THREADS", "2"))

import numpy as np
import pandas as pd
from sklearn import metrics

OWN = ["_part", "_row"]


def flags(doc):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("csv")
    p.add_argument("--label", required=True)
    p.add_argument("--task", choices=["binary", "multiclass", "regression", "ranking"], required=True)
    p.add_argument("--positive", help="the label that counts as 1, when labels are not 0 and 1 or false and true")
    p.add_argument("--trees", type=int, default=100)
    p.add_argument("--leaves", type=int, default=63)
    p.add_argument("--rate", type=float, default=0.1)
    p.add_argument("--bins", type=int, default=255)
    p.add_argument("--l2", type=float, default=1.0, help="penalty on leaf values")
    p.add_argument("--early", type=int, default=0, help="stop after so many rounds without a better valid part; 0: never")
    p.add_argument("--categories", choices=["native", "ordinal"], default="native",
                   help="how columns of text are learnt: as categories, or as numbers, in the order of their values")
    p.add_argument("--categorical", default="", help="further columns, by comma, to treat as columns of text")
    p.add_argument("--group", help="of a ranking: column of whole numbers that are the same in rows of one group, no feature")
    p.add_argument("--weight", help="column of row weights, no feature")
    p.add_argument("--drop", default="", help="columns, by comma, to leave out")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


class Table:
    """The parts of a CSV: x, y, w are dicts by part; text columns are codes, learnt from train, missing elsewhere -> NaN."""

    def __init__(self, a):
        began = time.perf_counter()
        listed = [c for c in a.categorical.split(",") if c]
        # A class is read as it is written: pandas would make true a bool, and "01" a number.
        written = listed + ([a.label] if a.task in ("binary", "multiclass") else [])
        frame = pd.read_csv(a.csv, dtype={c: str for c in written}, keep_default_na=False, na_values=[""])
        own = [a.label] + [c for c in (a.weight, a.group) if c]
        for c in ["_part"] + own:
            if c not in frame:
                raise SystemExit(f"{a.csv}: no column {c}; columns are {', '.join(frame.columns)}")
        out = OWN + own + [c for c in a.drop.split(",") if c]
        self.features = [c for c in frame.columns if c not in out]
        self.text = [c for c in self.features if frame[c].dtype == object]
        train = frame["_part"] == "train"
        self.levels = {}
        for c in self.text:
            values = sorted(frame.loc[train, c].dropna().unique())
            codes = pd.Categorical(frame[c], categories=values).codes.astype(np.float64)
            frame[c] = np.where(codes < 0, np.nan, codes)
            self.levels[c] = len(values)
        y = frame[a.label]
        if a.task == "binary":
            y = (y == a.positive).astype(float) if a.positive is not None else y.map({"true": 1, "false": 0, "1": 1, "0": 0})
            if y.isna().any() or y.nunique() != 2:
                raise SystemExit(f"{a.label} is not 0 and 1, nor false and true, both of them: say --positive")
        self.classes = sorted(y[train].unique()) if a.task == "multiclass" else []
        if a.task == "multiclass":
            y = y.map({c: i for i, c in enumerate(self.classes)})
            if y.isna().any():
                raise SystemExit(f"{a.label} has classes that train does not have")
        y = y.to_numpy(np.float64)
        if a.group:  # XGBoost wants the rows of a group together
            frame = frame.sort_values(a.group, kind="stable")
            y = y[frame.index]
        parts = frame["_part"].to_numpy()
        x = frame[self.features].astype(np.float64)
        self.x, self.y, self.w, self.g = {}, {}, {}, {}
        for part in ["train", "valid", "test"]:
            here = parts == part
            if here.any():
                self.x[part], self.y[part] = x[here], y[here]
                self.w[part] = frame.loc[here, a.weight].to_numpy(np.float64) if a.weight else None
                self.g[part] = frame.loc[here, a.group].to_numpy() if a.group else None
        for part in ["train", "test"] + (["valid"] if a.early else []):
            if part not in self.x:
                raise SystemExit(f"{a.csv}: no rows of part {part}")
        self.read_seconds = time.perf_counter() - began


def loss(task, y, p, w, g=None):
    """What --early watches: log loss, the root of the mean square, or what is missing to an ndcg of 1."""
    if task == "ranking":
        return 1 - ndcg(y, p, g)
    if task == "regression":
        return float(np.sqrt(metrics.mean_squared_error(y, p, sample_weight=w)))
    return float(metrics.log_loss(y, p, sample_weight=w, labels=labels(p)))


def labels(p):
    """Those that columns of probabilities are of; None where there is one column."""
    return range(p.shape[1]) if p.ndim == 2 else None


def ndcg(y, p, g, places=10):
    """The mean over the groups that have a row worth something."""
    found = []
    for at in np.split(np.arange(len(y)), np.flatnonzero(np.diff(g)) + 1):
        gain = 2 ** y[at] - 1
        if gain.max() > 0:
            found.append(metrics.ndcg_score([gain], [p[at]], k=places) if len(at) > 1 else 1.0)
    return float(np.mean(found))


def judge(task, y, p, w, g=None):
    m = {"sample_weight": w}
    if task == "ranking":
        return {"ndcg_10": ndcg(y, p, g)}
    if task == "regression":
        return {"rmse": float(np.sqrt(metrics.mean_squared_error(y, p, **m))),
                "mae": float(metrics.mean_absolute_error(y, p, **m)), "r2": float(metrics.r2_score(y, p, **m))}
    if task == "multiclass":
        best = p.argmax(axis=1)
        return {"accuracy": float(metrics.accuracy_score(y, best, **m)), "log_loss": loss(task, y, p, w),
                "macro_f1": float(metrics.f1_score(y, best, average="macro", **m))}
    return {"auc": float(metrics.roc_auc_score(y, p, **m)),
            "average_precision": float(metrics.average_precision_score(y, p, **m)),
            "log_loss": float(metrics.log_loss(y, p, **m)), "brier": float(metrics.brier_score_loss(y, p, **m)),
            "accuracy": float(metrics.accuracy_score(y, p >= 0.5, **m))}


def report(peer, version, a, table, fit, predict):
    """fit() -> (model, trees used); predict(model, part) -> predictions. Times them and prints one line of JSON."""
    t0 = time.perf_counter()
    model, trees = fit()
    t1 = time.perf_counter()
    pred = {part: predict(model, part) for part in table.x if part != "train"}
    t2 = time.perf_counter()
    print(json.dumps({
        "peer": peer, "version": version, "csv": os.path.basename(a.csv), "task": a.task, "threads": THREADS,
        "options": {k: getattr(a, k) for k in ["trees", "leaves", "rate", "bins", "l2", "early", "categories", "seed"]},
        "rows": {part: len(y) for part, y in table.y.items()}, "features": len(table.features), "levels": table.levels,
        "trees": trees,
        **{part: judge(a.task, table.y[part], p, table.w[part], table.g[part]) for part, p in pred.items()},
        "seconds": {"read": round(table.read_seconds, 3), "fit": round(t1 - t0, 3), "predict": round(t2 - t1, 3)},
    }))
