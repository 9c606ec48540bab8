"""Writes prune.json: how many leaves scikit-learn's DecisionTreeClassifier keeps by ccp_alpha.

"x" has a list a column and "y" the classes; "want" has, by criterion, pairs of an alpha and the leaves that are left. Alphas lie between two at
which a split goes, by their geometric mean, so that no rounding has a say.
"""
import json
import os

import numpy as np
from sklearn.tree import DecisionTreeClassifier


def main():
    r = np.random.default_rng(5)
    x = np.round(r.normal(size=(200, 3)), 2)
    y = np.clip(np.floor(x[:, 0] + x[:, 1] * x[:, 2] + r.normal(size=200) / 2), -1, 1).astype(int) + 1
    want = {}
    for criterion in ("gini", "entropy"):
        tree = lambda alpha: DecisionTreeClassifier(criterion=criterion, min_samples_leaf=8, ccp_alpha=alpha, random_state=0).fit(x, y)
        at = tree(0).cost_complexity_pruning_path(x, y).ccp_alphas
        at = at[at > 1e-9]
        alphas = [float(np.sqrt(a * b)) for a, b in zip(at, at[1:]) if b > 1.05 * a]
        want[criterion] = [[a, int(tree(a).get_n_leaves())] for a in alphas]
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prune.json")
    with open(path, "w") as f:
        json.dump({"x": x.T.tolist(), "y": y.tolist(), "want": want}, f)
        f.write("\n")
    print(f"{path}: {sum(map(len, want.values()))} trees")


if __name__ == "__main__":
    main()
