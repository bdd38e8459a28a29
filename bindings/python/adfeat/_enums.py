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


class ad_precision(IntEnum):
    AD_PRECISION_EXACT = 0
    AD_PRECISION_FAST = 1


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


class ad_option_kind(IntEnum):
    AD_OPTION_INTEGER = 0
    AD_OPTION_REAL = 1
    AD_OPTION_CHOICE = 2
    AD_OPTION_BYTES = 3
    AD_OPTION_SEED = 4
    AD_OPTION_TEXT = 5
    AD_OPTION_LAYERS = 6
    AD_OPTION_TRIPLE = 7


class ad_option_part(IntEnum):
    AD_OPTION_PREPROCESS = 1
    AD_OPTION_STUDENT = 2
    AD_OPTION_TRAINING = 4
    AD_OPTION_SCORING = 8
