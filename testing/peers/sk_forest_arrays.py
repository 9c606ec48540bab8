#!/usr/bin/env python3
"""Trains scikit-learn's forests on the arrays of a folder. arrays.py says what it takes and gives."""
import arrays  # first: it sets the number of threads

from sklearn.ensemble import ExtraTreesClassifier, IsolationForest, RandomForestClassifier, RandomForestRegressor


def fit(x, y):
    a = arrays.a
    some = {"n_estimators": a.trees, "n_jobs": a.threads, "random_state": 1}
    if a.learner == "isolation":
        model = IsolationForest(max_samples=256, **some)
        model.fit(x)
        return [lambda test: lambda: -model.score_samples(test)]
    if a.learner == "numbers":  # a third of the columns, as ours has it; scikit-learn's default is all
        model = RandomForestRegressor(max_features=1 / 3, min_samples_leaf=a.rows, **some)
    elif a.learner == "extra":
        model = ExtraTreesClassifier(max_features="sqrt", min_samples_leaf=a.rows, **some)
    else:
        model = RandomForestClassifier(max_features="sqrt", min_samples_leaf=a.rows, **some)
    model.fit(x, y)
    if a.learner in ("numbers", "multiclass"):
        return [lambda test: lambda: model.predict(test)]
    return [lambda test: lambda: model.predict_proba(test)[:, 1]]


arrays.run(fit)
