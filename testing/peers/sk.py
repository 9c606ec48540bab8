#!/usr/bin/env python3
"""Trains scikit-learn's HistGradientBoosting (two threads) on the train part of a table and prints how it does on the rest.

usage: sk.py TABLE.csv --label late --task binary [--trees 100 --leaves 63 --rate 0.1 --bins 255 …]
The fit's seconds include binning. OMP_NUM_THREADS sets another number of threads. It cannot stop early on rows that it is
given, so --early looks at the valid part after the fit and keeps the trees up to the best: the whole fit is timed. It has nothing of
rankings: there it estimates the label, whose order is judged.
"""
import itertools

import peer  # before the others: it sets the number of threads

import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


def staged(a, model, x):
    if a.task == "binary":
        return (p[:, 1] for p in model.staged_predict_proba(x))
    if a.task == "multiclass":
        return model.staged_predict_proba(x)
    return model.staged_predict(x)


def main():
    a = peer.flags(__doc__)
    table = peer.Table(a)
    # Its categories are at most as many as its bins; wider columns are learnt as numbers.
    native = [c for c in table.text if a.categories == "native" and table.levels[c] <= min(a.bins, 255)]

    def fit():
        make = HistGradientBoostingRegressor if a.task in ("regression", "ranking") else HistGradientBoostingClassifier
        model = make(max_iter=a.trees, max_leaf_nodes=a.leaves, learning_rate=a.rate, max_bins=min(a.bins, 255),
                     l2_regularization=a.l2, min_samples_leaf=20, early_stopping=False, random_state=a.seed,
                     categorical_features=[c in native for c in table.features] if native else None)
        model.fit(table.x["train"].to_numpy(), table.y["train"], sample_weight=table.w["train"])
        if not a.early:
            return (model, a.trees), a.trees
        losses = [peer.loss(a.task, table.y["valid"], p, table.w["valid"], table.g["valid"]) for p in staged(a, model, table.x["valid"].to_numpy())]
        best, stale = 0, 0
        for i, l in enumerate(losses):  # as if it had stopped: a later, better round does not count
            best, stale = (i, 0) if i == 0 or l < losses[best] else (best, stale + 1)
            if stale >= a.early:
                break
        return (model, best + 1), best + 1

    def predict(fitted, part):
        (model, trees), x = fitted, table.x[part].to_numpy()
        if trees == a.trees:
            if a.task in ("regression", "ranking"):
                return model.predict(x)
            return model.predict_proba(x)[:, 1] if a.task == "binary" else model.predict_proba(x)
        return next(itertools.islice(staged(a, model, x), trees - 1, None))

    peer.report("scikit-learn HistGradientBoosting", sklearn.__version__, a, table, fit, predict)


if __name__ == "__main__":
    main()
