# Written by python3 bindings/python/make_abi.py from include/adfeat.h: do not edit.
"""The enums of include/adfeat.h, name for name."""
from __future__ import annotations

from enum import IntEnum


class ad_status(IntEnum):
    AD_OK = 0
    AD_ERR_INVALID_ARGUMENT = 1
    AD_ERR_OUT_OF_MEMORY = 2
    AD_ERR_IO = 3
    AD_ERR_FORMAT = 4
    AD_ERR_MISMATCH = 5
    AD_ERR_SHAPE = 6
    AD_ERR_UNSUPPORTED = 7
    AD_ERR_NUMERIC = 8
    AD_ERR_STATE = 9
    AD_ERR_CANCELLED = 10
    AD_ERR_BACKEND = 11


class ad_log_level(IntEnum):
    AD_LOG_WARNING = 1
    AD_LOG_INFO = 2


class ad_pixel_format(IntEnum):
    AD_PIXEL_MONO8 = 0x01080001
    AD_PIXEL_MONO10 = 0x01100003
    AD_PIXEL_MONO12 = 0x01100005
    AD_PIXEL_MONO14 = 0x01100025
    AD_PIXEL_MONO16 = 0x01100007
    AD_PIXEL_MONO10P = 0x010A0046
    AD_PIXEL_MONO12P = 0x010C0047
    AD_PIXEL_MONO10_PACKED = 0x010C0004
    AD_PIXEL_MONO12_PACKED = 0x010C0006
    AD_PIXEL_RGB8 = 0x02180014
    AD_PIXEL_BGR8 = 0x02180015
    AD_PIXEL_RGBA8 = 0x02200016
    AD_PIXEL_BGRA8 = 0x02200017


class ad_orientation(IntEnum):
    AD_ORIENTATION_AUTO = 0
    AD_ORIENTATION_UPRIGHT = 1
    AD_ORIENTATION_RAW = 2


class ad_split(IntEnum):
    AD_SPLIT_TRAIN = 0
    AD_SPLIT_TEST = 1


class ad_padding(IntEnum):
    AD_PADDING_AUTO = 0
    AD_PADDING_SAME_DYNAMIC = 1
    AD_PADDING_SAME_STATIC = 2
    AD_PADDING_SAME_STATIC_V063 = 3
    AD_PADDING_SYMMETRIC = 4


class ad_convolution(IntEnum):
    AD_CONVOLUTION_AUTO = 0
    AD_CONVOLUTION_BLAS = 1
    AD_CONVOLUTION_PANELS = 2
    AD_CONVOLUTION_WINOGRAD = 3
    AD_CONVOLUTION_WINOGRAD2 = 4


class ad_resize(IntEnum):
    AD_RESIZE_CV_LINEAR = 0
    AD_RESIZE_PIL_BILINEAR = 1
    AD_RESIZE_PIL_LANCZOS = 2


class ad_aspect(IntEnum):
    AD_ASPECT_SQUARE = 0
    AD_ASPECT_SHORTER_SIDE = 1


class ad_reduce(IntEnum):
    AD_REDUCE_NONE = 0
    AD_REDUCE_PCA = 1
    AD_REDUCE_NPCA = 2
    AD_REDUCE_AUTO = 3


class ad_pixel_fit(IntEnum):
    AD_PIXEL_FIT_NONE = 0
    AD_PIXEL_FIT_DENSE = 1
    AD_PIXEL_FIT_GAP = 2


class ad_padim_covariance(IntEnum):
    AD_PADIM_RIDGE = 0
    AD_PADIM_LEDOIT_WOLF = 1


class ad_student_kind(IntEnum):
    AD_STUDENT_STFPM = 0
    AD_STUDENT_STFPM_UNET = 1
    AD_STUDENT_AST = 2
    AD_STUDENT_MASKED_RD = 3


class ad_ast_mode(IntEnum):
    AD_AST_RGB = 0
    AD_AST_DEPTH = 1
    AD_AST_COMBI = 2


class ad_msff_out(IntEnum):
    AD_MSFF_CONV = 0
    AD_MSFF_CONCAT = 1


class ad_gate(IntEnum):
    AD_GATE_HARD = 0
    AD_GATE_SOFT = 1


class ad_cru_softmax(IntEnum):
    AD_CRU_SOFTMAX_TWO_WAY = 0
    AD_CRU_SOFTMAX_JOINT = 1


class ad_eval_mask(IntEnum):
    AD_EVAL_MASK_NONE = 0
    AD_EVAL_MASK_SEEDED = 1


class ad_levels(IntEnum):
    AD_LEVELS_ALL = 0
    AD_LEVELS_1 = 1
    AD_LEVELS_2 = 2
    AD_LEVELS_12 = 3
    AD_LEVELS_3 = 4
    AD_LEVELS_13 = 5
    AD_LEVELS_23 = 6
    AD_LEVELS_123 = 7


class ad_unet_head(IntEnum):
    AD_UNET_HEAD_NONE = 0
    AD_UNET_HEAD_CONV1X1 = 1


class ad_optimizer(IntEnum):
    AD_OPTIMIZER_SGD = 0
    AD_OPTIMIZER_ADAM = 1


class ad_loss_batch(IntEnum):
    AD_LOSS_BATCH_MEAN = 0
    AD_LOSS_BATCH_SUM = 1


class ad_validation(IntEnum):
    AD_VALIDATION_DISTANCE = 0
    AD_VALIDATION_PRODUCT = 1


class ad_combine(IntEnum):
    AD_COMBINE_PRODUCT = 0
    AD_COMBINE_SUM = 1


class ad_rec_target(IntEnum):
    AD_REC_TARGET_STUDENT = 0
    AD_REC_TARGET_TEACHER = 1


class ad_ast_mask(IntEnum):
    AD_AST_MASK_AUTO = 0
    AD_AST_MASK_NONE = 1
    AD_AST_MASK_BINARY = 2
    AD_AST_MASK_SOFT = 3


class ad_ast_mask_norm(IntEnum):
    AD_AST_MASK_NORM_FOREGROUND = 0
    AD_AST_MASK_NORM_ALL = 1


class ad_ast_score(IntEnum):
    AD_AST_SCORE_STUDENT = 0
    AD_AST_SCORE_TEACHER = 1


class ad_ast_aggregate(IntEnum):
    AD_AST_AGGREGATE_AUTO = 0
    AD_AST_AGGREGATE_MEAN = 1
    AD_AST_AGGREGATE_MAX = 2


class ad_depth_corners(IntEnum):
    AD_DEPTH_CORNERS_REJECT = 0
    AD_DEPTH_CORNERS_NEAREST = 1


class ad_rd_loss(IntEnum):
    AD_RD_LOSS_POSITION = 0
    AD_RD_LOSS_FLAT = 1
