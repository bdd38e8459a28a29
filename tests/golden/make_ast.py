"""Write ast_<case>.safetensors: the flow, the student, one training step of each and the maps, in float64.

usage: python3 make_ast.py [--out DIR] [--check] [case ...]

Everything is stored whole as F32; what goes in is rounded to it first. Activations are NHWC, weights OIHW. The settings
of a case are in __metadata__, where "flow_parameters", "student_parameters" and "student_statistics" list names.
  x [B,h,w,n]  mask [B,h,w]              in; a mask of ones where there is none
  flow.*  student.*                      before any step; flow.permute.K.index holds integers
  z [B,h,w,n]  logdet [B,h,w,1]  posenc [h,w,D]
  teacher.loss [1]  grad.flow.*          of the first step, after.flow.*: the weights after it
  zs [B,h,w,n]                           the student's output with the batch's statistics
  student.loss [1]  grad.student.*       of the first step against z, which is the flow before its own step
  after.student.*                        also running_mean and running_var
With the weights before any step, the student in eval mode:
  zs_eval [B,h,w,n]  distance [B,h,w]    mean over the channels, not weighted by the mask
  teacher_map [B,h,w]                    half the squared norm less logdet, not weighted either
  score [B]  teacher_score [B]           mask none: mean; binary: maximum of mask * map; soft: of mask * (mask * map)
  map8 [B,8h,8w]                         mask * distance, enlarged
Seeds are chosen so that no ReLU's input is near 0, where float32 may take another branch; --check prints how near they
come and how far float32 is.
"""
import argparse
import math
import os

import numpy as np
import torch
from torch import nn

import ast_math as am
import golden_io
import training_golden as tg

BASE = {"alpha": 1.9, "slope": 0.2, "hidden": 4, "student_hidden": 8, "student_blocks": 2, "couplings": 4,
        "mask_norm": "all", "mask": "none", "positions": 32, "images": 2, "h": 6, "w": 6, "gamma": 0.5, "seed": 0}
# Narrow where 32 positions and the 5 x 5 kernels make the weights many; "odd" is the wide one.
CASES = {
    "rgb": {"alpha": 3.0, "images": 3, "h": 5, "w": 7, "channels": 10},
    "masked": {"channels": 14, "hidden": 3, "mask": "binary", "mask_norm": "foreground", "seed": 2},
    "official": {"channels": 12, "slope": 0.01, "mask": "soft", "seed": 5},
    "odd": {"channels": 11, "h": 4, "hidden": 12, "student_hidden": 16, "student_blocks": 1, "couplings": 3,
            "positions": 8, "seed": 1},
    "start": {"channels": 10, "alpha": 3.0, "h": 4, "w": 5, "hidden": 3, "student_hidden": 6, "gamma": 0.0},
}
OPENING = {(10, 0): "2 8 4 9 1 6 7 3 0 5", (304, 0): "66 156 247 267", (304, 1): "222 159 220 175",
           (304, 2): "99 296 89 30", (304, 3): "246 162 10 161", (64, 0): "45 29 43 61", (368, 0): "106 260 45 26"}
# Their gradient is 0 but for rounding: what a batch norm does with them is to take them away.
BEFORE_NORM = {"student.res.%d.l%d.bias" % (i, k) for i in range(2) for k in (1, 2)}


def drawn(name, shape):
    """Away from 0 on both sides: 0.05 to 0.2. A bias before a batch norm moves by its decay alone."""
    v = golden_io.symmetric(name, shape)
    return np.sign(v) * (0.05 + 0.15 * np.abs(v))


def seed_module(module, prefix, gamma):
    """Every parameter and running statistic from the generator, keyed by prefix + its name; float32 values.

    Convolutions (2u-1) sqrt(6 / fan-in), their biases +-(0.05 + 0.15 |2u-1|), gamma +-gamma (0.8 + 0.4 |2u-1|), batch
    norms' weight and running_var 0.5 + u, bias and running_mean 0.2 (2u-1).
    """
    norms = {name for name, m in module.named_modules() if isinstance(m, nn.BatchNorm2d)}
    state = {}
    for name, ref in module.state_dict().items():
        shape, (owner, what) = tuple(ref.shape), name.rsplit(".", 1)
        if what in ("index", "num_batches_tracked"):
            state[name] = ref
            continue
        v = golden_io.symmetric(prefix + name, shape)
        if len(shape) == 4:
            v = v * math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
        elif what == "gamma":
            v = gamma * np.sign(v) * (0.8 + 0.4 * np.abs(v))
        elif owner in norms:
            v = 1.0 + 0.5 * v if what in ("weight", "running_var") else 0.2 * v
        else:
            v = drawn(prefix + name, shape)
        state[name] = torch.from_numpy(v.astype(np.float32))
    module.load_state_dict(state)
    return module


