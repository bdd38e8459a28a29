"""Backbones: frozen networks, and the features of an image."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _c
from ._handle import Handle, Path, check, failure, int32, path_bytes, text, text_bytes
from ._options import joined, set_all
from .context import Context, default_context
from .image import ImageLike, image_view

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .method_options import PreprocessOptions

__all__ = ["Backbone", "BackboneInfo", "LayerInfo", "Step", "architectures"]

lib = _c.lib


@dataclass(frozen=True)
class BackboneInfo:
    """What a backbone is."""

    architecture: str
    input_size: int  #: side in pixels that it was trained at
    digest: str  #: identity of architecture and weights
    parameter_count: int  #: of the layers in use
    dialect: str  #: whose tensor names the file uses: "torchvision", "timm", "efficientnet_pytorch"
    padding: str  #: "auto" where the network leaves no choice
    batchnorm_eps: float  #: 0 where the network leaves no choice
    mean: Tuple[float, float, float]  #: of the training images, R, G, B in 0..1
    std: Tuple[float, float, float]


@dataclass(frozen=True)
class LayerInfo:
    """A layer whose features can be taken, and their shape [height, width, channels]."""

    name: str
    height: int
    width: int
    channels: int
    available: bool  #: False where the weights file ends before this layer


@dataclass(frozen=True)
class Step:
    """One step of the plan by which features are computed."""

    name: str  #: of the network's node
    op: str
    kernel: str  #: "blas", "panels", "winograd", "winograd2", "expand", or ""
    activation: str  #: "" where there is none
    residual: bool  #: another step's result is added
    height: int  #: of the result
    width: int
    channels: int
    multiply_adds: int  #: of convolutions, by their definition
    weight_bytes: int
    ms: float  #: median of the runs


def architectures() -> List[str]:
    """Names of the built-in architectures."""
    return [text(lib.ad_architecture_name(i)) for i in range(lib.ad_architecture_count())]


def _side(preprocess: Dict[str, Any]) -> int:
    """Of the network's input, where the options say it, else 0; the library judges what they say."""
    for key in ("crop", "size"):
        value = preprocess.get(key)
        if isinstance(value, (int, np.integer, str)) and str(value).isdigit() \
                and 0 < int(value) <= 4096:
            return int(value)
    return 0


