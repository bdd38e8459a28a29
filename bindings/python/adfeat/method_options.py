# Written by python3 bindings/python/make_options.py from the C library's tables: do not edit.
"""The options of each method, for type checkers and editors: what fit(), Fitter() and Student()
take.

    options: PadimOptions = {"size": 256, "blur_sigma": 2}
    scorer = adfeat.fit(net, "screws", "padim", **options)

adfeat.methods() gives the same as it is in the library that is loaded."""
from __future__ import annotations

import os
from typing import Literal, Optional, Sequence, TypedDict, Union

MethodName = Literal["gaussian", "padim", "stfpm", "stfpm_unet", "ast", "masked_rd"]
StudentMethodName = Literal["stfpm", "stfpm_unet", "ast", "masked_rd"]


class ReadOptions(TypedDict, total=False):
    """How files are read; see read_image()."""

    orientation: Optional[Literal["auto", "upright", "raw"]]
    significant_bits: Optional[int]


class PreprocessOptions(TypedDict, total=False):
    """From the image to the network's input."""

    size: Union[int, Literal["auto"], None]
    """Side in pixels; auto: the backbone's; default auto."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""


class GaussianOptions(ReadOptions, total=False):
    """Of gaussian."""

    preset: Optional[Literal["wang2022", "rippel2020", "resnet18"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; auto: the backbone's; default auto."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    layers: Union[str, Sequence[str], None]
    """Comma-separated; default: the backbone's own choice."""
    reduce: Optional[str]
    """Components kept: all, the leading ones up to a share T of the variance (PCA), or those behind
    them (NPCA); auto: none for ResNets, npca:0.95 for EfficientNets; default auto."""
    pixel: Optional[Literal["none", "dense", "gap"]]
    """Statistics of the map: none (no map), of all positions, or the image's at each position;
    default dense."""
    ddof: Union[bool, int, None]
    """The covariance's divisor is the number of images minus this; default 0."""
    squared: Union[bool, int, None]
    """1: squared distances; default 0."""
    samples: Optional[int]
    """Vectors kept per layer for the shrinkage of reduced statistics; exact up to that many;
    default 16384."""
    blur_sigma: Optional[float]
    """Gaussian blur of the map in pixels at input size; 0: none; default 0."""