def features(name, shape):
    """Sums of four draws: a variance of 4 / 3."""
    return sum(golden_io.symmetric("%s.%d" % (name, k), shape) for k in range(4)).astype(np.float32)


def masks(name, kind, shape):
    """Ones; with a mask a disc an image, binary, or soft with a rim and some noise in it."""
    b, h, w = shape
    if kind == "none":
        return np.ones(shape, np.float32)
    y, x = np.mgrid[:h, :w]
    out = []
    for i in range(b):
        inside = 2.1 + 0.7 * i - np.hypot(y - 0.45 * h - 0.3 * i, x - 0.4 * w)
        noise = golden_io.symmetric("%s.%d" % (name, i), (h, w))
        out.append(inside > 0 if kind == "binary" else np.clip(0.5 + 0.6 * inside + 0.2 * noise, 0, 1))
    return np.stack(out).astype(np.float32)


def nhwc(t):
    return t.permute(0, 2, 3, 1)


def step(model, loss, tag, out):
    """Gradients, then one step of Adam; what is stored of both."""
    opt = torch.optim.Adam(model.parameters(), **am.ADAM)
    opt.zero_grad()
    loss.backward()
    for name, p in model.named_parameters():
        out["grad.%s.%s" % (tag, name)] = p.grad.clone()
    opt.step()
    for name, v in model.state_dict().items():
        if not name.endswith(("index", "num_batches_tracked")):
            out["after.%s.%s" % (tag, name)] = v.clone()


class Margin:
    """The smallest distance of an activation's input from 0, in units of its standard deviation."""

    def __init__(self, module):
        self.least = math.inf
        for m in module.modules():
            if isinstance(m, (nn.ReLU, nn.LeakyReLU)):
                m.register_forward_pre_hook(self.see)

    def see(self, _, args):
        x = args[0].detach()
        self.least = min(self.least, float(x.abs().min() / x.std()))


def run(name, c, dtype=torch.float64):
    """Return (what is stored, names by list, margins)."""
    key, b, h, w, n = "ast.%s.%d." % (name, c["seed"]), c["images"], c["h"], c["w"], c["channels"]
    flow = seed_module(am.Flow(n, c["positions"], c["hidden"], c["alpha"], c["couplings"]), key + "flow.", c["gamma"])
    student = seed_module(am.Student(n, c["positions"], c["student_hidden"], c["student_blocks"], c["slope"]),
                          key + "student.", 0.0)
    flow, student = flow.to(dtype), student.to(dtype)
    margins = [Margin(flow), Margin(student)]
    x = torch.from_numpy(features(key + "x", (b, h, w, n))).to(dtype)
    mask = torch.from_numpy(masks(key + "mask", c["mask"], (b, h, w))).to(dtype)
    cond = am.positional_encoding(h, w, c["positions"], dtype)
    out = {"x": x, "mask": mask}
    for tag, model in (("flow", flow), ("student", student)):
        out.update({"%s.%s" % (tag, k): v.clone() for k, v in model.state_dict().items() if not k.endswith("_tracked")})
    x, planes = x.permute(0, 3, 1, 2).contiguous(), cond.permute(2, 0, 1).expand(b, -1, h, w)

    student.eval()
    with torch.no_grad():
        z, logdet = flow(x, planes)
        zs = student(x, planes)
    round_trip = float((flow.inverse(z, planes) - x).detach().abs().max())
    assert round_trip < (1e-9 if dtype == torch.float64 else 1e-4), round_trip
    distance, likelihood = am.distance_map(z, zs), am.likelihood_map(z, logdet)
    scores = {"zs_eval": nhwc(zs), "distance": distance, "teacher_map": likelihood,
              "score": am.image_scores(distance, c["mask"], mask),
              "teacher_score": am.image_scores(likelihood, c["mask"], mask), "map8": am.enlarge(mask * distance)}

    out.update({"z": nhwc(z), "logdet": logdet[..., None], "posenc": cond})
    out["teacher.loss"] = am.weighted_mean(am.likelihood_map(*flow(x, planes)), mask, c["mask_norm"])
    step(flow, out["teacher.loss"], "flow", out)
    student.train()
    zs = student(x, planes)
    out["zs"] = nhwc(zs)
    out["student.loss"] = am.weighted_mean(am.distance_map(z, zs), mask, c["mask_norm"])
    step(student, out["student.loss"], "student", out)
    out.update(scores)
    stored = {k: np.ascontiguousarray(v.detach().reshape(v.shape or (1,)).numpy()) for k, v in out.items()}
    lists = {"flow_parameters": ["flow." + k for k, _ in flow.named_parameters()],
             "student_parameters": ["student." + k for k, _ in student.named_parameters()],
             "student_statistics": [k[6:] for k in out if k.startswith("after.") and "running" in k]}
    return stored, lists, [m.least for m in margins]


