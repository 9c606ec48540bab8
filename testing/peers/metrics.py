#!/usr/bin/env python3
"""Writes metrics.json: small inputs, and the metrics that scikit-learn finds for them.

A Go test reads inputs and expected values and compares to 1e-12, so the file is stored and Python is not needed to test.
Make it again with `/usr/bin/python3 testing/peers/metrics.py`; the seeds are fixed, so only another scikit-learn changes it.

Every case has "name", "kind" (binary, multiclass, regression or ranking), "y", an optional "weight", and "want", whose keys are Headrace's:
  binary      "p" is the probability of 1, "threshold" the least p that predicts 1;
              "confusion" is [tn, fp, fn, tp], sums of weights; log_loss clips p to [eps, 1-eps], eps being 2**-52;
              auc and average_precision take equal p as one step, whatever the order of the rows
  multiclass  "ps" has a list a row, of the probabilities of classes 0, 1, ...; the greatest, of equal ones the first, is predicted;
              "y" may have classes beyond those of "ps": their probability is 0. auc is the mean over the classes of "y", each against all
              others, auc_weighted that mean by their weights; "classes" has [precision, recall, f1, auc] of each class of "y" or predicted
  regression  "pred" is the prediction; of a "quantile" there are pinball_loss and coverage, of "deviances" their means, Tweedie's of "power"
  regression  "pred" is the prediction
  ranking     "group" is the number of each row's group, "score" what its rows are in the order of, "at" how many places count, "gain" what a label is worth
              (exponential is 2**y - 1), "relevant" the least label of a row that is to be found. Each metric is a mean over the groups where it is defined, by
              the mean weight of their rows; rows of weight 0 are in none. ndcg is scikit-learn's, the others the mean over all orders of equal scores
A null in "want" says that the metric is not defined there (one class only, no spread of y).
"""
import itertools
import json
import os

import numpy as np
import sklearn
from sklearn import metrics as m

EPS = float(np.finfo(np.float64).eps)


def number(x):
    """x as JSON: repr keeps every bit of a float64."""
    x = float(x)
    return x if np.isfinite(x) else None


def binary(name, y, p, weight=None, threshold=0.5):
    y, p = np.asarray(y, np.int64), np.asarray(p, np.float64)
    pred = (p >= threshold).astype(np.int64)
    both = len(np.unique(y)) == 2
    w = {"sample_weight": weight}
    confusion = m.confusion_matrix(y, pred, labels=[0, 1], **w).ravel()
    want = {
        "auc": m.roc_auc_score(y, p, **w) if both else None,
        "average_precision": m.average_precision_score(y, p, **w) if y.any() else None,
        "log_loss": m.log_loss(y, np.clip(p, EPS, 1 - EPS), labels=[0, 1], eps=EPS, **w),
        "brier": m.brier_score_loss(y, p, pos_label=1, **w),
        "accuracy": m.accuracy_score(y, pred, **w),
        "precision": m.precision_score(y, pred, zero_division=0, **w),
        "recall": m.recall_score(y, pred, zero_division=0, **w),
        "f1": m.f1_score(y, pred, zero_division=0, **w),
    }
    case = {"name": name, "kind": "binary", "threshold": threshold, "y": y.tolist(), "p": p.tolist()}
    if weight is not None:
        case["weight"] = np.asarray(weight, np.float64).tolist()
    case["want"] = {k: None if v is None else number(v) for k, v in want.items()}
    case["want"]["confusion"] = [number(c) for c in confusion]
    return case


