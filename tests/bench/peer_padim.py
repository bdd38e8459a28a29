#!/usr/bin/env python3
"""anomalib's PaDiM on one image, with the weights and the Gaussians of a scorer file; for padim.py.

    peer_padim.py SCORER WEIGHTS IMAGE THREADS RUNS MAP

SCORER is a padim scorer of a ResNet-18 at 256 without a crop, WEIGHTS the network with its batch norms folded. The input
is the image as a normalised tensor, made before the clock runs. Prints the fastest and the median run in ms; the map's
largest difference from MAP (raw floats, 256 x 256), relative to MAP's largest value, away from the border, where the two
blurs continue the map differently; and the process' largest memory.
"""
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from anomalib.models.image.padim.torch_model import PadimModel  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

BORDER = 40  # pixels that a blur of sigma 4 and a resize by 4 can carry a border


def load_folded(network, path):
    """Batch norms become what they are after folding: a bias."""
    folded = {name: torch.from_numpy(np.array(array, np.float32)) for name, array in load_file(path).items()}
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data.copy_(folded[name + ".weight"])
            norm = name.replace("conv", "bn") if "downsample" not in name else name[:-1] + "1"
            norm = dict(network.named_modules())[norm]
            norm.weight.data.fill_(1.0)
            norm.bias.data.copy_(folded[name + ".bias"])
            norm.running_mean.fill_(0.0)
            norm.running_var.fill_(1.0 - norm.eps)


def load_gaussians(model, path):
    """The inverse covariances from the packed columns of their factors."""
    scorer = load_file(path)
    d = len(scorer["subset"])
    model.idx = torch.from_numpy(scorer["subset"].astype(np.int64))
    model.gaussian.mean = torch.from_numpy(scorer["mean"].reshape(-1, d).T.copy())
    rows, columns = np.concatenate([np.arange(c, d) for c in range(d)]), np.repeat(np.arange(d), np.arange(d, 0, -1))
    inverse = np.empty((len(scorer["factor"]), d, d), np.float32)
    for p, packed in enumerate(scorer["factor"]):
        factor = np.zeros((d, d), np.float64)
        factor[rows, columns] = packed
        inverse[p] = factor.T @ factor
    model.gaussian.inv_covariance = torch.from_numpy(inverse)


def main():
    scorer, weights, image, threads, runs, path = sys.argv[1:]
    torch.set_num_threads(int(threads))
    model = PadimModel(backbone="resnet18", layers=["layer1", "layer2", "layer3"], pre_trained=False, n_features=100)
    load_folded(model.feature_extractor.feature_extractor, weights)
    load_gaussians(model, scorer)
    model.eval()
    pixels = np.asarray(Image.open(image).convert("RGB"), np.float32) / 255.0
    pixels = (pixels - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    tensor = torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy())
    times = []
    with torch.inference_mode():
        for i in range(int(runs) + 3):
            before = time.perf_counter()
            found = model(tensor)
            times.append(1e3 * (time.perf_counter() - before))
    heat = found.anomaly_map.numpy().reshape(256, 256)
    ours = np.fromfile(path, np.float32).reshape(256, 256)
    inner = slice(BORDER, 256 - BORDER)
    difference = np.abs(heat - ours)[inner, inner].max() / np.abs(ours).max()
    times = sorted(times[3:])
    print("fastest_ms %.3f median_ms %.3f peak_mib %.1f difference %.2e"
          % (times[0], times[len(times) // 2], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, difference))


main()
