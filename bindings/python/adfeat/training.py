"""Where the training of a student is."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional

from ._handle import text

__all__ = ["TrainProgress"]


@dataclass(frozen=True)
class TrainProgress:
    """Where a training is: after every batch, and after every epoch and its validation
    (`epoch_done`); of ast and masked_rd also once before the first batch."""

    phase: str  #: "student", or before it "autoencoders" (stfpm_unet) or "teacher" (ast: its flow)
    phase_index: int  #: from 0
    phases: int
    epoch: int  #: of this phase, from 1
    epochs: int
    batch: int  #: of this epoch, from 1; 0: nothing is trained yet, seconds_left is from a trial
    batches: int
    epoch_done: bool
    loss: float  #: of this batch, or with epoch_done the mean over the epoch's images
    #: its terms, before they are weighted, where it has several: "similarity" of stfpm,
    #: "reconstruction" with U-Nets too; 0 in a phase without the term
    loss_parts: Dict[str, float]
    #: error on the held-out images after the latest complete epoch; NaN before the first or without
    validation: float
    best_validation: float  #: the lowest so far; NaN before the first
    best_epoch: int  #: where that was; 0 before the first
    resumed: bool  #: this run began with a checkpoint
    seconds: float  #: since this run began
    seconds_left: float  #: what remains if it goes on as it went

    @classmethod
    def _of(cls, struct: Any) -> "TrainProgress":
        values = {name: getattr(struct, name) for name in cls.__dataclass_fields__}
        parts = {text(name): value
                 for name, value in zip(struct.loss_part_names, struct.loss_parts) if name}
        values.update(loss_parts=parts, phase=text(struct.phase), epoch_done=bool(struct.epoch_done),
                      resumed=bool(struct.resumed))
        return cls(**values)


Train = Callable[[TrainProgress], Optional[bool]]
