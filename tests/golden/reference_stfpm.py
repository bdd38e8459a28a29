"""End-to-end STFPM on ResNet-18 in PyTorch: the accuracy reference, and a training step to time against.

usage: python3 reference_stfpm.py --weights FILE --data DIR [--epochs 100] [--batch 32] [--seed 0] [--report 50,100]
           [--lr 0.4] [--momentum 0.9] [--weight-decay 1e-4] [--optimizer sgd|adam] [--no-half] [--batch-sum]
           [--val distance|product] [--combine product|sum] [--combine-at 64] [--validation-share 0.2] [--split-seed 0]
           [--size 256] [--resize pil_bilinear|pil_lanczos|cv_linear|cv_linear_float] [--no-cache] [--save FILE]
           [--threads 1]
       python3 reference_stfpm.py --bench teacher|features [--weights FILE] [--batch 32] [--size 256] [--steps 5]
           [--threads 1]

FILE holds ResNet-18, with batch norm folded into conv weight and bias or not: safetensors, npz or a torch checkpoint.
DIR is laid out like MVTec AD. The defaults are the publication's text. Every epoch prints its mean loss and its error on
the images held out by scikit-learn's rule; after the epochs of --report, and after the last, the epoch with the lowest
error so far is tested: "pixel_auroc" at the original sizes, "pixel_auroc_input" at the network's size with masks resized
linearly and every value above 0 counted. --bench times a step on seeded noise: the student's forward, loss, backward and
update, with the teacher's forward in it ("teacher") or its features given ("features"), and prints the process' largest
resident size less what it had before anything was built.
"""
import argparse
import copy
import math
import os
import resource
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import golden_io
import metric_math
import stfpm_math as sm
from reference_gaussian import FoldedResNet18, images, preprocess
from vision_math import cv_linear_fixed


def read_tensors(path):
    if path.endswith(".safetensors"):
        tensors = golden_io.load(path)[0]
    elif path.endswith(".npz"):
        tensors = dict(np.load(path))
    else:
        state = torch.load(path, map_location="cpu")
        tensors = {k: v.numpy() for k, v in state.get("state_dict", state).items()}
    return {k: v.astype(np.float32) for k, v in tensors.items()}


class Teacher(FoldedResNet18):
    """From folded tensors or torchvision's; returns the three stages."""

    def __init__(self, path):
        t = read_tensors(path)
        if "bn1.weight" in t:
            for conv in [k[:-len(".weight")] for k in t if k.endswith(".weight") and t[k].ndim == 4]:
                bn = conv[:-1] + "1" if conv.endswith("downsample.0") else conv.replace("conv", "bn")
                scale = t[bn + ".weight"] / np.sqrt(t[bn + ".running_var"].astype(np.float64) + 1e-5)
                t[conv + ".bias"] = (t[bn + ".bias"] - t[bn + ".running_mean"] * scale).astype(np.float32)
                t[conv + ".weight"] = (t[conv + ".weight"] * scale[:, None, None, None]).astype(np.float32)
        self.t = {k: torch.from_numpy(v) for k, v in t.items()}

    def __call__(self, x):
        with torch.no_grad():
            taps = super().__call__(x)
        return [taps[name] for name in sm.LAYERS]


def split(count, share, seed):
    """scikit-learn's train_test_split: (train, held out) as indices."""
    order = np.random.RandomState(seed).permutation(count)
    held_out = math.ceil(share * count)
    return order[held_out:], order[:held_out]


class Features:
    """The teacher's features by image, kept unless told otherwise."""

    def __init__(self, teacher, inputs, keep):
        self.teacher, self.inputs, self.keep, self.kept = teacher, inputs, keep, {}

    def of(self, index):
        if not self.keep:
            return self.teacher(self.inputs[index])
        for i in (int(i) for i in index):
            if i not in self.kept:
                self.kept[i] = [f.clone() for f in self.teacher(self.inputs[i:i + 1])]
        return [torch.cat([self.kept[int(i)][l] for i in index]) for l in range(len(sm.LAYERS))]


def layer_maps(teacher_features, student, x):
    student.eval()
    with torch.no_grad():
        return [sm.distance(t, s) for t, s in zip(teacher_features, student(x))]


def validation(student, features, held_out, a):
    total = 0.0
    for lo in range(0, len(held_out), a.batch):
        index = held_out[lo:lo + a.batch]
        maps = layer_maps(features.of(index), student, features.inputs[index])
        error = sm.validation_distance(maps) if a.val == "distance" else sm.validation_product(
            maps, a.size, a.size, a.combine_at)
        total += float(error) * len(index)
    return total / len(held_out)


class Test:
    """The test images, and what a student makes of them."""

    def __init__(self, a):
        self.files, self.labels, self.masks, self.a = [], [], [], a
        for kind in sorted(os.listdir(os.path.join(a.data, "test"))):
            for path in images(os.path.join(a.data, "test", kind)):
                stem = os.path.splitext(os.path.basename(path))[0]
                self.files.append(path)
                self.labels.append(kind != "good")
                self.masks.append(None if kind == "good" else os.path.join(
                    a.data, "ground_truth", kind, stem + "_mask.png"))

    def run(self, teacher, student):
        a, scores, maps, truth, small_maps, small_truth = self.a, [], [], [], [], []
        for path, mask in zip(self.files, self.masks):
            x, hw = preprocess(path, a.size, a.resize)
            m = sm.combined_map(layer_maps(teacher(x), student, x), a.size, a.size, a.combine, a.combine_at)
            scores.append(float(m.max()))
            small_maps.append(m[0].numpy().ravel())
            maps.append(F.interpolate(m[None], hw, mode="bilinear", align_corners=False).numpy().ravel())
            pixels = np.zeros(hw, np.uint8) if mask is None else np.asarray(Image.open(mask).convert("L"))
            truth.append((pixels > 0).ravel())
            small_truth.append((cv_linear_fixed(pixels[:, :, None], a.size, a.size) > 0).ravel())
        return (metric_math.auroc(scores, self.labels),
                metric_math.auroc(np.concatenate(maps), np.concatenate(truth)),
                metric_math.auroc(np.concatenate(small_maps), np.concatenate(small_truth)))


