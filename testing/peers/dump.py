"""Reads the trees of XGBoost's dumps."""
import json


def tree(text):
    """The nodes of a tree as lists, a list a property: see shap.py."""
    nodes = {}

    def visit(n):
        if "leaf" in n:
            nodes[n["nodeid"]] = [-1, 0, 0, 0, 0, n["leaf"], n["cover"]]
            return
        nodes[n["nodeid"]] = [int(n["split"][1:]), n["split_condition"], n["yes"], n["no"], n["missing"], 0, n["cover"]]
        for c in n["children"]:
            visit(c)

    visit(json.loads(text))
    at = {k: i for i, k in enumerate(sorted(nodes))}
    rows = [nodes[k] for k in sorted(nodes)]
    for r in rows:
        if r[0] >= 0:
            r[2:5] = [at[c] for c in r[2:5]]
    return {k: [r[i] for r in rows] for i, k in enumerate(["feature", "threshold", "left", "right", "missing", "value", "cover"])}
