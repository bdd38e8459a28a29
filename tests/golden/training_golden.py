"""What make_stfpm.py and make_unet.py share: rows of samples, maps, how near a run comes to a kink, how far float32 is."""
import argparse
import os

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import golden_io
import stfpm_math as sm


def positions(size, count):
    """Flat indices i (size - 1) / (count - 1), rounded down: first and last included, repeated where size < count."""
    return np.arange(count, dtype=np.int64) * (size - 1) // (count - 1)


def store_rows(out, prefix, tensors, count, before=None):
    """A row a tensor: value F32 [rows, count], sum, norm (L2), absmax F64 [rows]; moved: largest change since `before`."""
    flat = [t.detach().double().reshape(-1).numpy() for t in tensors.values()]
    out[prefix + ".value"] = np.stack([x[positions(x.size, count)] for x in flat]).astype(np.float32)
    out[prefix + ".sum"] = np.array([x.sum() for x in flat])
    out[prefix + ".norm"] = np.array([np.sqrt(np.sum(x * x)) for x in flat])
    out[prefix + ".absmax"] = np.array([np.abs(x).max() for x in flat])
    if before is not None:
        old = [t.detach().double().reshape(-1).numpy() for t in before.values()]
        out[prefix + ".moved"] = np.array([np.abs(x - y).max() for x, y in zip(flat, old)])


def parameters(modules):
    """Copies of all parameters of prefix -> module, in order, names with prefix."""
    return {prefix + k: p.detach().clone() for prefix, m in modules.items() for k, p in m.named_parameters()}


def gradients(modules):
    return {prefix + k: p.grad.clone() for prefix, m in modules.items() for k, p in m.named_parameters()}


def statistics(modules):
    return {prefix + k: b.clone() for prefix, m in modules.items() for k, b in m.named_buffers()
            if not k.endswith("num_batches_tracked")}


def store_maps(out, maps, h, w, at, count):
    """What images give from their layer maps [n, fh, fw]; returns the names of the rows."""
    kinds = {"product": sm.combined_map(maps, h, w), "product_at": sm.combined_map(maps, h, w, at=at),
             "sum": sm.combined_map(maps, h, w, "sum")}
    out["validation"] = np.array([v.item() for v in (
        sm.validation_distance(maps), sm.validation_product(maps, h, w), sm.validation_product(maps, h, w, at))])
    store_rows(out, "layer_map", {name: m[0] for name, m in zip(sm.LAYERS, maps)}, count)
    store_rows(out, "map", {name: m[0] for name, m in kinds.items()}, count)
    out["score"] = np.stack([sm.image_scores(m).double().numpy() for m in kinds.values()], 1)
    return {"layer_map": list(sm.LAYERS), "map": list(kinds)}


class Kinks:
    """The smallest distance of a ReLU's input from 0, and of a max-pool's two largest from each other, while training,
    in units of the input's standard deviation. Rounding errors beyond it change a gradient by a whole term."""

    def __init__(self, modules):
        self.relu, self.pool = np.inf, np.inf
        for m in (x for top in modules.values() for x in top.modules()):
            if isinstance(m, nn.ReLU):
                m.inplace = False
                m.register_forward_pre_hook(self.see_relu)
            elif isinstance(m, nn.MaxPool2d):
                m.register_forward_pre_hook(self.see_pool)

    def see_relu(self, m, args):
        if m.training:
            x = args[0].detach()
            self.relu = min(self.relu, float(x.abs().min() / x.std()))

    def see_pool(self, m, args):
        if m.training:
            x = args[0].detach()
            n, c = x.shape[:2]
            x = F.pad(x, (m.padding,) * 4, value=-1e30)
            k = m.kernel_size * m.kernel_size
            top = F.unfold(x, m.kernel_size, stride=m.stride).view(n, c, k, -1).topk(2, dim=2)[0]
            gap = (top[:, :, 0] - top[:, :, 1])[top[:, :, 0] > 0]
            self.pool = min(self.pool, float(gap.min() / args[0].detach().std()))


