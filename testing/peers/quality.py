#!/usr/bin/env python3
"""Writes quality.json: how XGBoost and scikit-learn do on the tables that testing/quality holds Headrace to.

Make it again with `make build peers && HEADRACE_DATA=… /usr/bin/python3 testing/peers/quality.py`. For each DAG file, Headrace writes the table that its
train.gbdt learns from, so that a peer has the same rows, parts and features, and xgb.py and sk.py learn from it with the same trees,
leaves, rate and rule of stopping early: columns of text as categories and as numbers, each with its own defaults otherwise. Each case has the rows
of the parts and what each peer scores on the rows to test; with seeds, the mean over so many splits, and the rows of the first."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HEADRACE = os.environ.get("HEADRACE", os.path.join(ROOT, "bin", "headrace"))
DATA = os.environ.get("HEADRACE_DATA", os.path.join(ROOT, "data"))

CASES = [
    {"name": "adult", "dag": "examples/adult/income.yaml", "table": "features", "task": "binary", "label": "income", "positive": ">50K",
     "trees": 300, "leaves": 31, "early": 30},
    {"name": "california", "dag": "examples/california/house_value.yaml", "table": "split", "task": "regression", "label": "value",
     "trees": 100, "leaves": 63, "early": 50},
    {"name": "credit default", "dag": "testing/quality/credit_default.yaml", "set": {"path": "credit_default/credit.parquet"}, "table": "features",
     "task": "binary", "label": "default.payment.next.month", "trees": 300, "leaves": 31, "early": 30},
    {"name": "covertype", "dag": "testing/quality/covertype.yaml", "set": {"path": "covtype15k/covtype.parquet"}, "table": "split",
     "task": "multiclass", "label": "Cover_Type", "trees": 300, "leaves": 31, "early": 30, "seeds": 3},
    {"name": "adult, weights over 10^4", "dag": "testing/quality/weights.yaml", "table": "features", "task": "binary", "label": "income",
     "positive": ">50K", "weight": "weight", "trees": 300, "leaves": 31, "early": 30},
    {"name": "california, incomes hidden", "dag": "testing/quality/missing.yaml", "table": "features", "task": "regression", "label": "value",
     "trees": 200, "leaves": 31, "early": 30},
    {"name": "flights, latest of a day", "dag": "examples/flights/latest_flights.yaml", "table": "split", "task": "ranking", "label": "late", "group": "day",
     "trees": 300, "leaves": 31, "early": 30},
]


def output(args):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True).stdout


def case(c, folder):
    seeds = range(c.get("seeds", 1))
    runs = [one(c, folder, ["--set", f"seed={seed}"] if "seeds" in c else []) for seed in seeds]
    peers = {}
    for peer, first in runs[0][1].items():
        peers[peer] = {k: sum(run[1][peer][k] for run in runs) / len(runs) for k in first} if "seeds" in c else first
    told = {"name": c["name"], "dag": c["dag"], "set": c.get("set", {}), "task": c["task"], "rows": runs[0][0]["rows"]}
    if "seeds" in c:
        told["seeds"] = c["seeds"]
    told["options"] = {k: runs[0][0]["options"][k] for k in ("trees", "leaves", "rate", "bins", "l2", "early")}
    return {**told, "peers": peers}


def one(c, folder, seed):
    """What the last peer tells of a split, and each peer's trees and metrics."""
    table = os.path.join(folder, "table.csv")
    sets = [a for k, v in c.get("set", {}).items() for a in ("--set", f"{k}={os.path.join(DATA, v)}")] + seed
    output([HEADRACE, "run", "-q", "--workspace", folder, os.path.join(ROOT, c["dag"]), "--to", c["table"], "-o", table] + sets)
    args = [table] + [a for k in ("label", "task", "positive", "weight", "group", "trees", "leaves", "early") if k in c for a in (f"--{k}", str(c[k]))]
    peers = {}
    for script in ("xgb.py", "sk.py"):
        for categories in ("native", "ordinal"):
            told = json.loads(output([sys.executable, os.path.join(HERE, script), "--categories", categories] + args))
            if categories == "ordinal" and not told["levels"]:
                continue  # no columns of text: the same again
            peers[f"{told['peer']} {told['version']}, {categories}"] = {"trees": told["trees"], **told["test"]}
    return told, peers


def main():
    with tempfile.TemporaryDirectory() as folder:
        cases = [case(c, folder) for c in CASES]
    with open(os.path.join(HERE, "quality.json"), "w") as f:  # one case a line
        f.write('{"made_by": "testing/peers/quality.py", "cases": [\n' + ",\n".join(json.dumps(c) for c in cases) + "\n]}\n")


main()
