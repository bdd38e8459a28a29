"""Write dialects.csv: what three packages call the tensors of the EfficientNets.

usage: python3 make_dialects.py [--out DIR] [package ...]

Reads the names off the packages' own models: efficientnet_pytorch (B0 to B5), efficientnet_lite_pytorch (the same names for
Lite), torchvision (B0 to B5) and timm (both). A package that is not named on the command line keeps its rows, so that
they need not all be installed at once.
A row: architecture, dialect, package and version, number of tensors, CRC-32, first and last name. The checksum is taken
over the text of one line "<name> <d0>,<d1>,...\\n" for each tensor in the order of EfficientNet-PyTorch: stem and its batch
norm, blocks (expand, bn0, depthwise, bn1, se_reduce, se_expand, project, bn2), head and its batch norm; weight, bias,
running_mean, running_var within a batch norm. num_batches_tracked and the classifier are left out.
"""
import argparse
import csv
import os
import zlib

from efficientnet import SCALES, EfficientNet

COLUMNS = ["arch", "dialect", "package", "tensors", "crc32", "first", "last"]
PACKAGES = ["efficientnet_pytorch", "efficientnet_lite_pytorch", "torchvision", "timm"]
CLASSIFIERS = ("_fc.", "classifier.")


def models(package):
    """(architecture, model) of each one the package has, and the package's version."""
    lite = [name for name in SCALES if "lite" in name]
    full = [name for name in SCALES if "lite" not in name]
    if package == "torchvision":
        import torchvision
        return [(name, getattr(torchvision.models, name)()) for name in full], torchvision.__version__
    if package == "timm":
        import timm
        return [(name, timm.create_model(name)) for name in full + lite], timm.__version__
    if package == "efficientnet_pytorch":
        import efficientnet_pytorch as module
        names = full
    else:
        import efficientnet_lite_pytorch as module
        names = lite
    return [(name, module.EfficientNet.from_name(name.replace("_", "-"))) for name in names], module.__version__


def tensors(net):
    """[(name, shape)] without the classifier."""
    return [(name, tuple(t.shape)) for name, t in net.state_dict().items()
            if not name.endswith("num_batches_tracked") and not name.startswith(CLASSIFIERS)]


def rows_of(package):
    out = []
    found, version = models(package)
    for arch, net in found:
        got, want = tensors(net), tensors(EfficientNet(arch))
        for (name, shape), (ours, expected) in zip(got, want):
            if shape != expected:
                raise ValueError("%s %s: %s is %s where %s is %s" % (package, arch, name, shape, ours, expected))
        if len(got) != len(want):
            raise ValueError("%s %s: %d tensors, not %d" % (package, arch, len(got), len(want)))
        text = "".join("%s %s\n" % (name, ",".join(map(str, shape))) for name, shape in got)
        dialect = "efficientnet_pytorch" if package == "efficientnet_lite_pytorch" else package
        out.append(dict(zip(COLUMNS, [arch, dialect, "%s %s" % (package, version), len(got),
                                      "%08x" % zlib.crc32(text.encode("ascii")), got[0][0], got[-1][0]])))
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.dirname(os.path.abspath(__file__)))
    ap.add_argument("package", nargs="*", default=PACKAGES)
    a = ap.parse_args()
    path = os.path.join(a.out, "dialects.csv")
    rows = []
    if os.path.exists(path):
        with open(path, newline="") as f:
            rows = [row for row in csv.DictReader(f) if row["package"].split()[0] not in a.package]
    for package in a.package:
        rows += rows_of(package)
    order = list(SCALES)
    rows.sort(key=lambda row: (order.index(row["arch"]), row["dialect"]))
    with open(path, "w", newline="") as f:
        writer = csv.DictWriter(f, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
