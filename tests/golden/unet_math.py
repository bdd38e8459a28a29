"""The U-Net auto-encoders of STFPM + U-Net in PyTorch, their losses and steps."""
import torch
import torch.nn.functional as F
from torch import nn

CHANNELS = (64, 128, 256)


class CBR(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.bn(self.conv(x)))


def block(cin, cout, convs):
    return nn.Sequential(*[CBR(cin if i == 0 else cout, cout) for i in range(convs)])


class UNet(nn.Module):
    """C x S x S to the same. Encoder widths with head "none": C/2, C, 2C, so that the last concatenation has C
    channels and nothing follows; with "conv1x1": C, 2C, 4C and a 1x1 convolution back to C. depth poolings."""

    def __init__(self, c, head="none", convs=0, depth=2):
        super().__init__()
        convs = convs or (2 if head == "none" else 1)
        first = c // 2 if head == "none" else c
        widths = [first << i for i in range(depth + 1)]
        self.e1 = block(c, widths[0], convs)
        if depth == 2:
            self.e2 = block(widths[0], widths[1], convs)
        self.b = block(widths[-2], widths[-1], convs)
        self.pool = nn.MaxPool2d(2)
        if depth == 2:
            self.u2 = nn.ConvTranspose2d(widths[2], widths[1], 2, 2)
        # what u2 gives and the skip are concatenated
        self.u1 = nn.ConvTranspose2d(2 * widths[1] if depth == 2 else widths[1], widths[0], 2, 2)
        if head == "conv1x1":
            self.head = nn.Conv2d(2 * c, c, 1)

    def forward(self, x):
        e1 = self.e1(x)
        if hasattr(self, "e2"):
            e2 = self.e2(self.pool(e1))
            up = torch.cat([self.u2(self.b(self.pool(e2))), e2], 1)
        else:
            up = self.b(self.pool(e1))
        y = torch.cat([self.u1(up), e1], 1)
        return self.head(y) if hasattr(self, "head") else y


def unets(head="none", convs=0, depth=2):
    """The three, named so that their parameters are "1.e1.0.conv.weight" and so on."""
    return nn.ModuleDict({str(i + 1): UNet(c, head, convs, depth) for i, c in enumerate(CHANNELS)})


def reconstruct(aes, features):
    return [aes[str(i + 1)](f) for i, f in enumerate(features)]


def squared_errors(outputs, targets):
    """One mean squared error a layer, over all elements."""
    return [F.mse_loss(g, t) for g, t in zip(outputs, targets)]
