#!/usr/bin/env python3
"""Writes onehot.json: columns, and the members that scikit-learn's OneHotEncoder makes of them.

A Go test encodes the same by feature.encode, so the file is stored and Python is not needed to test. Make it again with
`/usr/bin/python3 testing/peers/onehot.py`. Every case has "options" of feature.encode, the values to learn from, "train", those to
encode, "test", null among them, and a row of 0 and 1 for each of these.
"""
import json
import os

import numpy as np
import sklearn
from sklearn.preprocessing import OneHotEncoder

# How often each value comes: no two alike, as scikit-learn keeps the last of equally frequent values, Headrace the first.
TIMES = {"b": 31, "": 2, "a": 17, "Zürich": 12, "aa": 5, "B": 23, "null": 9}


def array(values):
    return np.array([[v] for v in values], dtype=object)


def case(options, train, **theirs):
    test = sorted(set(train), key=str) + ["never", "A"]
    rows = OneHotEncoder(sparse_output=False, **theirs).fit(array(train)).transform(array(test))
    return {"options": options, "train": train, "test": test, "want": [[int(x) for x in r] for r in rows]}


def main():
    train = [v for v, n in TIMES.items() for _ in range(n)]
    cases = [
        case("", train, handle_unknown="ignore"),
        case("nulls: own", train + [None] * 4, handle_unknown="ignore"),
        case("unknown: code, min_count: 9", train, handle_unknown="infrequent_if_exist", min_frequency=9),
        # its most categories include the one of all others
        case("unknown: code, max_categories: 3", train, handle_unknown="infrequent_if_exist", max_categories=4),
        case("unknown: code, max_categories: 3, min_count: 20", train, handle_unknown="infrequent_if_exist", max_categories=4, min_frequency=20),
    ]
    to = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onehot.json")
    with open(to, "w") as f:
        json.dump({"scikit-learn": sklearn.__version__, "cases": cases}, f, indent=None, separators=(",", ":"), ensure_ascii=False)
        f.write("\n")


if __name__ == "__main__":
    main()
