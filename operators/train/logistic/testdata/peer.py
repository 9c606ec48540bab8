#!/usr/bin/env python3
"""Writes peer.json: small classifications, and the coefficients that scikit-learn finds for them.

A Go test compares ours with them, so that the file is stored and Python is not needed to test. Make it again with
`/usr/bin/python3 operators/train/logistic/testdata/peer.py`.
"""
import json
import os

import numpy as np
from sklearn.linear_model import LogisticRegression

r = np.random.default_rng(8)


def case(name, x, y, l2=1.0, w=None):
    m = LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    m.fit(x, y, sample_weight=w)
    return {"name": name, "x": x.T.tolist(), "y": y.tolist(), "w": None if w is None else w.tolist(), "l2": l2,
            "coef": m.coef_[0].tolist(), "intercept": float(m.intercept_[0])}


def multinomial(name, x, y, l2=1.0, w=None):
    m = LogisticRegression(C=1 / l2, solver="newton-cg", multi_class="multinomial", tol=1e-11, max_iter=10000)
    m.fit(x, y, sample_weight=w)
    return {"name": name, "x": x.T.tolist(), "y": y.tolist(), "w": None if w is None else w.tolist(), "l2": l2,
            "coefs": m.coef_.tolist(), "intercepts": m.intercept_.tolist()}


def main():
    n = 80
    x = r.normal(size=(n, 4))
    y = (x @ [1.5, -2.0, 0.0, 0.25] + 0.5 + r.logistic(size=n) > 0).astype(int)
    w = 10 ** r.uniform(-2, 2, n)
    cases = [
        case("plain", x, y),
        case("weak penalty", x, y, l2=1e-3),
        case("strong penalty", x, y, l2=100.0),
        case("weights spanning 1e4", x, y, w=w),
        case("rare", x, (np.arange(n) < 3).astype(int)),
        case("separated", x, (x[:, 0] > 0).astype(int)),
        case("separated, weak penalty", x, (x[:, 0] > 0).astype(int), l2=1e-2),
        case("two equal columns", np.column_stack([x, x[:, 0]]), y),
        case("a constant column", np.column_stack([x, np.full(n, 7.0)]), y),
        case("one column", x[:, :1], y),
    ]
    n = 90
    x = r.normal(size=(n, 3))
    y = np.argmax(x @ r.normal(size=(3, 4)) + r.gumbel(size=(n, 4)), axis=1)
    w = 10 ** r.uniform(-1, 1, n)
    cases += [
        multinomial("four classes", x, y),
        multinomial("four classes, weak penalty", x, y, l2=1e-2),
        multinomial("four classes, strong penalty", x, y, l2=100.0),
        multinomial("four classes, weights", x, y, w=w),
        multinomial("four classes, one of two rows", x, np.where(y == 3, (np.cumsum(y == 3) <= 2) * 3, y)),
        multinomial("four classes, two equal columns", np.column_stack([x, x[:, 0]]), y),
        multinomial("four classes, a constant column", np.column_stack([x, np.full(n, 7.0)]), y),
        multinomial("three classes, separated", x, (x[:, 0] > -0.5).astype(int) + (x[:, 0] > 0.5)),
        multinomial("two classes", x, (y > 1).astype(int)),
    ]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c, allow_nan=False) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()
