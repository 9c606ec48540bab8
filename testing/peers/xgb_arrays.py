#!/usr/bin/env python3
"""Trains XGBoost (hist, best leaf first) on the arrays of a folder. arrays.py says what it takes and gives."""
import arrays  # first: it sets the number of threads

import xgboost as xgb


def fit(x, y):
    a = arrays.a
    kinds = ["c" if c else "q" for c in arrays.CATEGORIES]
    # A QuantileDMatrix takes two thirds of the memory (386 MiB for 581 of dense, 344 for 472 of flights) and as long, or a tenth longer.
    matrix = xgb.DMatrix(x, label=y, feature_types=kinds, enable_categorical=a.categories, nthread=a.threads)
    params = {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_depth": 0,
              "max_leaves": a.leaves, "max_bin": 255, "eta": 0.1, "lambda": 1, "nthread": a.threads}
    model = xgb.train(params, matrix, a.trees)
    if a.single:
        model.set_param({"nthread": 1})  # threads are no help to one row

    def by_matrix(test):
        matrix = xgb.DMatrix(test, feature_types=kinds, enable_categorical=a.categories, nthread=a.threads)  # it keeps what was predicted of it
        return lambda: model.predict(matrix)

    return [by_matrix, lambda test: lambda: model.inplace_predict(test)]


arrays.run(fit)
