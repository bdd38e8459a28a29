"""PaDiM's Gaussians per position in float64 (numpy), from the publication's formulas."""
import numpy as np

from gaussian_math import ledoit_wolf


def nearest(feature, h, w):
    """[.., fh, fw, c] read at floor(i * size / grid) along each axis."""
    fh, fw = feature.shape[-3:-1]
    rows, columns = np.arange(h) * fh // h, np.arange(w) * fw // w
    return feature[..., rows[:, None], columns[None, :], :]


def embed(features, subset):
    """Layers as [n, h, w, c], the first gives the grid; returns [n, h * w, len(subset)]."""
    n, h, w, _ = features[0].shape
    return np.concatenate([nearest(f, h, w) for f in features], axis=-1)[..., subset].reshape(n, h * w, -1)


def covariance(x, kind, ridge):
    """Covariance of the rows of x, and the Ledoit-Wolf shrinkage."""
    if kind == "ledoit_wolf":
        _, cov, shrinkage = ledoit_wolf(x)
        return cov, shrinkage
    return np.cov(x, rowvar=False).reshape(x.shape[1], x.shape[1]) + ridge * np.eye(x.shape[1]), 0.0


class PositionGaussians:
    """fit(x [n, p, d]); distance(y [m, p, d]) -> [m, p]."""

    def __init__(self, x, kind="ridge", ridge=0.01):
        x = np.asarray(x, np.float64)
        self.mean = x.mean(0)
        self.factor, self.shrinkage, self.cond = [], [], []
        for p in range(x.shape[1]):
            cov, shrinkage = covariance(x[:, p], kind, ridge)
            self.factor.append(np.linalg.inv(np.linalg.cholesky(cov)))
            self.shrinkage.append(shrinkage)
            self.cond.append(np.linalg.cond(cov))

    def distance(self, y):
        z = np.asarray(y, np.float64) - self.mean
        return np.stack([np.sqrt(np.sum((z[:, p] @ w.T) ** 2, axis=1)) for p, w in enumerate(self.factor)], 1)

    def packed(self):
        """[p, d (d + 1) / 2]: the columns of each lower triangular factor one after the other."""
        return np.stack([np.concatenate([w[c:, c] for c in range(len(w))]) for w in self.factor])
