"""Write masked_rd_<case>.safetensors: one training step and the maps of masked reverse distillation, in float64.

usage: python3 make_masked_rd.py [--out DIR] [--threads 1] [--check] [--search N] [case ...]

Nothing that goes in is stored. With u in [0, 1) from the generator by name (README.md), flat in PyTorch's order (OIHW;
transposed IOHW; grouped [C_out, C_in / groups, k, k]), in double and rounded once to float32:
  weights, keyed by their own name without any prefix ("msff.conv1.weight"):
    four dimensions, transposed and grouped too   (2u-1) sqrt(6 / (d1 d2 d3)), d the stored shape
    batch norm, last of a residual branch         weight 0.25 (0.5 + u), bias 0.2 (2u-1)
    every other batch norm                        weight 0.75 + 0.5 u, bias lift + 0.2 (2u-1)
    running_mean, running_var                     0.2 (2u-1), 0.5 + u
    group norm of SRU                             weight 0.5 + u, bias 0.2 (2u-1)
    biases of convolutions                        0.2 (2u-1)
  "Last of a residual branch" is bn_layer.* and decoder.* bn3, with resnet18 bn2. The shortcuts' norms and MSFF's are not.
  E_l of image i (counted on from `first`), NHWC: max(0, s0 + s1 + s2 + s3), s_k = 2u-1 of "image.<i>.E<l>.<k>", added in
  this order; E_1 of a batch's first image is 0 in all channels at y = 1, x = 2. The maps have sides side / 4, / 8, / 16.
  masks: masked_rd_math.masks(mask_seed, mask_step, ..), level 1 being the deepest; a second step has mask_step + 1.
The options of a case are in __metadata__, where "parameters", "statistics", "taps", "generated" and "maps" name the rows.
In training mode, with masks:
  tap.*  generated.*               rows, NHWC: what comes out of MSFF, SRU, CRU, SimAM, OCE ("embedding"), the decoder's
                                   stages ("D3" first), as far as they exist; G of each level
  loss [steps], part [steps, levels]   before each step; parts in the order of `levels`
  gradient.*                       of the first step, every parameter that is trained
  weight1.*  statistic1.*          these after one step of Adam, and running mean and variance; with two steps, of the same
                                   images, also weight2.* and statistic2.*
In eval mode, before any step, without masks:
  distance<l> [B,h,w]              whole
  map.*                            rows: blurred, sum.<image> and product.<image>
  score [B,2]                      of sum and product
.value F32 [rows, 16] at positions() of the tensor, .sum .norm .absmax F64 [rows] of all of it, .moved: largest change.
Seeds (`first`) are chosen so that neither a ReLU's input nor the gate's is so near 0 that float32 takes another branch;
--search tries N of them, --check prints how far float32 is and what weights disturbed by 1e-7 and 1e-6 change.
"""
import argparse
import gc
import math
import os

import numpy as np
import torch
import torchvision
from torch import nn

import golden_io
import masked_rd_math as mm
import training_golden as tg

SAMPLES, DAMP = 16, 0.25
BASE = {**mm.OPTIONS, "arch": "resnet18", "images": 3, "side": 96, "lift": 2, "first": 0, "steps": 1, "mask_seed": 20,
        "mask_step": 3}
del BASE["combine"]  # both are stored
DEEP = {"images": 2, "side": 64}
CASES = {
    "resnet18": {"first": 600, "steps": 2},  # the first step says nothing of Adam's betas
    "resnet50": {**DEEP, "first": 2200, "arch": "resnet50"},
    "wide": {**DEEP, "first": 3100, "arch": "wide_resnet50_2"},
    "rd4ad": {**mm.RD4AD, "first": 200},
    "soft": {"first": 700, "gate": "soft", "cru_softmax": "joint", "fmm_align": 0, "mask_rate": 0.5},
    "levels": {"first": 600, "levels": "23", "simam": 0, "sru": 0},
}
TAPS = ("msff", "sru", "cru", "simam", "embedding", "D3", "D2", "D1")


