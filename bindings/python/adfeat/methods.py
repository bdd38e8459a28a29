"""fit(): any method by its name."""
from __future__ import annotations

from typing import Any, Dict, Optional, Type, Union

from ._handle import Path
from ._watch import Progress
from .backbone import Backbone
from .fitting import Fitter, Gaussian, Images, Padim
from .scorer import Scorer
from .training import Ast, MaskedRd, Stfpm, StfpmUnet, StudentFitter, Train

__all__ = ["fit"]

_METHODS: Dict[str, Type[Fitter]] = {"gaussian": Gaussian, "padim": Padim, "stfpm": Stfpm, "stfpm_unet": StfpmUnet,
                                     "ast": Ast, "masked_rd": MaskedRd}


def fit(backbone: Union[Backbone, Path], images: Images, method: str = "gaussian", *,
        progress: Optional[Progress] = None, format: str = "rgb", train: Optional[Train] = None,
        checkpoint_dir: Optional[Path] = None, resume: bool = False, skip_damaged: bool = False,
        **options: Any) -> Scorer:
    """Fit a method on good images: Gaussian(backbone, **options).fit(images) in one call.

    backbone is a Backbone or the path of its weights; method is "gaussian", "padim", "stfpm", "stfpm_unet", "ast" or
    "masked_rd". train, checkpoint_dir and resume are of the last four: see StudentFitter.fit().
    skip_damaged: as for Fitter.fit()."""
    if not isinstance(method, str):
        raise TypeError("method is a name, %s; a fitter of one's own has fit(images)"
                        % " or ".join(map(repr, _METHODS)))
    if method not in _METHODS:
        raise ValueError("no method %r: there are %s" % (method, ", ".join(_METHODS)))
    if isinstance(images, Backbone):
        raise TypeError("images is a Backbone: the backbone comes first, then the images")
    kind = _METHODS[method]
    training: Dict[str, Any] = {}
    if issubclass(kind, StudentFitter):
        training = {"train": train, "checkpoint_dir": checkpoint_dir, "resume": resume}
    elif train is not None or checkpoint_dir is not None or resume:
        raise TypeError("%s trains no student: train, checkpoint_dir and resume are of stfpm, stfpm_unet, ast and "
                        "masked_rd" % method)
    if not isinstance(backbone, Backbone):
        backbone = Backbone(backbone)
    with kind(backbone, **options) as fitter:
        return fitter.fit(images, progress, format, skip_damaged=skip_damaged, **training)
