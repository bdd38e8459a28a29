"""Write unet_<case>.safetensors: ten training steps of the U-Nets of STFPM + U-Net, alone or joint, in float64.

usage: python3 make_unet.py [--out DIR] [--threads 1] [--check] [--search N] [case ...]

Networks and images as in make_stfpm.py, the U-Nets seeded with "ae." + name, lift 2 for both. "pretrain*": on the teacher's
features, Adam; "joint*": student and U-Nets, every gradient clipped to a common norm, SGD for the student, Adam for the
U-Nets. Both phases start from the seeded weights. The options of a case are in __metadata__, where "parameters" and
"statistics" name the rows.
  loss [10], reconstruction [10, 3], similarity [10, 3]   of every step before it; parts without weights; no similarity alone
  norms [10]                              L2 norm of all gradients before they are clipped (joint)
  gradient.* weight1.* weight10.* statistic1.* statistic10.*   as in make_stfpm.py, 16 samples; gradients not yet clipped
After 10 steps in eval mode, on the 3 images:
  errors [3]                              alone: the mean squared error of every level
  validation, layer_map.*, map.*, score   joint: as in make_stfpm.py, with the U-Nets' outputs for the student's
"""
import numpy as np
import torch

import stfpm_math as sm
import training_golden as tg
import unet_math as um

SAMPLES, STEPS, HELD_OUT, LIFT = 16, 10, 3, 2.0
BASE = {"first": 0, "images": 2, "h": 128, "w": 128, "combine_at": 8, "unet_head": "none", "unet_convs": 0,
        "unet_depth": 2}
ALONE = {"pretrain_lr": 1e-3}
JOINT = {"lr": 0.4, "momentum": 0.9, "weight_decay": 1e-4, "unet_lr": 1e-4, "unet_weight_decay": 0.0,
         "clip_norm": 1.0, "rec_weight": 1.0, "sim_weight": 1.0, "rec_target": "student", "rec_stopgrad": 0}
CASES = {
    "pretrain": {**ALONE, "first": 800},
    "pretrain_conv1x1": {**ALONE, "first": 1300, "unet_head": "conv1x1"},
    "pretrain_depth1": {**ALONE, "first": 600, "unet_depth": 1, "unet_convs": 1},
    "joint": {**JOINT, "first": 100},
    "joint_stopgrad": {**JOINT, "first": 100, "rec_stopgrad": 1, "rec_weight": 0.5, "sim_weight": 2.0, "clip_norm": 100.0,
                       "lr": 0.02, "unet_weight_decay": 1e-2},
    "joint_teacher": {**JOINT, "first": 0, "rec_target": "teacher", "unet_head": "conv1x1"},
}


def joint_parts(t, s, g, c):
    """Reconstruction and similarity losses of the levels."""
    target = t if c["rec_target"] == "teacher" else [f.detach() for f in s] if c["rec_stopgrad"] else s
    return um.squared_errors(g, target), sm.layer_losses(t, g)


def train(c, dtype=torch.float64, disturbed=0.0):
    """Return (what is stored, names of the rows by key, Kinks)."""
    joint = "clip_norm" in c
    teacher = sm.seed_module(sm.Tapped(), "teacher.").to(dtype).eval()
    student = sm.seed_module(sm.Tapped(), "student.", LIFT).to(dtype).train()
    aes = sm.seed_module(um.unets(c["unet_head"], c["unet_convs"], c["unet_depth"]), "ae.", LIFT).to(dtype).train()
    nets = {"student.": student, "ae.": aes} if joint else {"ae.": aes}
    out, kinks = {}, tg.Kinks(nets)
    tg.disturb(nets, disturbed)
    start = tg.parameters(nets)
    h, w, n = c["h"], c["w"], c["images"]
    batches = [sm.seeded_batch(c["first"] + n * k, n, h, w, dtype) for k in range(2)]
    with torch.no_grad():
        targets = [teacher(x) for x in batches]
    if joint:
        opts = [sm.optimizer("sgd", student.parameters(), c["lr"], c["momentum"], c["weight_decay"]),
                sm.optimizer("adam", aes.parameters(), c["unet_lr"], weight_decay=c["unet_weight_decay"])]
    else:
        opts = [sm.optimizer("adam", aes.parameters(), c["pretrain_lr"], weight_decay=0.0)]
    log = {"loss": [], "reconstruction": [], "similarity": [], "norms": []}
    for step in range(1, STEPS + 1):
        for opt in opts:
            opt.zero_grad()
        t, x = targets[(step - 1) % 2], batches[(step - 1) % 2]
        if joint:
            s = student(x)
            rec, sim = joint_parts(t, s, um.reconstruct(aes, s), c)
            total = c["rec_weight"] * sum(rec) + c["sim_weight"] * sum(sim)
        else:
            rec, sim = um.squared_errors(um.reconstruct(aes, t), t), []
            total = sum(rec)
        total.backward()
        log["loss"].append(total.item())
        log["reconstruction"].append([v.item() for v in rec])
        log["similarity"].append([v.item() for v in sim])
        if step == 1:
            tg.store_rows(out, "gradient", tg.gradients(nets), SAMPLES)
        if joint:
            union = [p for m in nets.values() for p in m.parameters()]
            log["norms"].append(float(torch.nn.utils.clip_grad_norm_(union, c["clip_norm"])))
        for opt in opts:
            opt.step()
        if step in (1, STEPS):
            tg.store_rows(out, "weight%d" % step, tg.parameters(nets), SAMPLES, start)
            tg.store_rows(out, "statistic%d" % step, tg.statistics(nets), SAMPLES)
    out.update({k: np.array(v) for k, v in log.items() if joint or k in ("loss", "reconstruction")})
    rows = {"gradient": list(start), "weight1": list(start), "weight10": list(start),
            "statistic1": list(tg.statistics(nets)), "statistic10": list(tg.statistics(nets))}

    student.eval()
    aes.eval()
    with torch.no_grad():
        x = sm.seeded_batch(c["first"] + 2 * n, HELD_OUT, h, w, dtype)
        t = teacher(x)
        if joint:
            maps = [sm.distance(a, g) for a, g in zip(t, um.reconstruct(aes, student(x)))]
            rows.update(tg.store_maps(out, maps, h, w, c["combine_at"], SAMPLES))
        else:
            out["errors"] = np.array([v.item() for v in um.squared_errors(um.reconstruct(aes, t), t)])
    return out, rows, kinks


if __name__ == "__main__":
    tg.main("make_unet.py", "unet", {name: {**BASE, **case} for name, case in CASES.items()}, train)