def seed_module(module, lift):
    """Every parameter and running statistic, as the head of this file says."""
    norms = {name for name, m in module.named_modules() if isinstance(m, nn.BatchNorm2d)}
    groups = {name for name, m in module.named_modules() if isinstance(m, nn.GroupNorm)}
    last = {name + "." + m.last for name, m in module.named_modules() if isinstance(m, mm.Block)}
    state = {}
    for name, ref in module.state_dict().items():
        shape, (owner, what) = tuple(ref.shape), name.rsplit(".", 1)
        if what == "num_batches_tracked":
            state[name] = ref
            continue
        u = golden_io.uniform(name, shape)
        lifted = owner in norms and owner not in last
        if len(shape) == 4:
            value = (2 * u - 1) * math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
        elif what == "weight":
            value = 0.75 + 0.5 * u if lifted else (1.0 if owner in groups else DAMP) * (0.5 + u)
        elif what == "running_var":
            value = 0.5 + u
        else:
            value = 0.2 * (2 * u - 1) + (lift if lifted and what == "bias" else 0.0)
        state[name] = torch.from_numpy(value.astype(np.float32))
    module.load_state_dict(state)
    return module


def features(c, dtype):
    """The teacher's maps, NCHW."""
    out = {}
    for level, channels in enumerate(mm.ARCHS[c["arch"]][0], 1):
        side = c["side"] >> (level + 1)
        maps = []
        for i in range(c["first"], c["first"] + c["images"]):
            v = sum(golden_io.symmetric("image.%d.E%d.%d" % (i, level, k), (side, side, channels)) for k in range(4))
            maps.append(np.maximum(v, 0).astype(np.float32))
        if level == 1:
            maps[0][1, 2] = 0
        out[level] = torch.from_numpy(np.stack(maps)).permute(0, 3, 1, 2).contiguous().to(dtype)
    return out


def masks(c, later, e, dtype):
    return {level: torch.from_numpy(mm.masks(c["mask_seed"], c["mask_step"] + later, mm.mirrored(level), c["images"],
                                             e[level].shape[2], e[level].shape[3], c["mask_rate"])).to(dtype)
            for level in mm.levels_of(c)}


def nhwc(t):
    return t.detach().permute(0, 2, 3, 1)


class Kinks(tg.Kinks):
    """Also of the gate."""

    def __init__(self, student):
        super().__init__({"": student})
        self.gate = math.inf
        if isinstance(student.scconv.SRU, mm.Sru):
            student.scconv.SRU.register_forward_hook(self.see_gate)

    def see_gate(self, m, _, __):
        if m.training:
            self.gate = min(self.gate, float(m.seen.abs().min() / m.seen.std()))


def evaluate(student, e, c, out):
    student.eval()
    with torch.no_grad():
        maps = mm.distance_maps(e, student(e)[0])
        kinds = {k: mm.blurred(mm.combined_map(maps, c["side"], k)) for k in ("sum", "product")}
    out.update({"distance%d" % level: m.numpy().astype(np.float32) for level, m in maps.items()})
    rows = {"%s.%d" % (kind, i): m for kind, batch in kinds.items() for i, m in enumerate(batch)}
    tg.store_rows(out, "map", rows, SAMPLES)
    out["score"] = np.stack([mm.image_scores(m).double().numpy() for m in kinds.values()], 1)
    if 1 in maps:
        assert float(maps[1][0, 1, 2]) == 1, "a position of zeros is at distance 1"
    return list(rows)


def train(c, dtype=torch.float64, disturbed=0.0):
    """Return (what is stored, names of the rows by key, Kinks)."""
    student = seed_module(mm.Student(c["arch"], c), c["lift"]).to(dtype)
    kinks, out = Kinks(student), {}
    tg.disturb({"": student}, disturbed)
    e = features(c, dtype)
    rows = {"map": evaluate(student, e, c, out)}

    student.train()
    trained = {k: p for k, p in student.named_parameters() if p.requires_grad}
    start = {k: p.detach().clone() for k, p in trained.items()}
    opt = mm.optimizer(student, c["lr"], c["weight_decay"])
    all_parts = []
    for step in range(1, c["steps"] + 1):
        opt.zero_grad()
        g, seen = student(e, masks(c, step - 1, e, dtype) if c["fmm"] else None)
        parts = mm.losses(e, g, c["loss"])
        sum(parts.values()).backward()
        all_parts.append([p.item() for p in parts.values()])
        if step == 1:
            taps = {k: nhwc(seen[k]) for k in TAPS if k in seen and c.get(k, 1)}
            tg.store_rows(out, "tap", taps, SAMPLES)
            tg.store_rows(out, "generated", {"G%d" % level: nhwc(m) for level, m in g.items()}, SAMPLES)
            tg.store_rows(out, "gradient", {k: p.grad for k, p in trained.items()}, SAMPLES)
        opt.step()
        tg.store_rows(out, "weight%d" % step, trained, SAMPLES, start)
        tg.store_rows(out, "statistic%d" % step, tg.statistics({"": student}), SAMPLES)
        rows.update({"weight%d" % step: list(trained), "statistic%d" % step: list(tg.statistics({"": student}))})
    out["part"] = np.array(all_parts)
    out["loss"] = out["part"].sum(1)
    rows.update({"tap": list(taps), "generated": ["G%d" % level for level in g], "gradient": list(trained)})
    del student, opt, parts, g, seen, start, trained
    gc.collect()
    return out, rows, kinks


