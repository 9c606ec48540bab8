#!/usr/bin/env python3
"""Writes peer.json: small regressions, and the coefficients that scikit-learn finds for them.

A Go test compares ours with them, so that the file is stored and Python is not needed to test. Make it again with
`/usr/bin/python3 operators/train/linear/testdata/peer.py`.
"""
import json
import os

import numpy as np
from sklearn.linear_model import LinearRegression, Ridge

r = np.random.default_rng(7)


def case(name, x, y, l2=0.0, w=None):
    m = Ridge(alpha=l2, solver="cholesky") if l2 else LinearRegression()
    m.fit(x, y, sample_weight=w)
    return {"name": name, "x": x.T.tolist(), "y": y.tolist(), "w": None if w is None else w.tolist(), "l2": l2,
            "coef": m.coef_.tolist(), "intercept": float(m.intercept_)}


def main():
    n = 60
    x = r.normal(size=(n, 4))
    y = x @ [1.5, -2.0, 0.0, 0.25] + 3 + 0.3 * r.normal(size=n)
    units = x * [1e-3, 1, 1e3, 1e5] + [0, 10, -50, 1e4]
    w = 10 ** r.uniform(-2, 2, n)
    cases = [
        case("plain", x, y),
        case("weights spanning 1e4", x, y, w=w),
        case("ridge", x, y, l2=10.0),
        case("ridge, weights", x, y, l2=0.5, w=w),
        case("units", units, y),
        case("units, ridge", units, y, l2=2.0),
        case("whole numbers", np.round(3 * x), np.round(y)),
        case("one column", x[:, :1], y),
        case("exact", x, x @ [1.0, 2.0, 3.0, 4.0] - 5),
        case("correlated", x @ (np.eye(4) + 20), y),
    ]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "peer.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(c, allow_nan=False) for c in cases) + "\n]\n")


if __name__ == "__main__":
    main()
