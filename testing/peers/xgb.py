#!/usr/bin/env python3
"""Trains XGBoost (hist, best leaf first, two threads) on the train part of a table and prints how it does on the rest.

usage: xgb.py TABLE.csv --label late --task binary [--trees 100 --leaves 63 --rate 0.1 --bins 255 …]
The fit's seconds include binning. OMP_NUM_THREADS sets another number of threads.
"""
import peer  # first: it sets the number of threads

import numpy as np
import xgboost as xgb


def main():
    a = peer.flags(__doc__)
    table = peer.Table(a)
    native = a.categories == "native" and bool(table.text)

    def matrix(part):
        x = table.x[part]
        kinds = ["c" if native and c in table.text else "q" for c in table.features]
        data = xgb.DMatrix(x.to_numpy(), label=table.y[part], weight=table.w[part], feature_names=table.features,
                           feature_types=kinds, enable_categorical=native, nthread=peer.THREADS)
        if a.group:
            data.set_group(np.unique(table.g[part], return_counts=True)[1])
        return data

    def fit():
        objective, metric = {"binary": ("binary:logistic", "logloss"), "multiclass": ("multi:softprob", "mlogloss"),
                             "regression": ("reg:squarederror", "rmse"), "ranking": ("rank:ndcg", "ndcg@10")}[a.task]
        params = {"objective": objective, "eval_metric": metric, "tree_method": "hist",
                  "grow_policy": "lossguide", "max_depth": 0, "max_leaves": a.leaves, "max_bin": a.bins,
                  "eta": a.rate, "lambda": a.l2, "nthread": peer.THREADS, "seed": a.seed}
        if a.task == "ranking":
            params["num_pairsample"] = 10  # of each row; as it comes 1, which does worse
        if a.task == "multiclass":
            params["num_class"] = len(table.classes)
        more = {"evals": [(matrix("valid"), "valid")], "early_stopping_rounds": a.early, "verbose_eval": False} if a.early else {}
        model = xgb.train(params, matrix("train"), num_boost_round=a.trees, **more)
        return model, (model.best_iteration + 1 if a.early else a.trees)

    def predict(model, part):
        return model.predict(matrix(part), iteration_range=(0, model.best_iteration + 1) if a.early else (0, 0))

    peer.report("xgboost", xgb.__version__, a, table, fit, predict)


if __name__ == "__main__":
    main()
