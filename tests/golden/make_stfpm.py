"""Write stfpm_<case>.safetensors: ten training steps of STFPM on ResNet-18 with seeded weights, in float64.

usage: python3 make_stfpm.py [--out DIR] [--threads 1] [--check] [--search N] [case ...]

Weights: stfpm_math.seed_module(), teacher "teacher." + name, student "student." + name, lift 2. Images: seeded_image()
number `first` onwards, `images` of them for the steps 1, 3, 5, .., as many more for the steps 2, 4, .., then 3 for
validation. The options of a case are in __metadata__, where "parameters" and "statistics" name the rows.
  loss [10], layer_loss [10, 3]    of every step before it; layer_loss without the layers' weights
  gradient.*                       of step 1, every parameter of the student
  weight1.* weight10.*             after 1 and 10 steps; .moved: the largest change of any element since the start
  statistic1.* statistic10.*       running mean and variance
After 10 steps in eval mode, on the 3 images:
  validation [3]                   mean of the summed distances; of the product at h x w; of that at combine_at x combine_at
  layer_map.*                      of the first image: the 3 layers' maps at their own size
  map.*                            of the first image at h x w: product, product at combine_at x combine_at and enlarged, sum
  score [3, 3]                     image, kind of map
.value F32 [rows, 64] at positions() of the tensor in PyTorch's order (OIHW), .sum .norm .absmax F64 [rows] of all of it.
--check prints how far float32 is, and float64 from weights disturbed by 1e-7 and 1e-6; --search tries N sets of
images and prints how near each comes to the kinks of ReLU and max-pool, and what disturbed weights change.
"""
import numpy as np
import torch

import stfpm_math as sm
import training_golden as tg

SAMPLES, STEPS, HELD_OUT, LIFT = 64, 10, 3, 2.0
BASE = {"first": 0, "images": 4, "h": 64, "w": 64, "combine_at": 8, "optimizer": "sgd", "lr": 0.4, "momentum": 0.9,
        "weight_decay": 1e-4, "loss_half": 1, "loss_batch": "mean", "layer_weights": (1, 1, 1)}
CASES = {
    "default": {"first": 2200},
    "sum": {"first": 2300, "loss_half": 0, "loss_batch": "sum", "lr": 0.02, "momentum": 0.8, "weight_decay": 5e-3},
    "adam": {"first": 1600, "optimizer": "adam", "lr": 1e-4, "weight_decay": 1e-2},
    "odd": {"first": 100, "images": 3, "h": 72, "w": 72, "combine_at": 20, "layer_weights": (1, 0.5, 2)},
}


def train(c, dtype=torch.float64, disturbed=0.0):
    """Return (what is stored, names of the rows by key, Kinks)."""
    teacher = sm.seed_module(sm.Tapped(), "teacher.").to(dtype).eval()
    student = sm.seed_module(sm.Tapped(), "student.", LIFT).to(dtype).train()
    nets, out = {"student.": student}, {}
    kinks = tg.Kinks(nets)
    tg.disturb(nets, disturbed)
    start = tg.parameters(nets)
    h, w, n = c["h"], c["w"], c["images"]
    batches = [sm.seeded_batch(c["first"] + n * k, n, h, w, dtype) for k in range(2)]
    with torch.no_grad():
        targets = [teacher(x) for x in batches]
    opt = sm.optimizer(c["optimizer"], student.parameters(), c["lr"], c["momentum"], c["weight_decay"])
    loss, layer_loss = [], []
    for step in range(1, STEPS + 1):
        opt.zero_grad()
        k = (step - 1) % 2
        parts = sm.layer_losses(targets[k], student(batches[k]), c["loss_half"], c["loss_batch"] == "sum")
        total = sm.weighted(parts, c["layer_weights"])
        total.backward()
        loss.append(total.item())
        layer_loss.append([p.item() for p in parts])
        if step == 1:
            tg.store_rows(out, "gradient", tg.gradients(nets), SAMPLES)
        opt.step()
        if step in (1, STEPS):
            tg.store_rows(out, "weight%d" % step, tg.parameters(nets), SAMPLES, start)
            tg.store_rows(out, "statistic%d" % step, tg.statistics(nets), SAMPLES)
    out["loss"], out["layer_loss"] = np.array(loss), np.array(layer_loss)

    student.eval()
    with torch.no_grad():
        x = sm.seeded_batch(c["first"] + 2 * n, HELD_OUT, h, w, dtype)
        maps = [sm.distance(t, s) for t, s in zip(teacher(x), student(x))]
    rows = {"gradient": list(start), "weight1": list(start), "weight10": list(start),
            "statistic1": list(tg.statistics(nets)), "statistic10": list(tg.statistics(nets))}
    rows.update(tg.store_maps(out, maps, h, w, c["combine_at"], SAMPLES))
    return out, rows, kinks


if __name__ == "__main__":
    tg.main("make_stfpm.py", "stfpm", {name: {**BASE, **case} for name, case in CASES.items()}, train)