def train(a):
    teacher, test = Teacher(a.weights), Test(a)
    files = images(os.path.join(a.data, "train", "good"))
    inputs = torch.cat([preprocess(f, a.size, a.resize)[0] for f in files])
    features = Features(teacher, inputs, not a.no_cache)
    chosen, held_out = split(len(files), a.validation_share, a.split_seed)
    print("images train %d held out %d test %d defective %d" % (
        len(chosen), len(held_out), len(test.files), sum(test.labels)), flush=True)
    torch.manual_seed(a.seed)
    student = sm.Tapped()
    opt = sm.optimizer(a.optimizer, student.parameters(), a.lr, a.momentum, a.weight_decay)
    best, best_epoch, kept, began = math.inf, 0, None, time.time()
    for epoch in range(1, a.epochs + 1):
        student.train()
        order, total = chosen[torch.randperm(len(chosen)).numpy()], 0.0
        for lo in range(0, len(order), a.batch):
            index = order[lo:lo + a.batch]
            loss = sum(sm.layer_losses(features.of(index), student(inputs[index]), not a.no_half, a.batch_sum))
            opt.zero_grad()
            loss.backward()
            opt.step()
            if not math.isfinite(loss.item()):
                raise SystemExit("epoch %d: the loss is %f" % (epoch, loss.item()))
            total += loss.item() * len(index)
        error = validation(student, features, held_out, a) if len(held_out) else math.nan
        if error < best or not len(held_out):
            best, best_epoch, kept = error, epoch, copy.deepcopy(student.state_dict())
        print("epoch %d loss %.6f validation %.6g best %d seconds %.1f" % (
            epoch, total / len(order), error, best_epoch, time.time() - began), flush=True)
        if epoch in a.report or epoch == a.epochs:
            tested = sm.Tapped()
            tested.load_state_dict(kept)
            print("epoch %d best %d image_auroc %.6f pixel_auroc %.6f pixel_auroc_input %.6f" % (
                (epoch, best_epoch) + test.run(teacher, tested)), flush=True)
    if a.save:
        golden_io.save(a.save, {"student." + k: v.numpy() for k, v in kept.items()}, "reference_stfpm.py")


def bench(a):
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0

    baseline = peak()
    torch.manual_seed(a.seed)
    x = torch.randn(a.batch, 3, a.size, a.size)
    teacher = Teacher(a.weights) if a.bench == "teacher" else None
    given = [torch.rand(a.batch, 64 << i, a.size >> (2 + i), a.size >> (2 + i)) for i in range(3)] if not teacher else None
    student = sm.Tapped().train()
    opt = sm.optimizer(a.optimizer, student.parameters(), a.lr, a.momentum, a.weight_decay)
    built, seconds = peak(), []
    for _ in range(a.steps + 1):
        began = time.perf_counter()
        loss = sum(sm.layer_losses(teacher(x) if teacher else given, student(x), not a.no_half, a.batch_sum))
        opt.zero_grad()
        loss.backward()
        opt.step()
        seconds.append(time.perf_counter() - began)
    warm = sorted(seconds[1:])
    print("bench %s batch %d size %d threads %d torch %s" % (a.bench, a.batch, a.size, a.threads, torch.__version__))
    print("first_ms %.0f median_ms %.0f fastest_ms %.0f of %d" % (
        1e3 * seconds[0], 1e3 * float(np.median(warm)), 1e3 * warm[0], a.steps))
    print("baseline_mib %.1f built_mib %.1f peak_mib %.1f above_baseline_mib %.1f" % (
        baseline, built, peak(), peak() - baseline))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--weights")
    ap.add_argument("--data")
    ap.add_argument("--epochs", type=int, default=100)
    ap.add_argument("--batch", type=int, default=32)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--report", type=lambda s: [int(v) for v in s.split(",")], default=[])
    ap.add_argument("--lr", type=float, default=0.4)
    ap.add_argument("--momentum", type=float, default=0.9)
    ap.add_argument("--weight-decay", type=float, default=1e-4)
    ap.add_argument("--optimizer", default="sgd", choices=["sgd", "adam"])
    ap.add_argument("--no-half", action="store_true")
    ap.add_argument("--batch-sum", action="store_true")
    ap.add_argument("--val", default="distance", choices=["distance", "product"])
    ap.add_argument("--combine", default="product", choices=["product", "sum"])
    ap.add_argument("--combine-at", type=int, default=0)
    ap.add_argument("--validation-share", type=float, default=0.2)
    ap.add_argument("--split-seed", type=int, default=0)
    ap.add_argument("--size", type=int, default=256)
    ap.add_argument("--resize", default="pil_bilinear",
                    choices=["cv_linear", "cv_linear_float", "pil_bilinear", "pil_lanczos"])
    ap.add_argument("--no-cache", action="store_true")
    ap.add_argument("--save")
    ap.add_argument("--bench", choices=["teacher", "features"])
    ap.add_argument("--steps", type=int, default=5)
    ap.add_argument("--threads", type=int, default=1)
    a = ap.parse_args()
    if not a.weights and a.bench != "features" or not a.data and not a.bench:
        ap.error("--weights and --data are needed")
    torch.set_num_threads(a.threads)
    (bench if a.bench else train)(a)


if __name__ == "__main__":
    main()