class PadimOptions(ReadOptions, total=False):
    """Of padim."""

    preset: Optional[Literal["defard2020"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; auto: the backbone's; default auto."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    layers: Union[str, Sequence[str], None]
    """Comma-separated, the first gives the grid of positions; default: the backbone's own choice,
    layer1,layer2,layer3 for ResNets."""
    dimensions: Union[int, Literal["all", "auto"], None]
    """Channels kept of all layers together; auto: 100 of up to 512, 550 of more; default auto."""
    seed: Optional[int]
    """Of the channels that are kept, drawn as Python's random.sample() does; default 1024."""
    covariance: Optional[Literal["ridge", "ledoit_wolf"]]
    """What makes the covariances invertible: a constant on the diagonal, or shrinkage; default
    ridge."""
    ridge: Optional[float]
    """Added to the diagonal of every covariance; default 0.01."""
    blur_sigma: Optional[float]
    """Gaussian blur of the map in pixels at input size; 0: none; default 4."""
    memory_limit: Optional[int]
    """Bytes that the statistics of a fit may hold; more is refused; default 8589934592."""


class StfpmOptions(ReadOptions, total=False):
    """Of stfpm."""

    preset: Optional[Literal["stfpm", "stfpm_official", "stfpm_accurate"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; default 256."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    layers: Union[str, Sequence[str], None]
    """Comma-separated, shallow to deep, at most 8; default: the teacher's own choice,
    layer1,layer2,layer3 for ResNets."""
    layer_weights: Union[str, "os.PathLike[str]", Sequence[float], None]
    """Comma-separated weights of the layers in the loss; default: all 1."""
    epochs: Optional[int]
    """Of training; 0: the student is used as it is; default 100."""
    batch: Optional[int]
    """Images of a step; default 32."""
    optimizer: Optional[Literal["sgd", "adam"]]
    """Of the student; default sgd."""
    lr: Optional[float]
    """Learning rate of the student; default 0.4."""
    momentum: Optional[float]
    """Of SGD; default 0.9."""
    weight_decay: Optional[float]
    """Of all parameters; default 0.0001."""
    seed: Optional[int]
    """Of the student's random parameters and of the order of images; default 0."""
    loss_half: Union[bool, int, None]
    """1: half the squared distance, as in the paper; 0: all of it; default 1."""
    loss_batch: Optional[Literal["mean", "sum"]]
    """The loss is the mean or the sum over the batch's images; default mean."""
    val: Optional[Literal["distance", "product"]]
    """Validation error: mean distance, or mean of the joined map as in the official code; default
    distance."""
    patience: Optional[int]
    """Stop after so many epochs without a lower validation error; 0: never; default 0."""
    validation_share: Optional[float]
    """Of the images, held out; the epoch with their lowest error is kept; 0: the last epoch is;
    default 0.2."""
    split_seed: Optional[int]
    """Of which images are held out, as scikit-learn's train_test_split has it; default 0."""
    clip_norm: Optional[float]
    """Largest L2 norm of all gradients; 0: any; default 0."""
    combine: Optional[Literal["product", "sum"]]
    """How the layers' maps are joined; default product."""
    combine_at: Optional[int]
    """Side at which the maps are joined; 0: the input's; default 0."""
    feature_cache: Optional[int]
    """Bytes of teacher features kept; those beyond are computed in every epoch, alike; default
    2147483648."""
    memory_limit: Optional[int]
    """Bytes that the fit may hold; more is refused; default 17179869184."""


class StfpmStudentOptions(TypedDict, total=False):
    """Of a student of stfpm."""

    preset: Optional[Literal["stfpm", "stfpm_official", "stfpm_accurate"]]
    """Several settings at once, which other options change."""
    layers: Union[str, Sequence[str], None]
    """Comma-separated, shallow to deep, at most 8; default: the teacher's own choice,
    layer1,layer2,layer3 for ResNets."""
    seed: Optional[int]
    """Of the student's random parameters and of the order of images; default 0."""


class StfpmTrainingOptions(ReadOptions, total=False):
    """Of stfpm with a student that there is."""

    preset: Optional[Literal["stfpm", "stfpm_official", "stfpm_accurate"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; default 256."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    layer_weights: Union[str, "os.PathLike[str]", Sequence[float], None]
    """Comma-separated weights of the layers in the loss; default: all 1."""
    epochs: Optional[int]
    """Of training; 0: the student is used as it is; default 100."""
    batch: Optional[int]
    """Images of a step; default 32."""
    optimizer: Optional[Literal["sgd", "adam"]]
    """Of the student; default sgd."""
    lr: Optional[float]
    """Learning rate of the student; default 0.4."""
    momentum: Optional[float]
    """Of SGD; default 0.9."""
    weight_decay: Optional[float]
    """Of all parameters; default 0.0001."""
    seed: Optional[int]
    """Of the student's random parameters and of the order of images; default 0."""
    loss_half: Union[bool, int, None]
    """1: half the squared distance, as in the paper; 0: all of it; default 1."""
    loss_batch: Optional[Literal["mean", "sum"]]
    """The loss is the mean or the sum over the batch's images; default mean."""
    val: Optional[Literal["distance", "product"]]
    """Validation error: mean distance, or mean of the joined map as in the official code; default
    distance."""
    patience: Optional[int]
    """Stop after so many epochs without a lower validation error; 0: never; default 0."""
    validation_share: Optional[float]
    """Of the images, held out; the epoch with their lowest error is kept; 0: the last epoch is;
    default 0.2."""
    split_seed: Optional[int]
    """Of which images are held out, as scikit-learn's train_test_split has it; default 0."""
    clip_norm: Optional[float]
    """Largest L2 norm of all gradients; 0: any; default 0."""
    combine: Optional[Literal["product", "sum"]]
    """How the layers' maps are joined; default product."""
    combine_at: Optional[int]
    """Side at which the maps are joined; 0: the input's; default 0."""
    feature_cache: Optional[int]
    """Bytes of teacher features kept; those beyond are computed in every epoch, alike; default
    2147483648."""
    memory_limit: Optional[int]
    """Bytes that the fit may hold; more is refused; default 17179869184."""


class StfpmUnetOptions(ReadOptions, total=False):
    """Of stfpm_unet."""

    preset: Optional[Literal["stfpm", "stfpm_official", "stfpm_accurate", "stfpm_unet"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; default 256."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    layers: Union[str, Sequence[str], None]
    """Comma-separated, shallow to deep, at most 8; default: the teacher's own choice,
    layer1,layer2,layer3 for ResNets."""
    layer_weights: Union[str, "os.PathLike[str]", Sequence[float], None]
    """Comma-separated weights of the layers in the loss; default: all 1."""
    epochs: Optional[int]
    """Of training; 0: the student is used as it is; default 100."""
    batch: Optional[int]
    """Images of a step; default 32."""
    optimizer: Optional[Literal["sgd", "adam"]]
    """Of the student; default sgd."""
    lr: Optional[float]
    """Learning rate of the student; default 0.4."""
    momentum: Optional[float]
    """Of SGD; default 0.9."""
    weight_decay: Optional[float]
    """Of all parameters; default 0.0001."""
    seed: Optional[int]
    """Of the student's random parameters and of the order of images; default 0."""
    loss_half: Union[bool, int, None]
    """1: half the squared distance, as in the paper; 0: all of it; default 1."""
    loss_batch: Optional[Literal["mean", "sum"]]
    """The loss is the mean or the sum over the batch's images; default mean."""
    val: Optional[Literal["distance", "product"]]
    """Validation error: mean distance, or mean of the joined map as in the official code; default
    distance."""
    patience: Optional[int]
    """Stop after so many epochs without a lower validation error; 0: never; default 0."""
    validation_share: Optional[float]
    """Of the images, held out; the epoch with their lowest error is kept; 0: the last epoch is;
    default 0.2."""
    split_seed: Optional[int]
    """Of which images are held out, as scikit-learn's train_test_split has it; default 0."""
    clip_norm: Optional[float]
    """Largest L2 norm of all gradients; 0: any; default 1."""
    combine: Optional[Literal["product", "sum"]]
    """How the layers' maps are joined; default product."""
    combine_at: Optional[int]
    """Side at which the maps are joined; 0: the input's; default 0."""
    feature_cache: Optional[int]
    """Bytes of teacher features kept; those beyond are computed in every epoch, alike; default
    2147483648."""
    memory_limit: Optional[int]
    """Bytes that the fit may hold; more is refused; default 17179869184."""
    pretrain_epochs: Optional[int]
    """In which the U-Nets alone learn the teacher's features; 0: none; default 50."""
    pretrain_lr: Optional[float]
    """Adam's learning rate of the U-Nets alone; default 0.001."""
    unet_lr: Optional[float]
    """Adam's learning rate of the U-Nets beside the student; default 0.0001."""
    unet_weight_decay: Optional[float]
    """Of the U-Nets; default 0."""
    rec_weight: Optional[float]
    """Weight of the reconstruction loss; default 1."""
    sim_weight: Optional[float]
    """Weight of the similarity loss; default 1."""
    rec_target: Optional[Literal["student", "teacher"]]
    """What the U-Nets re-create in the reconstruction loss; default student."""
    rec_stopgrad: Union[bool, int, None]
    """1: the student gets no gradient as that target; default 0."""
    unet_head: Optional[Literal["none", "conv1x1"]]
    """A 1x1 convolution behind a U-Net's last concatenation, or none; default none."""
    unet_depth: Optional[int]
    """Poolings of a U-Net; default 2."""
    unet_convs: Optional[int]
    """Convolutions of each block of a U-Net; 0: 2, with a head 1; default 0."""


class StfpmUnetStudentOptions(TypedDict, total=False):
    """Of a student of stfpm_unet."""

    preset: Optional[Literal["stfpm", "stfpm_official", "stfpm_accurate", "stfpm_unet"]]
    """Several settings at once, which other options change."""
    layers: Union[str, Sequence[str], None]
    """Comma-separated, shallow to deep, at most 8; default: the teacher's own choice,
    layer1,layer2,layer3 for ResNets."""
    seed: Optional[int]
    """Of the student's random parameters and of the order of images; default 0."""
    unet_head: Optional[Literal["none", "conv1x1"]]
    """A 1x1 convolution behind a U-Net's last concatenation, or none; default none."""
    unet_depth: Optional[int]
    """Poolings of a U-Net; default 2."""
    unet_convs: Optional[int]
    """Convolutions of each block of a U-Net; 0: 2, with a head 1; default 0."""


class StfpmUnetTrainingOptions(ReadOptions, total=False):
    """Of stfpm_unet with a student that there is."""

    preset: Optional[Literal["stfpm", "stfpm_official", "stfpm_accurate", "stfpm_unet"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; default 256."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    layer_weights: Union[str, "os.PathLike[str]", Sequence[float], None]
    """Comma-separated weights of the layers in the loss; default: all 1."""
    epochs: Optional[int]
    """Of training; 0: the student is used as it is; default 100."""
    batch: Optional[int]
    """Images of a step; default 32."""
    optimizer: Optional[Literal["sgd", "adam"]]
    """Of the student; default sgd."""
    lr: Optional[float]
    """Learning rate of the student; default 0.4."""
    momentum: Optional[float]
    """Of SGD; default 0.9."""
    weight_decay: Optional[float]
    """Of all parameters; default 0.0001."""
    seed: Optional[int]
    """Of the student's random parameters and of the order of images; default 0."""
    loss_half: Union[bool, int, None]
    """1: half the squared distance, as in the paper; 0: all of it; default 1."""
    loss_batch: Optional[Literal["mean", "sum"]]
    """The loss is the mean or the sum over the batch's images; default mean."""
    val: Optional[Literal["distance", "product"]]
    """Validation error: mean distance, or mean of the joined map as in the official code; default
    distance."""
    patience: Optional[int]
    """Stop after so many epochs without a lower validation error; 0: never; default 0."""
    validation_share: Optional[float]
    """Of the images, held out; the epoch with their lowest error is kept; 0: the last epoch is;
    default 0.2."""
    split_seed: Optional[int]
    """Of which images are held out, as scikit-learn's train_test_split has it; default 0."""
    clip_norm: Optional[float]
    """Largest L2 norm of all gradients; 0: any; default 1."""
    combine: Optional[Literal["product", "sum"]]
    """How the layers' maps are joined; default product."""
    combine_at: Optional[int]
    """Side at which the maps are joined; 0: the input's; default 0."""
    feature_cache: Optional[int]
    """Bytes of teacher features kept; those beyond are computed in every epoch, alike; default
    2147483648."""
    memory_limit: Optional[int]
    """Bytes that the fit may hold; more is refused; default 17179869184."""
    pretrain_epochs: Optional[int]
    """In which the U-Nets alone learn the teacher's features; 0: none; default 50."""
    pretrain_lr: Optional[float]
    """Adam's learning rate of the U-Nets alone; default 0.001."""
    unet_lr: Optional[float]
    """Adam's learning rate of the U-Nets beside the student; default 0.0001."""
    unet_weight_decay: Optional[float]
    """Of the U-Nets; default 0."""
    rec_weight: Optional[float]
    """Weight of the reconstruction loss; default 1."""
    sim_weight: Optional[float]
    """Weight of the similarity loss; default 1."""
    rec_target: Optional[Literal["student", "teacher"]]
    """What the U-Nets re-create in the reconstruction loss; default student."""
    rec_stopgrad: Union[bool, int, None]
    """1: the student gets no gradient as that target; default 0."""


class AstOptions(ReadOptions, total=False):
    """Of ast."""

    preset: Optional[Literal["ast", "ast_official"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; auto: one that gives 24x24 positions, 768 for EfficientNets' level6, 384 for
    ResNets' layer3; default auto."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    layers: Union[str, Sequence[str], None]
    """One layer; default: level6 for EfficientNets, layer3 for ResNets."""
    mode: Optional[Literal["rgb", "depth", "combi"]]
    """What the networks see: features of the pixels, depth, or both; default rgb."""
    flow_blocks: Optional[int]
    """Couplings of the flow; default 4."""
    flow_hidden: Optional[int]
    """Channels within the couplings' networks; 0: 1024, with depth 64; default 0."""
    student_blocks: Optional[int]
    """Residual blocks of the student; default 4."""
    student_hidden: Optional[int]
    """Channels of the student; default 1024."""
    positions: Optional[int]
    """Channels of the positional encoding, a multiple of 4; default 32."""
    alpha: Optional[float]
    """Largest scale of a coupling; 0: 3, with depth 1.9; default 0."""
    leaky: Optional[float]
    """Slope of the student's leaky ReLU; the authors' code has 0.01; default 0.2."""
    teacher_epochs: Union[int, Literal["auto"], None]
    """Of the flow; auto: 240, with depth 72; 0: the flow is used as it is; default auto."""
    student_epochs: Union[int, Literal["auto"], None]
    """Of the student, likewise; default auto."""
    batch: Optional[int]
    """Images of a step; an incomplete last batch is skipped; default 8."""
    lr: Optional[float]
    """Adam's learning rate; default 0.0002."""
    weight_decay: Optional[float]
    """Of all parameters; default 0.00001."""
    clip_norm: Optional[float]
    """Largest L2 norm of all gradients; 0: any; default 0."""
    seed: Optional[int]
    """Of the student's random parameters and of the order of images; default 0."""
    mask: Optional[Literal["auto", "none", "binary", "soft"]]
    """Which positions count: all, the foreground of the depth, or by its share; auto: binary with
    depth; default auto."""
    mask_norm: Optional[Literal["foreground", "all"]]
    """Losses are means over what counts (the paper) or over all positions (the code); default
    foreground."""
    score: Optional[Literal["student", "teacher"]]
    """Distance of student and flow, or the flow's negative log-likelihood alone; default
    student."""
    aggregate: Optional[Literal["auto", "mean", "max"]]
    """Image score of the positions; auto: max with a mask, else mean; default auto."""
    max_after_upsample: Union[bool, int, None]
    """1: the maximum of the enlarged map; default 0."""
    mask_twice: Union[bool, int, None]
    """1: the mask counts twice in the maximum, as in the code; default 0."""
    validation_share: Optional[float]
    """Of the images, held out; the epoch with their lowest loss is kept; 0: the last epoch is;
    default 0."""
    split_seed: Optional[int]
    """Of which images are held out, as scikit-learn's train_test_split has it; default 0."""
    feature_cache: Optional[int]
    """Bytes of features kept in memory; default 2147483648."""
    cache_file: Optional[int]
    """Bytes of features kept beyond that in a file of cache_dir, which has no name; default 0."""
    cache_dir: Union[str, "os.PathLike[str]", Sequence[float], None]
    """The folder of that file; given together with cache_file."""
    memory_limit: Optional[int]
    """Bytes that the fit may hold; more is refused; default 17179869184."""
    depth_threshold: Optional[float]
    """Metres; what differs more from a surface through the four corners is foreground; default
    0.007."""
    depth_fill: Optional[int]
    """Rounds in which holes of the depth take the mean of their neighbours; default 3."""
    depth_fill_border: Union[bool, int, None]
    """1: also in the first row and column; 0: as in the authors' code; default 0."""
    depth_corners: Optional[Literal["reject", "nearest"]]
    """A corner without depth is refused, or takes the nearest depth; default reject."""
    depth_dilation: Optional[int]
    """Side of the square that widens the foreground, at 8 depth pixels a position; default 8."""
    epochs: Union[int, Literal["auto"], None]
    """Both teacher_epochs and student_epochs."""


class AstStudentOptions(TypedDict, total=False):
    """Of a student of ast."""

    preset: Optional[Literal["ast", "ast_official"]]
    """Several settings at once, which other options change."""
    layers: Union[str, Sequence[str], None]
    """One layer; default: level6 for EfficientNets, layer3 for ResNets."""
    mode: Optional[Literal["rgb", "depth", "combi"]]
    """What the networks see: features of the pixels, depth, or both; default rgb."""
    flow_blocks: Optional[int]
    """Couplings of the flow; default 4."""
    flow_hidden: Optional[int]
    """Channels within the couplings' networks; 0: 1024, with depth 64; default 0."""
    student_blocks: Optional[int]
    """Residual blocks of the student; default 4."""
    student_hidden: Optional[int]
    """Channels of the student; default 1024."""
    positions: Optional[int]
    """Channels of the positional encoding, a multiple of 4; default 32."""
    alpha: Optional[float]
    """Largest scale of a coupling; 0: 3, with depth 1.9; default 0."""
    leaky: Optional[float]
    """Slope of the student's leaky ReLU; the authors' code has 0.01; default 0.2."""
    seed: Optional[int]
    """Of the student's random parameters and of the order of images; default 0."""


class AstTrainingOptions(ReadOptions, total=False):
    """Of ast with a student that there is."""

    preset: Optional[Literal["ast", "ast_official"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; auto: one that gives 24x24 positions, 768 for EfficientNets' level6, 384 for
    ResNets' layer3; default auto."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    teacher_epochs: Union[int, Literal["auto"], None]
    """Of the flow; auto: 240, with depth 72; 0: the flow is used as it is; default auto."""
    student_epochs: Union[int, Literal["auto"], None]
    """Of the student, likewise; default auto."""
    batch: Optional[int]
    """Images of a step; an incomplete last batch is skipped; default 8."""
    lr: Optional[float]
    """Adam's learning rate; default 0.0002."""
    weight_decay: Optional[float]
    """Of all parameters; default 0.00001."""
    clip_norm: Optional[float]
    """Largest L2 norm of all gradients; 0: any; default 0."""
    seed: Optional[int]
    """Of the student's random parameters and of the order of images; default 0."""
    mask: Optional[Literal["auto", "none", "binary", "soft"]]
    """Which positions count: all, the foreground of the depth, or by its share; auto: binary with
    depth; default auto."""
    mask_norm: Optional[Literal["foreground", "all"]]
    """Losses are means over what counts (the paper) or over all positions (the code); default
    foreground."""
    score: Optional[Literal["student", "teacher"]]
    """Distance of student and flow, or the flow's negative log-likelihood alone; default
    student."""
    aggregate: Optional[Literal["auto", "mean", "max"]]
    """Image score of the positions; auto: max with a mask, else mean; default auto."""
    max_after_upsample: Union[bool, int, None]
    """1: the maximum of the enlarged map; default 0."""
    mask_twice: Union[bool, int, None]
    """1: the mask counts twice in the maximum, as in the code; default 0."""
    validation_share: Optional[float]
    """Of the images, held out; the epoch with their lowest loss is kept; 0: the last epoch is;
    default 0."""
    split_seed: Optional[int]
    """Of which images are held out, as scikit-learn's train_test_split has it; default 0."""
    feature_cache: Optional[int]
    """Bytes of features kept in memory; default 2147483648."""
    cache_file: Optional[int]
    """Bytes of features kept beyond that in a file of cache_dir, which has no name; default 0."""
    cache_dir: Union[str, "os.PathLike[str]", Sequence[float], None]
    """The folder of that file; given together with cache_file."""
    memory_limit: Optional[int]
    """Bytes that the fit may hold; more is refused; default 17179869184."""
    depth_threshold: Optional[float]
    """Metres; what differs more from a surface through the four corners is foreground; default
    0.007."""
    depth_fill: Optional[int]
    """Rounds in which holes of the depth take the mean of their neighbours; default 3."""
    depth_fill_border: Union[bool, int, None]
    """1: also in the first row and column; 0: as in the authors' code; default 0."""
    depth_corners: Optional[Literal["reject", "nearest"]]
    """A corner without depth is refused, or takes the nearest depth; default reject."""
    depth_dilation: Optional[int]
    """Side of the square that widens the foreground, at 8 depth pixels a position; default 8."""
    epochs: Union[int, Literal["auto"], None]
    """Both teacher_epochs and student_epochs."""


class MaskedRdOptions(ReadOptions, total=False):
    """Of masked_rd."""

    preset: Optional[Literal["masked_rd", "rd4ad", "mrkd_flm"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; size and crop are multiples of 32; default 256."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    layers: Union[str, Sequence[str], None]
    """Layer1,layer2,layer3: no others are possible."""
    levels: Optional[Literal["all", "1", "2", "12", "3", "13", "23", "123"]]
    """Which of the teacher's three maps are compared, 1 is layer1's; default all."""
    msff_out: Optional[Literal["conv", "concat"]]
    """The fused maps are narrowed by a 1x1 convolution, or stand one behind the other; default
    conv."""
    sru: Union[bool, int, None]
    """1: a spatial reconstruction unit; default 1."""
    cru: Union[bool, int, None]
    """1: a channel reconstruction unit; default 1."""
    simam: Union[bool, int, None]
    """1: SimAM's attention; default 1."""
    gate: Optional[Literal["hard", "soft"]]
    """Of the spatial unit: by sign, or by a sigmoid as in SCConv's code; default hard."""
    gn_groups: Optional[int]
    """Groups of the spatial unit's normalisation; default 4."""
    cru_softmax: Optional[Literal["two_way", "joint"]]
    """Of the channel unit: between both maps, or over all channels of both; default two_way."""
    fmm: Union[bool, int, None]
    """1: generators behind masks; 0: the decoder's maps are compared; default 1."""
    fmm_align: Union[bool, int, None]
    """1: a 1x1 convolution before each mask; default 1."""
    mask_rate: Optional[float]
    """Share of positions that a mask hides; 0: none; default 0.2."""
    eval_mask: Optional[Literal["none", "seeded"]]
    """No masks when images are scored, or the same for each; default none."""
    epochs: Optional[int]
    """Of training; 0: the student is used as it is; default 200."""
    batch: Optional[int]
    """Images of a step; default 16."""
    loss: Optional[Literal["position", "flat"]]
    """Cosine distance of each position's vector, or of whole maps as in RD4AD's code; default
    position."""
    lr: Optional[float]
    """Adam's learning rate; default 0.001."""
    beta1: Optional[float]
    """Of Adam; default 0.5."""
    beta2: Optional[float]
    """Of Adam; default 0.999."""
    weight_decay: Optional[float]
    """Of all parameters; default 0.00001."""
    seed: Optional[int]
    """Of the student's random parameters, the order of images and the masks; default 0."""
    validation_share: Optional[float]
    """Of the images, held out; the epoch with their lowest loss is kept; 0: the last epoch is;
    default 0.1."""
    split_seed: Optional[int]
    """Of which images are held out, as scikit-learn's train_test_split has it; default 0."""
    patience: Optional[int]
    """Stop after so many epochs without a lower validation loss; 0: never; default 20."""
    combine: Optional[Literal["product", "sum"]]
    """How the levels' maps are joined; default sum."""
    blur_sigma: Optional[float]
    """Gaussian blur of the map in pixels at input size; 0: none; default 4."""
    feature_cache: Optional[int]
    """Bytes of teacher features kept; those beyond are computed in every epoch, alike; default
    2147483648."""
    memory_limit: Optional[int]
    """Bytes that the fit may hold; more is refused; default 17179869184."""
    scsatt: Union[bool, int, None]
    """Sru, cru and simam, all three."""


class MaskedRdStudentOptions(TypedDict, total=False):
    """Of a student of masked_rd."""

    preset: Optional[Literal["masked_rd", "rd4ad", "mrkd_flm"]]
    """Several settings at once, which other options change."""
    layers: Union[str, Sequence[str], None]
    """Layer1,layer2,layer3: no others are possible."""
    levels: Optional[Literal["all", "1", "2", "12", "3", "13", "23", "123"]]
    """Which of the teacher's three maps are compared, 1 is layer1's; default all."""
    msff_out: Optional[Literal["conv", "concat"]]
    """The fused maps are narrowed by a 1x1 convolution, or stand one behind the other; default
    conv."""
    sru: Union[bool, int, None]
    """1: a spatial reconstruction unit; default 1."""
    cru: Union[bool, int, None]
    """1: a channel reconstruction unit; default 1."""
    simam: Union[bool, int, None]
    """1: SimAM's attention; default 1."""
    gate: Optional[Literal["hard", "soft"]]
    """Of the spatial unit: by sign, or by a sigmoid as in SCConv's code; default hard."""
    gn_groups: Optional[int]
    """Groups of the spatial unit's normalisation; default 4."""
    cru_softmax: Optional[Literal["two_way", "joint"]]
    """Of the channel unit: between both maps, or over all channels of both; default two_way."""
    fmm: Union[bool, int, None]
    """1: generators behind masks; 0: the decoder's maps are compared; default 1."""
    fmm_align: Union[bool, int, None]
    """1: a 1x1 convolution before each mask; default 1."""
    mask_rate: Optional[float]
    """Share of positions that a mask hides; 0: none; default 0.2."""
    eval_mask: Optional[Literal["none", "seeded"]]
    """No masks when images are scored, or the same for each; default none."""
    seed: Optional[int]
    """Of the student's random parameters, the order of images and the masks; default 0."""
    scsatt: Union[bool, int, None]
    """Sru, cru and simam, all three."""


class MaskedRdTrainingOptions(ReadOptions, total=False):
    """Of masked_rd with a student that there is."""

    preset: Optional[Literal["masked_rd", "rd4ad", "mrkd_flm"]]
    """Several settings at once, which other options change."""
    size: Union[int, Literal["auto"], None]
    """Side in pixels; size and crop are multiples of 32; default 256."""
    crop: Optional[int]
    """Side of the centre crop in pixels; 0: no crop; default 0."""
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    """Resize filter: OpenCV's without antialias, or Pillow's, bit for bit; default pil_bilinear."""
    aspect: Optional[Literal["square", "shorter"]]
    """Resize to size x size, or the shorter side to size and crop the centre; default square."""
    mean: Union[str, Sequence[float], None]
    """R,G,B in 0 to 1 that is subtracted; default: the backbone's."""
    std: Union[str, Sequence[float], None]
    """R,G,B that it is then divided by; default: the backbone's."""
    epochs: Optional[int]
    """Of training; 0: the student is used as it is; default 200."""
    batch: Optional[int]
    """Images of a step; default 16."""
    loss: Optional[Literal["position", "flat"]]
    """Cosine distance of each position's vector, or of whole maps as in RD4AD's code; default
    position."""
    lr: Optional[float]
    """Adam's learning rate; default 0.001."""
    beta1: Optional[float]
    """Of Adam; default 0.5."""
    beta2: Optional[float]
    """Of Adam; default 0.999."""
    weight_decay: Optional[float]
    """Of all parameters; default 0.00001."""
    seed: Optional[int]
    """Of the student's random parameters, the order of images and the masks; default 0."""
    validation_share: Optional[float]
    """Of the images, held out; the epoch with their lowest loss is kept; 0: the last epoch is;
    default 0.1."""
    split_seed: Optional[int]
    """Of which images are held out, as scikit-learn's train_test_split has it; default 0."""
    patience: Optional[int]
    """Stop after so many epochs without a lower validation loss; 0: never; default 20."""
    combine: Optional[Literal["product", "sum"]]
    """How the levels' maps are joined; default sum."""
    blur_sigma: Optional[float]
    """Gaussian blur of the map in pixels at input size; 0: none; default 4."""
    feature_cache: Optional[int]
    """Bytes of teacher features kept; those beyond are computed in every epoch, alike; default
    2147483648."""
    memory_limit: Optional[int]
    """Bytes that the fit may hold; more is refused; default 17179869184."""


class AnyStudentOptions(TypedDict, total=False):
    """Of a student of any method."""

    preset: Optional[Literal["stfpm", "stfpm_official", "stfpm_accurate", "stfpm", "stfpm_official",
                     "stfpm_accurate", "stfpm_unet", "ast", "ast_official", "masked_rd", "rd4ad",
                     "mrkd_flm"]]
    layers: Union[str, Sequence[str], None]
    seed: Optional[int]
    unet_head: Optional[Literal["none", "conv1x1"]]
    unet_depth: Optional[int]
    unet_convs: Optional[int]
    mode: Optional[Literal["rgb", "depth", "combi"]]
    flow_blocks: Optional[int]
    flow_hidden: Optional[int]
    student_blocks: Optional[int]
    student_hidden: Optional[int]
    positions: Optional[int]
    alpha: Optional[float]
    leaky: Optional[float]
    levels: Optional[Literal["all", "1", "2", "12", "3", "13", "23", "123"]]
    msff_out: Optional[Literal["conv", "concat"]]
    sru: Union[bool, int, None]
    cru: Union[bool, int, None]
    simam: Union[bool, int, None]
    gate: Optional[Literal["hard", "soft"]]
    gn_groups: Optional[int]
    cru_softmax: Optional[Literal["two_way", "joint"]]
    fmm: Union[bool, int, None]
    fmm_align: Union[bool, int, None]
    mask_rate: Optional[float]
    eval_mask: Optional[Literal["none", "seeded"]]
    scsatt: Union[bool, int, None]


class AnyTrainingOptions(ReadOptions, total=False):
    """Of a training of any method."""

    preset: Optional[Literal["stfpm", "stfpm_official", "stfpm_accurate", "stfpm", "stfpm_official",
                     "stfpm_accurate", "stfpm_unet", "ast", "ast_official", "masked_rd", "rd4ad",
                     "mrkd_flm"]]
    size: Union[int, Literal["auto"], None]
    crop: Optional[int]
    resize: Optional[Literal["cv_linear", "pil_bilinear", "pil_lanczos"]]
    aspect: Optional[Literal["square", "shorter"]]
    mean: Union[str, Sequence[float], None]
    std: Union[str, Sequence[float], None]
    layer_weights: Union[str, "os.PathLike[str]", Sequence[float], None]
    epochs: Union[int, int, Literal["auto"], None]
    batch: Optional[int]
    optimizer: Optional[Literal["sgd", "adam"]]
    lr: Optional[float]
    momentum: Optional[float]
    weight_decay: Optional[float]
    seed: Optional[int]
    loss_half: Union[bool, int, None]
    loss_batch: Optional[Literal["mean", "sum"]]
    val: Optional[Literal["distance", "product"]]
    patience: Optional[int]
    validation_share: Optional[float]
    split_seed: Optional[int]
    clip_norm: Optional[float]
    combine: Optional[Literal["product", "sum"]]
    combine_at: Optional[int]
    feature_cache: Optional[int]
    memory_limit: Optional[int]
    pretrain_epochs: Optional[int]
    pretrain_lr: Optional[float]
    unet_lr: Optional[float]
    unet_weight_decay: Optional[float]
    rec_weight: Optional[float]
    sim_weight: Optional[float]
    rec_target: Optional[Literal["student", "teacher"]]
    rec_stopgrad: Union[bool, int, None]
    teacher_epochs: Union[int, Literal["auto"], None]
    student_epochs: Union[int, Literal["auto"], None]
    mask: Optional[Literal["auto", "none", "binary", "soft"]]
    mask_norm: Optional[Literal["foreground", "all"]]
    score: Optional[Literal["student", "teacher"]]
    aggregate: Optional[Literal["auto", "mean", "max"]]
    max_after_upsample: Union[bool, int, None]
    mask_twice: Union[bool, int, None]
    cache_file: Optional[int]
    cache_dir: Union[str, "os.PathLike[str]", Sequence[float], None]
    depth_threshold: Optional[float]
    depth_fill: Optional[int]
    depth_fill_border: Union[bool, int, None]
    depth_corners: Optional[Literal["reject", "nearest"]]
    depth_dilation: Optional[int]
    loss: Optional[Literal["position", "flat"]]
    beta1: Optional[float]
    beta2: Optional[float]
    blur_sigma: Optional[float]
