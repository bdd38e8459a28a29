"""AUROC, AP, F1-max and AU-PRO with exact thresholds (numpy, scipy)."""
import numpy as np
from scipy import ndimage


def curve(scores, increments):
    """Cumulative sums of the increment columns at the last point of every group of equal scores, descending."""
    scores = np.asarray(scores).ravel()
    order = np.argsort(scores, kind="stable")[::-1]
    s = scores[order]
    last = np.append(s[1:] != s[:-1], True)
    return s[last], [np.cumsum(np.asarray(c).ravel()[order], dtype=np.float64)[last] for c in increments]


def auroc(scores, labels):
    pos = np.asarray(labels).ravel() > 0
    if pos.all() or not pos.any():
        return float("nan")
    _, (tp, fp) = curve(scores, [pos, ~pos])
    return float(np.trapz(np.append(0, tp) / tp[-1], np.append(0, fp) / fp[-1]))


def average_precision(scores, labels):
    pos = np.asarray(labels).ravel() > 0
    _, (tp, fp) = curve(scores, [pos, ~pos])
    return float(np.sum(np.diff(np.append(0, tp)) / tp[-1] * (tp / (tp + fp))))


def f1_max(scores, labels):
    """Largest F1 and the smallest threshold that reaches it."""
    pos = np.asarray(labels).ravel() > 0
    t, (tp, fp) = curve(scores, [pos, ~pos])
    f1 = 2 * tp / (tp + fp + tp[-1])
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))
    return float(f1[best]), float(t[best])


def components(mask, connectivity):
    return ndimage.label(np.asarray(mask) > 0, np.ones((3, 3)) if connectivity == 8 else None)


def aupro(maps, masks, limit=0.3, connectivity=8):
    """Return (AU-PRO, number of components over the whole set)."""
    ok, gain, total = [], [], 0
    for mask in masks:
        label, n = components(mask, connectivity)
        size = np.bincount(label.ravel(), minlength=n + 1).astype(np.float64)
        inc = np.append(0.0, 1.0 / size[1:])
        ok.append((label == 0).ravel())
        gain.append(inc[label].ravel())
        total += n
    ok, gain = np.concatenate(ok), np.concatenate(gain)
    scores = np.concatenate([np.ravel(m) for m in maps])
    _, (fp, tp) = curve(scores, [ok, gain])
    fpr = np.concatenate([[0], np.minimum(fp / ok.sum(), 1), [1]])
    pro = np.concatenate([[0], np.minimum(tp / total, 1), [1]])
    inside = fpr <= limit
    x, y = fpr[inside], pro[inside]
    if x[-1] < limit:
        k = len(x)
        x = np.append(x, limit)
        y = np.append(y, pro[k - 1] + (pro[k] - pro[k - 1]) * (limit - fpr[k - 1]) / (fpr[k] - fpr[k - 1]))
    return float(np.trapz(y, x) / limit), total