def check_card():
    """The vectors of the method's specification; that the flow's log-determinant is its Jacobian's."""
    for (n, seed), text in OPENING.items():
        want = [int(v) for v in text.split()]
        assert am.permutation(seed, n)[:len(want)].tolist() == want, (n, seed)
    p = am.positional_encoding(24, 24, 32).numpy()
    for channel, want in ((0, 0.1411200), (3, 0.5827537), (16, -0.9589243), (19, -0.0103423)):
        assert abs(p[5, 3, channel] - want) < 1e-7, channel
    for s, alpha, want in ((1, 1.9, 0.5854431), (1, 3, 0.6139001), (-50, 1.9, -1.8522532)):
        assert abs(float(am.soft_clamp(torch.tensor(float(s), dtype=torch.float64), alpha)) - want) < 1e-7, (s, alpha)
    flow = seed_module(am.Flow(5, 8, 6, 1.9), "ast.jacobian.", 0.5).double()
    cond = am.positional_encoding(2, 3, 8).permute(2, 0, 1)[None]
    x = torch.from_numpy(features("ast.jacobian.x", (1, 5, 2, 3))).double()
    j = torch.autograd.functional.jacobian(lambda v: flow(v, cond)[0], x).reshape(30, 30)
    assert abs(float(torch.linalg.slogdet(j)[1] - flow(x, cond)[1].sum())) < 1e-9


def check_case(name, c, out, margins):
    """What a case must be to test anything; for gamma 0 what the first step can and cannot do."""
    assert min(margins) > 5e-5, margins
    levels = len(np.unique(out["mask"]))
    assert levels > 5 if c["mask"] == "soft" else levels == (2 if c["mask"] == "binary" else 1)
    if c["mask"] != "none":  # neither the mask nor its square may be left out
        for values, score in (("distance", "score"), ("teacher_map", "teacher_score")):
            assert np.all(out[values].min((1, 2)) > 0) and np.any(out[values].max((1, 2)) > out[score])
            if c["mask"] == "soft":
                assert np.any((out["mask"] * out[values]).max((1, 2)) > out[score])
    conv = [k for k in out if k.startswith("grad.flow.") and not k.endswith("gamma")]
    assert all((np.abs(out[k]).max() == 0) == (c["gamma"] == 0) for k in conv)
    assert all(np.abs(out[k]).max() > 0 for k in out if k.endswith("gamma") and k.startswith("grad."))
    if c["gamma"] == 0:
        back = np.argsort(np.arange(c["channels"]))
        for k in range(c["couplings"]):
            back = back[am.permutation(k, c["channels"])]
        assert np.array_equal(out["z"], out["x"][..., back]) and not out["logdet"].any()
        for k in conv:
            decay = 1e-5 * out[k[5:]]
            want = out[k[5:]] - 2e-4 * decay / (np.abs(decay) + 1e-8)
            assert np.abs(out["after." + k[5:]] - want).max() < 1e-12


def report(got, want):
    """How far float32 is: worst of the largest value of a tensor, and for weights of the step itself."""
    worst = {}
    for k, v in want.items():
        kind = k.split(".")[0] if "." in k and not k.endswith("loss") else k
        if kind in ("flow", "student", "x", "mask"):
            continue
        gap, size = np.abs(got[k].astype(np.float64) - v).max(), np.abs(v).max()
        if kind == "grad" and k[5:] in BEFORE_NORM:
            kind, size = "grad before bn", 1.0
        if kind == "after" and "running" not in k:
            size = am.ADAM["lr"]
            gap = np.maximum(np.abs(got[k].astype(np.float64) - v) - tg.ULP * np.abs(v), 0).max()
        elif kind == "after":
            kind = "statistic"
        if gap > 0:
            worst[kind] = max(worst.get(kind, (0, "")), (gap / size, k))
    for kind, (error, k) in worst.items():
        print("  float32 %-14s %.1e  %s" % (kind, error, k))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    ap.add_argument("--check", action="store_true")
    ap.add_argument("case", nargs="*", default=list(CASES))
    a = ap.parse_args()
    torch.set_num_threads(1)
    check_card()
    source = "make_ast.py; torch %s, numpy %s; float64, seeded weights" % (torch.__version__, np.__version__)
    for name in a.case:
        c = {**BASE, **CASES[name]}
        out, lists, margins = run(name, c)
        check_case(name, c, out, margins)
        print("%-9s loss %.6f %.6f, margin relu %.1e leaky %.1e" % (
            name, out["teacher.loss"][0], out["student.loss"][0], *margins), flush=True)
        if a.check:
            report(run(name, c, torch.float32)[0], out)
        text = {k: "%g" % v if isinstance(v, float) else str(v) for k, v in c.items()}
        text.update({k: ",".join(v) for k, v in lists.items()})
        golden_io.save(os.path.join(a.out, "ast_%s.safetensors" % name),
                       {k: v.astype(np.float32) for k, v in out.items()}, source, **text)


if __name__ == "__main__":
    main()
