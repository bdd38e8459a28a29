"""PCA selection, Ledoit-Wolf covariance and Mahalanobis distance in float64 (numpy, scipy)."""
import numpy as np
from scipy.linalg import cho_factor, solve_triangular


def ledoit_wolf(x):
    """Return (mean, covariance, shrinkage) of the rows of x."""
    m, p = x.shape
    mean = x.mean(0)
    xc = x - mean
    s = xc.T @ xc / m
    if p == 1:
        return mean, s, 0.0
    mu = np.trace(s) / p
    norm = np.sum(s * s)
    delta = (norm - p * mu * mu) / p
    beta = (np.sum(np.sum(xc * xc, axis=1) ** 2) / m - norm) / (p * m)
    beta = min(beta, delta)
    shrinkage = 0.0 if beta == 0 else beta / delta
    return mean, (1 - shrinkage) * s + shrinkage * mu * np.eye(p), shrinkage


def select_components(x, mode, tau):
    """Return (x mean, C x k basis or None, first kept, kept count, all variances)."""
    if mode == "none":
        return np.zeros(x.shape[1]), None, 0, x.shape[1], None
    m, c = x.shape
    mean = x.mean(0)
    _, sv, vt = np.linalg.svd(x - mean, full_matrices=False)
    lam = sv * sv / m
    cum = np.cumsum(lam / lam.sum())
    above = np.nonzero(cum > tau)[0]
    k = int(above[0]) if len(above) else len(lam) - 1
    keep = np.arange(0, k + 1) if mode == "pca" else np.arange(max(k - 1, 0), len(lam))
    keep = keep[lam[keep] > max(m, c) * np.finfo(np.float64).eps * lam[0]]
    return mean, vt[keep].T, int(keep[0]), len(keep), lam


class Gaussian:
    """fit(x) then distance(y)."""

    def __init__(self, x, mode="none", tau=0.95):
        x = np.asarray(x, np.float64)
        self.x_mean, self.basis, self.first, self.kept, self.variances = select_components(x, mode, tau)
        self.mean, self.cov, self.shrinkage = ledoit_wolf(self.project(x))
        self.factor = np.tril(cho_factor(self.cov, lower=True)[0])

    def project(self, x):
        return x if self.basis is None else (x - self.x_mean) @ self.basis

    def distance(self, y):
        z = self.project(np.asarray(y, np.float64)) - self.mean
        w = solve_triangular(self.factor, z.T, lower=True)
        return np.sqrt(np.sum(w * w, axis=0))
