"""STFPM in PyTorch, in any precision: seeded networks and images, loss, training step, maps and scores."""
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18

import golden_io

LAYERS = ("layer1", "layer2", "layer3")
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


class Tapped(nn.Module):
    """ResNet-18 up to layer3, as torchvision has it; returns the three stages."""

    def __init__(self):
        super().__init__()
        net = resnet18()
        for name in ("conv1", "bn1", "relu", "maxpool") + LAYERS:
            setattr(self, name, getattr(net, name))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        taps = []
        for name in LAYERS:
            x = getattr(self, name)(x)
            taps.append(x)
        return taps


def seed_module(module, prefix, lift=0.0):
    """Every parameter and running statistic from the generator, keyed by prefix + its name; float32 values.

    Four dimensions: (2u-1) sqrt(6 / (d1 d2 d3)), d the stored shape; weight and running_var 0.5 + u; bias and
    running_mean 0.2 (2u-1); bn2.weight a quarter. With lift every batch norm but bn2 has the weight 0.75 + 0.5 u and the
    bias `lift` more, so that few inputs of a ReLU are near 0, where float32 and float64 may take different branches.
    """
    norms = {name for name, m in module.named_modules() if isinstance(m, nn.BatchNorm2d)}
    state = {}
    for name, ref in module.state_dict().items():
        shape, (owner, what) = tuple(ref.shape), name.rsplit(".", 1)
        if what == "num_batches_tracked":
            state[name] = ref
            continue
        u = golden_io.uniform(prefix + name, shape)
        last = owner.endswith("bn2")
        up = lift if owner in norms and not last else 0.0
        if len(shape) == 4:
            value = (2 * u - 1) * math.sqrt(6.0 / (shape[1] * shape[2] * shape[3]))
        elif what == "weight":
            value = 0.75 + 0.5 * u if up else (0.25 if last else 1.0) * (0.5 + u)
        elif what == "running_var":
            value = 0.5 + u
        else:
            value = 0.2 * (2 * u - 1) + (up if what == "bias" else 0.0)
        state[name] = torch.from_numpy(value.astype(np.float32))
    module.load_state_dict(state)
    return module


def seeded_image(index, h, w):
    """uint8 [h, w, 3]: blocks of 8 x 8 with noise; (3 block + noise) / 4 in integers."""
    block = golden_io.seeded_bytes("image.%d.block" % index, (-(-h // 8), -(-w // 8), 3)).astype(np.int32)
    noise = golden_io.seeded_bytes("image.%d.noise" % index, (h, w, 3)).astype(np.int32)
    return ((3 * block.repeat(8, 0).repeat(8, 1)[:h, :w] + noise) // 4).astype(np.uint8)


def normalised(pixels):
    """uint8 [h, w, 3] to float32 [3, h, w]."""
    return ((pixels.astype(np.float32) / np.float32(255) - MEAN) / STD).transpose(2, 0, 1).copy()


def seeded_batch(first, count, h, w, dtype=torch.float64):
    return torch.from_numpy(np.stack([normalised(seeded_image(first + i, h, w)) for i in range(count)])).to(dtype)


def distance(t, s):
    """Half the squared distance of the directions, [n, h, w]."""
    return 0.5 * (F.normalize(t, dim=1, eps=1e-12) - F.normalize(s, dim=1, eps=1e-12)).pow(2).sum(1)


def layer_losses(teacher, student, half=True, batch_sum=False):
    """One loss a layer: mean over the positions, mean or sum over the images; not weighted."""
    out = []
    for t, s in zip(teacher, student):
        d = distance(t, s) if half else 2 * distance(t, s)
        out.append(d.mean((1, 2)).sum() if batch_sum else d.mean())
    return out


def weighted(losses, weights=(1, 1, 1)):
    return sum(w * x for w, x in zip(weights, losses))


def combined_map(maps, h, w, combine="product", at=0):
    """[n, h, w] of layer maps [n, fh, fw]; at: combine at this size, then enlarge the result; 0: at h x w."""
    size = (at, at) if at else (h, w)
    up = [F.interpolate(m[:, None], size, mode="bilinear", align_corners=False) for m in maps]
    m = up[0]
    for other in up[1:]:
        m = m * other if combine == "product" else m + other
    return F.interpolate(m, (h, w), mode="bilinear", align_corners=False)[:, 0]


def image_scores(maps):
    return maps.flatten(1).max(1)[0]


def validation_distance(maps):
    """Eq. 1: the layers' means over images and positions, added."""
    return sum(m.mean() for m in maps)


def validation_product(maps, h, w, at=0):
    """The official script's: the mean of the product, at its own size where `at` is given."""
    return combined_map(maps, at or h, at or w, at=at).mean()


def optimizer(kind, parameters, lr, momentum=0.9, weight_decay=1e-4):
    if kind == "adam":
        return torch.optim.Adam(parameters, lr, weight_decay=weight_decay)
    return torch.optim.SGD(parameters, lr, momentum=momentum, weight_decay=weight_decay)