def disturb(modules, relative):
    """Multiply every parameter by 1 + relative * N(0, 1)."""
    g = torch.Generator().manual_seed(1)
    for m in modules.values():
        for p in m.parameters():
            p.data *= 1 + relative * torch.randn(p.shape, generator=g, dtype=torch.float64).to(p.dtype)


ULP = 2.0 ** -23


def deviation(key, got, want, steps):
    """Worst row of stored samples (value against absmax), of norms, and for weights of samples against the largest
    change, less an ulp of the value a step."""
    v, w = got[key + ".value"].astype(np.float64), want[key + ".value"].astype(np.float64)
    rows = [np.abs(v - w).max(1) / want[key + ".absmax"],
            np.abs(got[key + ".norm"] - want[key + ".norm"]) / want[key + ".norm"]]
    if key + ".moved" in want:
        rows.append(np.maximum(np.abs(v - w) - steps * ULP * np.abs(w), 0).max(1) / want[key + ".moved"])
    return [float(r.max()) for r in rows], [int(r.argmax()) for r in rows]


def report(label, got, want, names):
    """One line for a run against the float64 run. names: key -> names of its rows. Disturbed weights start elsewhere, so
    that their change says nothing."""
    for key, rows in names.items():
        steps = int("".join(c for c in key if c.isdigit()) or 1)
        worst, at = deviation(key, got, want, steps)
        if label.startswith("disturbed"):
            worst = worst[:2]
        print("  %-14s %-12s %s" % (label, key, "  ".join(
            "%s %.1e (%s)" % (what, x, rows[k]) for what, x, k in zip(("samples", "norm", "change"), worst, at))))
    for key in ("loss", "score", "validation", "errors", "norms"):
        if key in want:
            print("  %-14s %-12s %.1e" % (label, key, np.max(np.abs(got[key] / want[key] - 1))))


def search(case, train, sets):
    """For each set of images: how near it comes to a kink, and what disturbed weights change at worst. A margin alone does
    not tell: most kinks weigh little."""
    for first in range(0, 100 * sets, 100):
        want, rows, kinks = train({**case, "first": first})
        worst = 0.0
        for d in (1e-6, -1e-6):
            got = train({**case, "first": first}, disturbed=d)[0]
            worst = max([worst] + [x for key in rows for x in deviation(key, got, want, 1)[0][:2]])
        print("  first %d: margin relu %.1e pool %.1e, disturbed by 1e-6 worst %.1e" % (
            first, kinks.relu, kinks.pool, worst), flush=True)


def main(script, stem, cases, train):
    """The command line of both scripts. cases: name -> all its options."""
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--check", action="store_true")
    ap.add_argument("--search", type=int, default=0)
    ap.add_argument("case", nargs="*", default=list(cases))
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    source = "%s; torch %s, torchvision %s, numpy %s; float64, seeded weights" % (
        script, torch.__version__, torchvision.__version__, np.__version__)
    for name in a.case:
        case = cases[name]
        if a.search:
            print(name)
            search(case, train, a.search)
            continue
        out, rows, kinks = train(case)
        print("%-16s loss %.6f to %.6f, margin relu %.1e pool %.1e" % (
            name, out["loss"][0], out["loss"][-1], kinks.relu, kinks.pool), flush=True)
        if a.check:
            report("float32", train(case, torch.float32)[0], out, rows)
            for d in (1e-7, 1e-6):
                report("disturbed %.0e" % d, train(case, disturbed=d)[0], out, rows)
        text = {k: ",".join("%g" % x for x in v) if isinstance(v, tuple) else str(v) for k, v in case.items()}
        golden_io.save(os.path.join(a.out, "%s_%s.safetensors" % (stem, name)), out, source,
                       parameters=",".join(rows["gradient"]), statistics=",".join(rows["statistic1"]),
                       maps=",".join(rows.get("map", [])), **text)