class Backbone(Handle):
    """A frozen feature extractor: a network and its weights. Immutable; any number of threads may use it.

    Args:
        path: a safetensors file, with the tensor names of torchvision, timm or EfficientNet-PyTorch.
        architecture: one of architectures(); None: what the file says, or what its tensors fit.
        padding: of EfficientNets: "same_dynamic", "same_static", "same_static_v063", "symmetric", "auto".
        batchnorm_eps: of EfficientNets; None: as the file says.
        prefix: put before every tensor name; None: whatever is before those of the one whole network.
        graph: text of a graph to use instead of a built-in one.
        convolution: how convolutions are computed: "auto", "blas", "panels", "winograd", "winograd2".
        expected_digest: that its info must have; None: any.
        context: None: the shared one.

    Raises FileError, FormatError, MismatchError (a tensor is missing or has another shape, or the digest is another),
    InvalidArgumentError (unknown architecture, or padding and eps or which network are left open), NumericError."""

    __slots__ = ("_context",)
    _destroy = lib.ad_backbone_destroy
    _instead = "open its file there"

    def __init__(self, path: Path, architecture: Optional[str] = None, *, padding: Optional[str] = None,
                 batchnorm_eps: Optional[float] = None, prefix: Optional[str] = None, graph: Optional[str] = None,
                 convolution: Optional[str] = None, expected_digest: Optional[str] = None,
                 context: Optional[Context] = None) -> None:
        settings = {"padding": padding, "batchnorm_eps": batchnorm_eps, "prefix": prefix,
                    "convolution": convolution, "expected_digest": expected_digest}
        self._open(lib.ad_backbone_open, (path_bytes(path),), architecture, settings, graph, context)

    @classmethod
    def from_bytes(cls, data: Any, architecture: Optional[str] = None, *, padding: Optional[str] = None,
                   batchnorm_eps: Optional[float] = None, prefix: Optional[str] = None,
                   graph: Optional[str] = None, convolution: Optional[str] = None,
                   expected_digest: Optional[str] = None, context: Optional[Context] = None) -> "Backbone":
        """The same from the bytes of a safetensors file, which are not kept."""
        array = np.frombuffer(data, np.uint8)
        self = cls.__new__(cls)
        settings = {"padding": padding, "batchnorm_eps": batchnorm_eps, "prefix": prefix,
                    "convolution": convolution, "expected_digest": expected_digest}
        self._open(lib.ad_backbone_from_memory, (array.ctypes.data, array.size), architecture, settings, graph,
                   context)
        return self

    def _open(self, function: Any, source: Tuple[Any, ...], architecture: Optional[str], settings: Dict[str, Any],
              graph: Optional[str], context: Optional[Context]) -> None:
        options = _c.defaults(_c.ad_backbone_options)
        texts = set_all(lib.ad_backbone_options_set, options, settings)
        if graph is not None:
            options.graph = text_bytes(graph)
        if architecture is not None:
            options.architecture = text_bytes(architecture)
        context = default_context(context)
        out = _c.c_void_p()
        pointer = context._borrow()
        try:
            check(function(pointer, *source, _c.byref(options), _c.byref(out)))
        finally:
            context._give_back()
        del texts
        super().__init__(out.value, context._parallel)
        self._context = context

    @property
    def context(self) -> Context:
        """The context it was made with."""
        return self._context

    @property
    def info(self) -> BackboneInfo:
        """What the library says of it, in one go."""
        info = _c.sized(_c.ad_backbone_info)
        pointer = self._borrow()
        try:
            check(lib.ad_backbone_get_info(pointer, _c.byref(info)))
            return BackboneInfo(text(info.architecture), info.input_size, text(info.digest), info.parameter_count,
                                text(info.dialect),
                                _c.ad_padding(info.padding).name[len("AD_PADDING_"):].lower(),
                                info.batchnorm_eps, tuple(info.mean), tuple(info.std))
        finally:
            self._give_back()

    @property
    def architecture(self) -> str:
        """Its name, for example "resnet18"."""
        return self.info.architecture

    @property
    def digest(self) -> str:
        """Identity of architecture and weights: equal files, equal digest."""
        return self.info.digest

    @property
    def layers(self) -> List[LayerInfo]:
        """Layers, shallow to deep, with the shapes that an image of the network's own input size gives."""
        side = self.info.input_size
        return self.layers_at(side, side)

    def layers_at(self, height: int, width: int) -> List[LayerInfo]:
        """Layers and their shapes for a network input of height x width pixels."""
        height, width = int32(height, "height"), int32(width, "width")
        pointer = self._borrow()
        try:
            found = []
            for i in range(lib.ad_backbone_layer_count(pointer)):
                layer = _c.sized(_c.ad_layer_info)
                check(lib.ad_backbone_layer_info(pointer, i, height, width, _c.byref(layer)))
                found.append(LayerInfo(text(layer.name), layer.height, layer.width, layer.channels,
                                       bool(layer.available)))
            return found
        finally:
            self._give_back()

    def extract_features(self, image: ImageLike, layers: Union[str, Sequence[str], None] = None, *,
                         format: str = "rgb", **preprocess: Unpack[PreprocessOptions]) -> Dict[str, np.ndarray]:
        """Features of one image: a dict from layer name to a new float32 array [h, w, c].

        Args:
            image: see adfeat.image; borrowed for the call.
            layers: names, or one text with commas; None: every layer that the weights file has.
            format: "rgb" or "bgr", of a colour array.
            preprocess: size, crop, resize ("pil_bilinear", "pil_lanczos", "cv_linear"), aspect ("square",
                "shorter"), mean and std (three numbers each); default: the network's input size and statistics.

        Threads: any number at once. Repeated calls of one kind reuse their plan."""
        given: Dict[str, Any] = dict(preprocess)
        options = joined(given)
        side = _side(given) or self.info.input_size
        known = {layer.name: layer for layer in self.layers_at(side, side)}
        if layers is None:
            names = [layer.name for layer in known.values() if layer.available]
        else:
            names = list(dict.fromkeys(layers.split(",") if isinstance(layers, str) else layers))
        requests, arrays, keep = [], {}, []
        for name in names:
            layer = known.get(name)
            # An unknown name goes to the library as it is, which says what there is.
            shape = (layer.height, layer.width, layer.channels) if layer else (1, 1, 1)
            arrays[name] = np.empty(shape, np.float32)
            keep.append(text_bytes(name))
            requests.append(_c.ad_features(_c.sizeof(_c.ad_features), 0, keep[-1], arrays[name].ctypes.data,
                                             arrays[name].size))
        view = image_view(image, format)
        asked = _c.array_of(_c.ad_features, requests)
        pointer = self._borrow_to_compute()
        try:
            status = lib.ad_extract_features(pointer, _c.byref(view.struct), options, asked,
                                             len(requests))
            if status:
                raise failure(status)
        finally:
            self._give_back()
        return arrays

    def profile(self, layers: Union[str, Sequence[str], None] = None, *, size: int = 0, runs: int = 20) -> List[Step]:
        """How each step of a plan is computed, and how long it takes here. layers: names, or one text with commas;
        None: the deepest. size: side of the network's input; 0: its own."""
        options = joined({"size": int32(size, "size") or None})
        names = None if layers is None else text_bytes(layers if isinstance(layers, str) else ",".join(layers))
        steps: List[Step] = []

        def take(_user: Any, pointer: Any) -> int:
            step = pointer.contents
            steps.append(Step(text(step.name), text(step.op), text(step.kernel), text(step.activation),
                              bool(step.residual), step.height, step.width, step.channels, step.multiply_adds,
                              step.weight_bytes, step.ms))
            return 0

        callback = _c.ad_step_callback(take)
        pointer = self._borrow_to_compute()
        try:
            status = lib.ad_backbone_profile(pointer, options, names, int32(runs, "runs"), callback,
                                             None)
            if status:
                raise failure(status)
        finally:
            self._give_back()
        return steps

    def __repr__(self) -> str:
        if self.closed:
            return "<Backbone, closed>"
        info = self.info
        return "<Backbone %s, digest %s>" % (info.architecture, info.digest)