def multiclass(name, y, p, weight=None):
    y, p = np.asarray(y, np.int64), np.asarray(p, np.float64)
    pred = p.argmax(axis=1)
    w = {"sample_weight": weight}
    seen = np.unique(np.concatenate([y, pred]))
    full = np.zeros((len(y), max(p.shape[1], y.max() + 1)))
    full[:, : p.shape[1]] = p
    of = np.clip(full[np.arange(len(y)), y], EPS, 1 - EPS)
    # roc_auc_score(multi_class="ovr") wants every column in y; this is what it does for each
    auc = {c: m.roc_auc_score(y == c, full[:, c], **w) for c in np.unique(y) if len(np.unique(y)) > 1}
    mass = {c: np.sum((y == c) * (1 if weight is None else weight)) for c in auc}
    if p.shape[1] == len(np.unique(y)) > 2 and y.max() < p.shape[1]:
        for average, mine in (("macro", np.mean(list(auc.values()))), ("weighted", np.average(list(auc.values()), weights=list(mass.values())))):
            assert abs(m.roc_auc_score(y, p, multi_class="ovr", average=average, **w) - mine) < 1e-13
    if p.shape[1] == len(np.unique(y)) > 1 and y.max() < p.shape[1]:
        assert abs(m.log_loss(y, p, eps=EPS, **w) - np.average(-np.log(of), weights=weight)) < 1e-12
    prf = m.precision_recall_fscore_support(y, pred, labels=seen, zero_division=0, **w)
    want = {
        "accuracy": m.accuracy_score(y, pred, **w),
        "log_loss": np.average(-np.log(of), weights=weight),
        "macro_f1": m.f1_score(y, pred, average="macro", zero_division=0, **w),
        "balanced_accuracy": m.balanced_accuracy_score(y, pred, **w),
        "auc": np.mean(list(auc.values())) if auc else None,
        "auc_weighted": np.average(list(auc.values()), weights=list(mass.values())) if auc else None,
        "unknown": np.sum(y >= p.shape[1]),
    }
    case = {"name": name, "kind": "multiclass", "y": y.tolist(), "ps": p.tolist()}
    if weight is not None:
        case["weight"] = np.asarray(weight, np.float64).tolist()
    case["want"] = {k: None if v is None else number(v) for k, v in want.items()}
    case["want"]["confusion"] = m.confusion_matrix(y, pred, labels=seen).tolist()
    case["want"]["classes"] = {str(c): [number(prf[0][i]), number(prf[1][i]), number(prf[2][i]), number(auc.get(c, np.nan))] for i, c in enumerate(seen)}
    return case


def regression(name, y, pred, weight=None, quantile=None, deviances=(), power=None):
    y, pred = np.asarray(y, np.float64), np.asarray(pred, np.float64)
    w = {"sample_weight": weight}
    want = {
        "rmse": np.sqrt(m.mean_squared_error(y, pred, **w)),
        "mae": m.mean_absolute_error(y, pred, **w),
        "r2": m.r2_score(y, pred, **w) if len(np.unique(y)) > 1 else None,
    }
    case = {"name": name, "kind": "regression", "y": y.tolist(), "pred": pred.tolist()}
    if quantile is not None:
        case["quantile"] = quantile
        want["pinball_loss"] = m.mean_pinball_loss(y, pred, alpha=quantile, **w)
        want["coverage"] = np.average(y <= pred, weights=weight)
    if deviances:
        case["deviances"] = list(deviances)
    if power is not None:
        case["power"] = power
    for name in deviances:
        want[f"mean_{name}_deviance"] = m.mean_tweedie_deviance(y, pred, power={"poisson": 1, "gamma": 2, "tweedie": power}[name], **w)
    if weight is not None:
        case["weight"] = np.asarray(weight, np.float64).tolist()
    case["want"] = {k: None if v is None else number(v) for k, v in want.items()}
    return case


def orders(score):
    """All orders of the rows in which no score stands before a greater one."""
    blocks = [np.flatnonzero(score == s) for s in sorted(set(score), reverse=True)]
    for order in itertools.product(*(itertools.permutations(b) for b in blocks)):
        yield np.concatenate(order).astype(np.int64)


def ranking(name, group, y, score, weight=None, at=(1, 3, 10), gain="exponential", relevant=1):
    group, y, score = np.asarray(group, np.int64), np.asarray(y, np.float64), np.asarray(score, np.float64)
    w = np.ones(len(y)) if weight is None else np.asarray(weight, np.float64)
    found, weights = {}, {}

    def add(metric, value, weight):
        found.setdefault(metric, []).append(value)
        weights.setdefault(metric, []).append(weight)

    groups, with_relevant = 0, 0
    for g in np.unique(group[w > 0]):
        here = (group == g) & (w > 0)
        labels, scores, of = y[here], score[here], np.mean(w[here])
        groups += 1
        gains = 2**labels - 1 if gain == "exponential" else labels
        hits = (labels >= relevant).astype(np.float64)
        for k in at:
            if gains.max() > 0:
                add(f"ndcg_{k}", m.ndcg_score([gains], [scores], k=k) if len(gains) > 1 else 1.0, of)
        if not hits.any():
            continue
        with_relevant += 1
        every = [hits[o] for o in orders(scores)]
        add("mrr", np.mean([1 / (1 + np.argmax(h)) for h in every]), of)
        for k in at:
            places = np.arange(1, len(hits) + 1)
            precisions = [np.sum((h * np.cumsum(h) / places)[:k]) for h in every]
            add(f"map_{k}", np.mean(precisions) / min(k, hits.sum()), of)
            add(f"precision_{k}", np.mean([h[:k].sum() for h in every]) / k, of)
    names = [f"{n}_{k}" for n in ("ndcg", "map", "precision") for k in at] + ["mrr"]
    want = {n: number(np.average(found[n], weights=weights[n])) if n in found else None for n in names}
    want.update(groups=groups, groups_relevant=with_relevant)
    case = {"name": name, "kind": "ranking", "at": list(at), "gain": gain, "relevant": relevant, "group": group.tolist(), "y": y.tolist(), "score": score.tolist()}
    if weight is not None:
        case["weight"] = w.tolist()
    case["want"] = want
    return case


