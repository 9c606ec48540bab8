#!/usr/bin/env python3
"""Trains scikit-learn's HistGradientBoosting on the arrays of a folder. arrays.py says what it takes and gives."""
import arrays  # first: it sets the number of threads

from sklearn.ensemble import HistGradientBoostingClassifier


def fit(x, y):
    a = arrays.a
    model = HistGradientBoostingClassifier(max_iter=a.trees, max_leaf_nodes=a.leaves, learning_rate=0.1, max_bins=255, l2_regularization=1,
                                           min_samples_leaf=20, early_stopping=False, categorical_features=arrays.CATEGORIES if a.categories else None)
    model.fit(x, y)
    return [lambda test: lambda: model.predict_proba(test)[:, 1]]


arrays.run(fit)