def other_deviation(got, want, rows):
    """Worst of what training_golden.deviation() leaves out: sums, largest values, whole maps, the loss's parts."""
    worst = 0.0
    for key in rows:
        size = want[key + ".norm"]
        worst = max(worst, np.max(np.abs(got[key + ".absmax"] / want[key + ".absmax"] - 1)),
                    np.max(np.abs(got[key + ".sum"] - want[key + ".sum"]) / (size * 100)))
    for key in want:
        if key.startswith(("distance", "part")):
            worst = max(worst, np.max(np.abs(got[key].astype(np.float64) - want[key])) / np.max(np.abs(want[key])))
    return worst


def report(label, got, want, rows):
    tg.report(label, got, want, rows)
    print("  %-14s %-12s %.1e" % (label, "other", other_deviation(got, want, rows)), flush=True)


def worst_of(got, want, rows):
    """Over all samples and norms, and what row it is."""
    found = []
    for key in rows:
        worst, at = tg.deviation(key, got, want, 1)
        found += [(x, "%s of %s" % (key, rows[key][i])) for x, i in zip(worst[:2], at)]
    return max(found)


def search(c, sets):
    for first in range(0, 100 * sets, 100):
        c = {**c, "first": first}
        want, rows, kinks = train(c)
        runs = [train(c, torch.float32)[0]] + [train(c, disturbed=d)[0] for d in (1e-6, -1e-6)]
        worst = [worst_of(run, want, rows) for run in runs]
        change = tg.deviation("weight1", runs[0], want, 1)[0][2]
        print("  first %d: margin relu %.1e gate %.1e, float32 %.1e (%s), change %.1e, disturbed by 1e-6 %.1e (%s)" % (
            first, kinks.relu, kinks.gate, *worst[0], change, *max(worst[1:])), flush=True)


def check_case(c, out, rows):
    """What a case must be to test anything."""
    assert all(np.all(out[key + ".absmax"] > 0) for key in rows)
    assert ("scconv.SRU.gn.weight" in rows["gradient"]) == (c["gate"] == "soft" and c["sru"] == 1)
    assert out["part"].shape == (c["steps"], len(c["levels"]))
    assert np.all(np.ptp(out["score"], 0) > 0)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--check", action="store_true")
    ap.add_argument("--search", type=int, default=0)
    ap.add_argument("case", nargs="*", default=list(CASES))
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    source = "make_masked_rd.py; torch %s, torchvision %s, numpy %s; float64, seeded weights" % (
        torch.__version__, torchvision.__version__, np.__version__)
    for name in a.case:
        c = {**BASE, **CASES[name]}
        if a.search:
            print(name)
            search(c, a.search)
            continue
        out, rows, kinks = train(c)
        check_case(c, out, rows)
        print("%-9s loss %s, margin relu %.1e gate %.1e" % (
            name, " ".join("%.6f" % x for x in out["loss"]), kinks.relu, kinks.gate), flush=True)
        if a.check:
            report("float32", train(c, torch.float32)[0], out, rows)
            for d in (1e-7, 1e-6):
                report("disturbed %.0e" % d, train(c, disturbed=d)[0], out, rows)
        text = {k: "%g" % v if isinstance(v, float) else str(v) for k, v in c.items()}
        golden_io.save(os.path.join(a.out, "masked_rd_%s.safetensors" % name), out, source,
                       parameters=",".join(rows["gradient"]), statistics=",".join(rows["statistic1"]),
                       taps=",".join(rows["tap"]), generated=",".join(rows["generated"]), maps=",".join(rows["map"]),
                       **text)


if __name__ == "__main__":
    main()