def cases():
    r = np.random.default_rng(20240501)

    def labelled(n, rate, strength):
        y = (r.random(n) < rate).astype(np.int64)
        return y, 1 / (1 + np.exp(-(strength * (y - rate) + r.normal(size=n))))

    y, p = labelled(300, 0.4, 1.5)
    yield binary("plain", y, p)
    yield binary("weights spanning 1e4", y, p, 10 ** r.uniform(-2, 2, len(y)))
    yield binary("whole weights, some zero", y, p, r.integers(0, 4, len(y)).astype(float))
    yield binary("threshold 0.3", y, p, threshold=0.3)

    y, p = labelled(500, 0.3, 1.0)
    five = np.round(p * 4) / 4
    yield binary("heavy ties: five values", y, five)
    yield binary("heavy ties, weights", y, five, r.exponential(size=len(y)))
    yield binary("a threshold that is a value", y, five, threshold=0.75)
    yield binary("all p equal", y, np.full(len(y), 0.25))

    y, p = labelled(400, 0.02, 3.0)
    y[:2] = 0, 1  # both classes, however the draw fell
    yield binary("rare class", y, p)
    yield binary("rare class, weights", y, p, np.where(y == 1, 25.0, 1.0))

    y = np.array([0, 0, 1, 1, 0, 1])
    yield binary("perfect", y, np.where(y == 1, 0.9, 0.1))
    yield binary("upside down", y, np.where(y == 1, 0.1, 0.9))
    yield binary("p of exactly 0 and 1, right and wrong", y, [0, 1, 1, 0, 0.5, 1])
    yield binary("nearly 0 and 1", y, [1e-300, 1e-17, 1 - 2**-53, 1 - 2**-52, 2**-52, 1 - 1e-9])
    yield binary("two rows", [0, 1], [0.3, 0.3])
    yield binary("one class: only 1", [1, 1, 1], [0.2, 0.7, 0.9])
    yield binary("one class: only 0", [0, 0, 0], [0.2, 0.7, 0.4])
    yield binary("nothing predicted 1", [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])
    yield binary("a tie spans both classes at the top", [1, 0, 1, 0, 1, 0, 0], [0.8, 0.8, 0.8, 0.5, 0.5, 0.5, 0.1])

    y = r.normal(size=200)
    yield regression("plain", y, y + 0.3 * r.normal(size=200))
    yield regression("weights spanning 1e4", y, 0.5 * y + r.normal(size=200), 10 ** r.uniform(-2, 2, 200))
    yield regression("whole weights, some zero", y, 0.9 * y, r.integers(0, 4, 200).astype(float))
    yield regression("far from zero", 1e6 + y, 1e6 + y + 0.01 * r.normal(size=200))
    yield regression("many scales", np.exp(5 * y), np.exp(5 * y + 0.1 * r.normal(size=200)))
    yield regression("worse than the mean", y, -2 * y)
    yield regression("perfect", y[:20], y[:20])
    yield regression("the mean of y", y, np.full(200, y.mean()))
    yield regression("no spread of y", [3.0, 3.0, 3.0], [2.0, 3.0, 5.0])
    yield regression("two rows", [1.0, 2.0], [1.5, 1.0])

    def guessed(n, rates, strength):
        y = r.choice(len(rates), n, p=rates)
        e = np.exp(strength * np.eye(len(rates))[y] + r.normal(size=(n, len(rates))))
        return y, e / e.sum(axis=1, keepdims=True)

    y, p = guessed(300, [0.5, 0.3, 0.2], 1.0)
    yield multiclass("three classes", y, p)
    yield multiclass("three classes, weights spanning 1e4", y, p, 10 ** r.uniform(-2, 2, len(y)))
    yield multiclass("three classes, whole weights, some zero", y, p, r.integers(0, 4, len(y)).astype(float))
    four = np.round(p * 4) / 4
    four[:, 2] = 1 - four[:, 0] - four[:, 1]
    four = np.abs(four)
    four /= four.sum(axis=1, keepdims=True)
    yield multiclass("heavy ties", y, four)
    yield multiclass("heavy ties, weights", y, four, r.exponential(size=len(y)))
    yield multiclass("all p equal", y, np.full((len(y), 3), 1 / 3))
    y, p = guessed(400, [0.3, 0.25, 0.2, 0.1, 0.08, 0.05, 0.02], 1.5)
    yield multiclass("seven classes, one rare", y, p, np.where(y == 6, 10.0, 1.0))
    yield multiclass("a class that the model does not know", np.where(y == 6, 7, y), p)
    yield multiclass("a class without a row", y[y != 3], p[y != 3])
    yield multiclass("certain, right and wrong", [0, 1, 2, 0], [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]])
    yield multiclass("one class in the rows", [1, 1, 1], [[0.2, 0.7, 0.1], [0.5, 0.25, 0.25], [0.1, 0.8, 0.1]])
    yield multiclass("two classes", [0, 1, 1], [[0.5, 0.5], [0.25, 0.75], [0.75, 0.25]])

    y = r.normal(size=200)
    weight = 10 ** r.uniform(-2, 2, 200)
    yield regression("quantile 0.9", y, 1 + 0.5 * y, quantile=0.9)
    yield regression("quantile 0.1, weights spanning 1e4", y, 0.5 * y - 1, weight, quantile=0.1)
    yield regression("quantile that is met by half the rows", y, np.where(y > 0, y, 0), quantile=0.5)
    mean = np.exp(r.normal(size=200))
    counts = r.poisson(mean).astype(float)
    yield regression("counts", counts, mean, deviances=["poisson"])
    yield regression("counts, weights spanning 1e4", counts, mean[::-1], weight, deviances=["poisson"])
    amounts = mean * r.gamma(2.0, 0.5, 200)
    yield regression("amounts", amounts, mean, deviances=["poisson", "gamma", "tweedie"], power=1.5)
    yield regression("amounts of many scales, weights", amounts**5, mean**5, weight, deviances=["gamma", "tweedie"], power=1.9)
    yield regression("amounts that are 0 now and then", np.where(counts > 0, amounts, 0), mean, deviances=["poisson", "tweedie"], power=1.2)
    yield regression("right means", mean, mean, deviances=["poisson", "gamma", "tweedie"], power=1.3)

    n = 240
    group = r.integers(0, 24, n)
    y = np.maximum(r.integers(-2, 5, n), 0)
    score = y + 2 * r.normal(size=n)
    yield ranking("plain", group, y, score)
    yield ranking("five places of linear labels, relevant from 3", group, y, score, at=(5,), gain="linear", relevant=3)
    yield ranking("labels between whole numbers", group, y / 3, score, gain="linear", relevant=0.5)
    yield ranking("weights spanning 1e4", group, y, score, 10 ** r.uniform(-2, 2, n))
    yield ranking("whole weights, some zero", group, y, score, r.integers(0, 4, n).astype(float))
    yield ranking("weights of groups", group, y, score, (1 + group).astype(float))
    few = np.arange(120) // 5  # orders of equal scores are as many as permutations
    yield ranking("heavy ties", few, y[:120], np.round(score[:120] / 3))
    yield ranking("heavy ties, weights", few, y[:120], np.round(score[:120] / 3), r.exponential(size=120), at=(2, 4))
    yield ranking("all scores equal", few, y[:120], np.zeros(120), at=(1, 2, 5))
    yield ranking("groups of one row", np.arange(6), [0, 1, 2, 0, 3, 1], [5, 4, 3, 2, 1, 0])
    yield ranking("nothing relevant", [0, 0, 1, 1], [0, 0, 0, 0], [1, 2, 3, 4])
    yield ranking("perfect", [0, 0, 0, 1, 1], [2, 1, 0, 1, 0], [3, 2, 1, 5, 4])
    yield ranking("upside down", [0, 0, 0, 1, 1], [0, 1, 2, 0, 1], [3, 2, 1, 5, 4])
    yield ranking("a great label", [0] * 4, [30, 29, 0, 1], [0, 1, 2, 3])


def main():
    out = {
        "made_by": "testing/peers/metrics.py",
        "scikit_learn": sklearn.__version__,
        "numpy": np.__version__,
        "cases": list(cases()),
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "metrics.json")
    with open(path, "w") as f:
        # One case a line: a change of one case is a change of one line.
        head = {k: v for k, v in out.items() if k != "cases"}
        f.write(json.dumps(head)[:-1] + ', "cases": [\n')
        f.write(",\n".join(json.dumps(c, allow_nan=False) for c in out["cases"]))
        f.write("\n]}\n")
    print(f"{path}: {len(out['cases'])} cases")


if __name__ == "__main__":
    main()
