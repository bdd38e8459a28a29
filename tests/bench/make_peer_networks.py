#!/usr/bin/env python3
"""One network with seeded weights for every engine of networks.sh.

    make_peer_networks.py NETWORK SIZE FOLDER

NETWORK is resnet18, wide_resnet50_2 (to layer3) or efficientnet_b4 (to level7). Writes NETWORK.pth, a state dict of the
whole for `adfeat convert`, NETWORK.pt, the part as TorchScript, and NETWORK.onnx. Batch norms get the statistics of
noise like the image that is measured, without which a deep network with random weights blows up. Needs torch, torchvision and onnx.
"""
import os
import sys

import torch
import torchvision


def part_of(name, model):
    """What is measured of a torchvision model."""
    if name.startswith("efficientnet"):
        return model.features[:8]
    return torch.nn.Sequential(model.conv1, model.bn1, model.relu, model.maxpool, model.layer1, model.layer2,
                               model.layer3)


def noise(images, size):
    """Uniform pixels, normalised."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (torch.rand(images, 3, size, size) - mean[:, None, None]) / std[:, None, None]


def main():
    name, size, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.manual_seed(0)
    torch.set_num_threads(2)
    model = getattr(torchvision.models, name)(weights=None)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over what follows
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
        if module.__class__.__name__ == "StochasticDepth":
            module.p = 0.0
    part = part_of(name, model)
    with torch.no_grad():
        part.train()
        for _ in range(2):
            part(noise(4, size))
        part.eval()
        example = noise(1, size)
        torch.save(model.state_dict(), os.path.join(folder, name + ".pth"))
        torch.jit.trace(part, example).save(os.path.join(folder, name + ".pt"))
        torch.onnx.export(part, example, os.path.join(folder, name + ".onnx"), opset_version=13,
                          input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})


main()
