"""include/adfeat.h in ctypes, name for name: enums (_enums.py), structs, callbacks and every function; and the loading.

No other file of this package uses ctypes. `lib` is the loaded library; its functions know their types. ctypes
releases the GIL around every call. tests/bindings/test_abi.py compares all of this with the header and the C
compiler."""
from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, Structure, c_char, c_int, c_int64, c_size_t, c_uint32, c_uint64
from ctypes import byref as byref, c_char_p as c_char_p, c_double as c_double, c_float as c_float  # for the other files
from ctypes import c_int32 as c_int32, c_void_p as c_void_p, sizeof as sizeof
from typing import Any, Dict, List, Tuple, Type, TypeVar

from ._enums import *  # noqa: F403  # for the other files
from ._find import SONAME, damage, places
from ._version import VERSION
from .errors import LibraryError

# ---- Callbacks: keep the object alive for as long as C may call it ------------------------------

ad_log_callback = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)
ad_alloc_callback = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_size_t, c_size_t)
ad_free_callback = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
ad_progress_callback = ctypes.CFUNCTYPE(c_int, c_void_p, c_double)
ad_metadata_callback = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_char_p)
# ad_image_callback follows ad_image, ad_train_callback ad_train_progress

# ---- Structs -------------------------------------------------------------------------------


class ad_context_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("num_threads", c_int32), ("device", c_char_p),
                ("alloc", ad_alloc_callback), ("free", ad_free_callback), ("alloc_user", c_void_p),
                ("log", ad_log_callback), ("log_user", c_void_p), ("memory_limit", c_uint64), ("max_side", c_int64),
                ("max_pixels", c_int64), ("max_file_bytes", c_int64)]


class ad_image(Structure):
    _fields_ = [("struct_size", c_uint32), ("format", c_uint32), ("pixels", c_void_p), ("width", c_int64),
                ("height", c_int64), ("row_bytes", c_int64), ("owner", c_void_p), ("depth", c_void_p),
                ("depth_width", c_int64), ("depth_height", c_int64), ("depth_row_bytes", c_int64),
                ("depth_pixel_bytes", c_int64), ("depth_owner", c_void_p)]


ad_image_callback = ctypes.CFUNCTYPE(c_int, c_void_p, c_int64, POINTER(ad_image))


class ad_map(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("data", c_void_p), ("width", c_int64),
                ("height", c_int64), ("row_bytes", c_int64)]


class ad_read_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("min_side", c_int32), ("orientation", c_int32), ("significant_bits", c_int32)]


class ad_dataset_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("split", c_int32), ("depth_scale", c_double), ("depth", c_int32),
                ("mask_good", c_int32), ("one_class", c_char_p), ("good", c_char_p), ("layout", c_char_p),
                ("normal_dir", c_char_p), ("normal_test_dir", c_char_p), ("abnormal_dir", c_char_p),
                ("mask_dir", c_char_p), ("csv", c_char_p), ("category", c_char_p), ("orientation", c_int32),
                ("significant_bits", c_int32)]


class ad_sample(Structure):
    _fields_ = [("struct_size", c_uint32), ("label", c_int32), ("name", c_char_p), ("group", c_char_p),
                ("has_mask", c_int32), ("has_depth", c_int32)]


class ad_backbone_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("padding", c_int32), ("prefix", c_char_p), ("graph", c_char_p),
                ("batchnorm_eps", c_double), ("convolution", c_int32), ("reserved", c_int32),
                ("expected_digest", c_char_p), ("architecture", c_char_p)]


class ad_backbone_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("input_size", c_int32), ("architecture", c_char_p),
                ("digest", c_char_p), ("parameter_count", c_int64), ("dialect", c_char_p), ("padding", c_int32),
                ("reserved", c_int32), ("batchnorm_eps", c_double), ("mean", c_float * 3), ("std", c_float * 3)]


class ad_layer_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("available", c_int32), ("name", c_char_p), ("height", c_int64),
                ("width", c_int64), ("channels", c_int64)]


class ad_preprocess(Structure):
    _fields_ = [("struct_size", c_uint32), ("size", c_int32), ("crop", c_int32), ("resize", c_int32),
                ("aspect", c_int32), ("mean", c_float * 3), ("std", c_float * 3), ("reserved", c_int32 * 5)]


class ad_features(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("layer", c_char_p), ("data", c_void_p),
                ("capacity", c_int64), ("height", c_int64), ("width", c_int64), ("channels", c_int64)]


class ad_step_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("residual", c_int32), ("name", c_char_p), ("op", c_char_p),
                ("kernel", c_char_p), ("activation", c_char_p), ("height", c_int64), ("width", c_int64),
                ("channels", c_int64), ("multiply_adds", c_int64), ("weight_bytes", c_int64), ("ms", c_double)]


ad_step_callback = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(ad_step_info))


class ad_train_progress(Structure):
    _fields_ = [("struct_size", c_uint32), ("epoch_done", c_int32), ("phase", c_char_p),
                ("phase_index", c_int32), ("phases", c_int32), ("epoch", c_int32), ("epochs", c_int32),
                ("batch", c_int32), ("batches", c_int32), ("loss", c_double), ("similarity", c_double),
                ("reconstruction", c_double), ("validation", c_double), ("best_validation", c_double),
                ("best_epoch", c_int32), ("resumed", c_int32), ("seconds", c_double),
                ("seconds_left", c_double)]


ad_train_callback = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(ad_train_progress))


class ad_fit_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("resume", c_uint32), ("progress", ad_progress_callback),
                ("user", c_void_p), ("train", ad_train_callback), ("checkpoint_dir", c_char_p),
                ("skip_damaged", c_int32), ("reserved", c_int32)]


class ad_scorer_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("has_map", c_int32), ("method", c_char_p), ("architecture", c_char_p),
                ("backbone_digest", c_char_p), ("input_size", c_int32), ("option_count", c_int32),
                ("image_count", c_int64), ("normal_score", c_double), ("normal_map", c_double),
                ("score_limit", c_double)]


class ad_scorer_save_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("embed_backbone", c_int32)]


class ad_gaussian_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("reduce", c_int32), ("reduce_threshold", c_double),
                ("layers", c_char_p), ("preprocess", ad_preprocess), ("pixel", c_int32), ("ddof", c_int32),
                ("squared", c_int32), ("samples", c_int32), ("blur_sigma", c_double)]


class ad_padim_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("dimensions", c_int32), ("layers", c_char_p),
                ("preprocess", ad_preprocess), ("seed", c_uint64), ("covariance", c_int32), ("reserved", c_int32),
                ("ridge", c_double), ("blur_sigma", c_double), ("memory_limit", c_uint64)]


class ad_student_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("kind", c_int32), ("layers", c_char_p), ("seed", c_uint64),
                ("unet_head", c_int32), ("unet_depth", c_int32), ("unet_convs", c_int32), ("reserved", c_int32),
                ("mode", c_int32), ("flow_blocks", c_int32), ("flow_hidden", c_int32), ("student_blocks", c_int32),
                ("student_hidden", c_int32), ("positions", c_int32), ("alpha", c_double), ("leaky", c_double),
                ("msff_out", c_int32), ("sru", c_int32), ("cru", c_int32), ("simam", c_int32), ("gate", c_int32),
                ("gn_groups", c_int32), ("cru_softmax", c_int32), ("fmm", c_int32), ("fmm_align", c_int32),
                ("levels", c_int32), ("mask_rate", c_double), ("eval_mask", c_int32), ("reserved2", c_int32)]


class ad_student_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("kind", c_int32), ("architecture", c_char_p),
                ("teacher_digest", c_char_p), ("layers", c_char_p), ("parameter_count", c_int64),
                ("epochs_trained", c_int64), ("seed", c_uint64)]


class ad_stfpm_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("epochs", c_int32), ("batch", c_int32), ("optimizer", c_int32),
                ("lr", c_double), ("momentum", c_double), ("weight_decay", c_double), ("seed", c_uint64),
                ("loss_half", c_int32), ("loss_batch", c_int32), ("validation", c_int32), ("patience", c_int32),
                ("validation_share", c_double), ("split_seed", c_uint64), ("clip_norm", c_double),
                ("layer_weights", c_char_p), ("combine", c_int32), ("combine_at", c_int32),
                ("feature_cache", c_uint64), ("memory_limit", c_uint64), ("preprocess", ad_preprocess),
                ("pretrain_epochs", c_int32), ("rec_target", c_int32), ("rec_stopgrad", c_int32),
                ("reserved2", c_int32), ("pretrain_lr", c_double), ("unet_lr", c_double),
                ("unet_weight_decay", c_double), ("rec_weight", c_double), ("sim_weight", c_double)]


class ad_ast_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("teacher_epochs", c_int32), ("student_epochs", c_int32),
                ("batch", c_int32), ("lr", c_double), ("weight_decay", c_double), ("clip_norm", c_double),
                ("seed", c_uint64), ("mask", c_int32), ("mask_norm", c_int32), ("score", c_int32),
                ("aggregate", c_int32), ("max_after_upsample", c_int32), ("mask_twice", c_int32),
                ("validation_share", c_double), ("split_seed", c_uint64), ("feature_cache", c_uint64),
                ("cache_file", c_uint64), ("cache_dir", c_char_p), ("memory_limit", c_uint64),
                ("depth_threshold", c_double), ("depth_fill", c_int32), ("depth_fill_border", c_int32),
                ("depth_corners", c_int32), ("depth_dilation", c_int32), ("preprocess", ad_preprocess)]


class ad_masked_rd_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("epochs", c_int32), ("batch", c_int32), ("loss", c_int32),
                ("lr", c_double), ("beta1", c_double), ("beta2", c_double), ("weight_decay", c_double),
                ("seed", c_uint64), ("validation_share", c_double), ("split_seed", c_uint64), ("patience", c_int32),
                ("combine", c_int32), ("blur_sigma", c_double), ("feature_cache", c_uint64),
                ("memory_limit", c_uint64), ("preprocess", ad_preprocess)]


class ad_aupro_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("connectivity", c_int32), ("fpr_limit", c_double)]


class ad_evaluation(Structure):
    _fields_ = [("struct_size", c_uint32), ("eval_size", c_int32), ("images", c_int64), ("anomalous", c_int64),
                ("image_auroc", c_double), ("image_ap", c_double), ("f1_max", c_double), ("f1_threshold", c_double),
                ("pixel_auroc", c_double), ("au_pro", c_double), ("ms_per_image", c_double), ("masked", c_int64),
                ("normal_ratio", c_double), ("image_note", c_char * 256), ("pixel_note", c_char * 512),
                ("scorer_note", c_char * 256), ("skipped", c_int64)]


class ad_evaluate_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("eval_size", c_int32), ("progress", ad_progress_callback),
                ("user", c_void_p), ("skip_damaged", c_int32), ("reserved", c_int32)]


# ---- Functions: what each returns and takes ------------------------------------------------------

_status, _handle, _out_handle = c_int, c_void_p, POINTER(c_void_p)

FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    # status and version
    "ad_status_name": (c_char_p, [_status]),
    "ad_last_error_message": (c_char_p, []),
    "ad_version_string": (c_char_p, []),
    "ad_abi_version": (c_uint32, []),
    "ad_build_info": (c_char_p, []),
    # context
    "ad_context_options_init": (None, [POINTER(ad_context_options), c_size_t]),
    "ad_context_create": (_status, [POINTER(ad_context_options), _out_handle]),
    "ad_context_destroy": (None, [_handle]),
    # images
    "ad_read_options_init": (None, [POINTER(ad_read_options), c_size_t]),
    "ad_read_options_set": (_status, [POINTER(ad_read_options), c_char_p, c_char_p]),
    "ad_image_read": (_status, [_handle, c_char_p, POINTER(ad_read_options), POINTER(ad_image)]),
    "ad_image_read_mask": (_status, [_handle, c_char_p, c_int32, POINTER(ad_image)]),
    "ad_image_decode": (_status, [_handle, c_void_p, c_size_t, POINTER(ad_read_options), POINTER(ad_image)]),
    "ad_image_read_depth": (_status, [_handle, c_char_p, c_double, POINTER(ad_image)]),
    "ad_image_release": (None, [POINTER(ad_image)]),
    "ad_image_write_png": (_status, [_handle, POINTER(ad_image), c_char_p]),
    # datasets
    "ad_dataset_options_init": (None, [POINTER(ad_dataset_options), c_size_t]),
    "ad_dataset_open": (_status, [_handle, c_char_p, POINTER(ad_dataset_options), _out_handle]),
    "ad_dataset_open_list": (_status, [_handle, POINTER(c_char_p), POINTER(c_int32), c_int64, _out_handle]),
    "ad_dataset_from_callback": (_status, [_handle, ad_image_callback, c_void_p, c_int64, _out_handle]),
    "ad_dataset_count": (c_int64, [_handle]),
    "ad_dataset_get": (_status, [_handle, c_int64, POINTER(ad_sample)]),
    "ad_dataset_select": (_status, [_handle, POINTER(c_int64), c_int64, _out_handle]),
    "ad_dataset_read_image": (_status, [_handle, c_int64, POINTER(ad_read_options), POINTER(ad_image)]),
    "ad_dataset_read_mask": (_status, [_handle, c_int64, POINTER(ad_read_options), POINTER(ad_image)]),
    "ad_dataset_destroy": (None, [_handle]),
    # backbones and features
    "ad_backbone_options_init": (None, [POINTER(ad_backbone_options), c_size_t]),
    "ad_backbone_options_set": (_status, [POINTER(ad_backbone_options), c_char_p, c_char_p]),
    "ad_architecture_count": (c_int32, []),
    "ad_architecture_name": (c_char_p, [c_int32]),
    "ad_backbone_open": (_status, [_handle, c_char_p, POINTER(ad_backbone_options), _out_handle]),
    "ad_backbone_from_memory": (_status, [_handle, c_void_p, c_size_t, POINTER(ad_backbone_options), _out_handle]),
    "ad_backbone_destroy": (None, [_handle]),
    "ad_backbone_get_info": (_status, [_handle, POINTER(ad_backbone_info)]),
    "ad_backbone_layer_count": (c_int32, [_handle]),
    "ad_backbone_layer_info": (_status, [_handle, c_int32, c_int64, c_int64, POINTER(ad_layer_info)]),
    "ad_preprocess_init": (None, [POINTER(ad_preprocess), c_size_t]),
    "ad_extract_features": (_status, [_handle, POINTER(ad_image), POINTER(ad_preprocess), POINTER(ad_features),
                                      c_int32]),
    "ad_backbone_profile": (_status, [_handle, POINTER(ad_preprocess), c_char_p, c_int32, ad_step_callback, c_void_p]),
    # fitting
    "ad_fit_options_init": (None, [POINTER(ad_fit_options), c_size_t]),
    "ad_fit": (_status, [_handle, _handle, POINTER(ad_fit_options), _out_handle]),
    "ad_fitter_add": (_status, [_handle, POINTER(ad_image)]),
    "ad_fitter_set_read_options": (_status, [_handle, POINTER(ad_read_options)]),
    "ad_fitter_merge": (_status, [_handle, _handle]),
    "ad_fitter_finish": (_status, [_handle, _out_handle]),
    "ad_fitter_count": (c_int64, [_handle]),
    "ad_fitter_skipped": (c_int64, [_handle]),
    "ad_fitter_memory": (c_size_t, [_handle]),
    "ad_fitter_destroy": (None, [_handle]),
    # scoring
    "ad_score_image": (_status, [_handle, POINTER(ad_image), POINTER(c_float)]),
    "ad_score_batch": (_status, [_handle, POINTER(ad_image), c_int64, POINTER(ad_map), POINTER(c_float)]),
    "ad_anomaly_map": (_status, [_handle, POINTER(ad_image), POINTER(ad_map), POINTER(c_float)]),
    "ad_scorer_read_options": (_status, [_handle, POINTER(ad_read_options)]),
    "ad_scorer_get_info": (_status, [_handle, POINTER(ad_scorer_info)]),
    "ad_scorer_get_option": (_status, [_handle, c_int32, POINTER(c_char_p), POINTER(c_char_p)]),
    "ad_scorer_save_options_init": (None, [POINTER(ad_scorer_save_options), c_size_t]),
    "ad_scorer_save": (_status, [_handle, c_char_p, POINTER(ad_scorer_save_options)]),
    "ad_scorer_load": (_status, [_handle, c_char_p, c_char_p, _out_handle]),
    "ad_scorer_load_onto": (_status, [_handle, c_char_p, _out_handle]),
    "ad_file_metadata": (_status, [_handle, c_char_p, ad_metadata_callback, c_void_p]),
    "ad_scorer_retain": (_handle, [_handle]),
    "ad_scorer_destroy": (None, [_handle]),
    # methods
    "ad_gaussian_options_init": (None, [POINTER(ad_gaussian_options), c_size_t]),
    "ad_gaussian_options_set": (_status, [POINTER(ad_gaussian_options), c_char_p, c_char_p]),
    "ad_gaussian_fitter_create": (_status, [_handle, POINTER(ad_gaussian_options), _out_handle]),
    "ad_padim_options_init": (None, [POINTER(ad_padim_options), c_size_t]),
    "ad_padim_options_set": (_status, [POINTER(ad_padim_options), c_char_p, c_char_p]),
    "ad_padim_fitter_create": (_status, [_handle, POINTER(ad_padim_options), _out_handle]),
    # students
    "ad_student_options_init": (None, [POINTER(ad_student_options), c_size_t]),
    "ad_student_options_set": (_status, [POINTER(ad_student_options), c_char_p, c_char_p]),
    "ad_fitter_create": (_status, [_handle, c_char_p, c_char_p, _out_handle]),
    "ad_fitter_create_with": (_status, [_handle, c_char_p, _out_handle]),
    "ad_fitter_student": (_handle, [_handle]),
    "ad_student_create": (_status, [_handle, c_char_p, c_char_p, _out_handle]),
    "ad_student_load": (_status, [_handle, c_char_p, c_char_p, c_char_p, _out_handle]),
    "ad_student_create_old": (_status, [_handle, POINTER(ad_student_options), _out_handle]),
    "ad_student_load_old": (_status, [_handle, c_char_p, POINTER(ad_student_options), _out_handle]),
    "ad_student_save": (_status, [_handle, c_char_p]),
    "ad_student_get_info": (_status, [_handle, POINTER(ad_student_info)]),
    "ad_student_retain": (_handle, [_handle]),
    "ad_student_destroy": (None, [_handle]),
    "ad_stfpm_options_init": (None, [POINTER(ad_stfpm_options), c_size_t]),
    "ad_stfpm_options_set": (_status, [POINTER(ad_stfpm_options), c_char_p, c_char_p]),
    "ad_stfpm_fitter_create": (_status, [_handle, POINTER(ad_stfpm_options), _out_handle]),
    "ad_ast_options_init": (None, [POINTER(ad_ast_options), c_size_t]),
    "ad_ast_options_set": (_status, [POINTER(ad_ast_options), c_char_p, c_char_p]),
    "ad_ast_fitter_create": (_status, [_handle, POINTER(ad_ast_options), _out_handle]),
    "ad_masked_rd_options_init": (None, [POINTER(ad_masked_rd_options), c_size_t]),
    "ad_masked_rd_options_set": (_status, [POINTER(ad_masked_rd_options), c_char_p, c_char_p]),
    "ad_masked_rd_fitter_create": (_status, [_handle, POINTER(ad_masked_rd_options), _out_handle]),
    # metrics
    "ad_auroc": (_status, [c_void_p, c_void_p, c_size_t, POINTER(c_double)]),
    "ad_average_precision": (_status, [c_void_p, c_void_p, c_size_t, POINTER(c_double)]),
    "ad_f1_max": (_status, [c_void_p, c_void_p, c_size_t, POINTER(c_double), POINTER(c_float)]),
    "ad_aupro_options_init": (None, [POINTER(ad_aupro_options), c_size_t]),
    "ad_aupro": (_status, [POINTER(ad_map), POINTER(ad_image), c_size_t, POINTER(ad_aupro_options),
                           POINTER(c_double)]),
    "ad_pixel_auroc": (_status, [POINTER(ad_map), POINTER(ad_image), c_size_t, POINTER(c_double)]),
    "ad_evaluate_options_init": (None, [POINTER(ad_evaluate_options), c_size_t]),
    "ad_evaluate": (_status, [_handle, _handle, POINTER(ad_evaluate_options), POINTER(ad_evaluation), c_void_p]),
}

# ---- Small things that need ctypes ----------------------------------------------------------------


def note(value: bytes) -> str:
    """A text in a struct; a long one may have been cut inside a character."""
    return value.decode("utf-8", "replace")


AnyStruct = TypeVar("AnyStruct", bound=Structure)


def sized(kind: Type[AnyStruct]) -> AnyStruct:
    """A zeroed struct whose struct_size is set."""
    return kind(sizeof(kind))


def defaults(kind: Type[AnyStruct]) -> AnyStruct:
    """An options struct as its init function fills it."""
    options = kind()
    getattr(lib, kind.__name__ + "_init")(byref(options), sizeof(kind))
    return options


def array_of(kind: Any, items: Any) -> Any:
    """A C array of the items."""
    return (kind * len(items))(*items)


# ---- Loading -------------------------------------------------------------------------------

ABI_VERSION = int(VERSION.split(".")[0]) * 1000 + int(VERSION.split(".")[1])
"""What ad_abi_version() must answer: the structs above are those of this version."""


def _version_text(abi: int) -> str:
    return "%d.%d" % divmod(abi, 1000)


def _declare(library: ctypes.CDLL, path: str) -> ctypes.CDLL:
    """Check the version before anything else is believed of a library, then tell ctypes the types."""
    try:
        version = library.ad_abi_version
    except AttributeError:
        raise LibraryError("'%s' is not libadfeat: it has no ad_abi_version()" % path) from None
    version.restype, version.argtypes = c_uint32, []
    if version() != ABI_VERSION:
        raise LibraryError("'%s' has ABI version %s, these Python bindings need %s"
                           % (path, _version_text(version()), _version_text(ABI_VERSION)))
    for name, (restype, argtypes) in FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibraryError("'%s' has no %s(), which these Python bindings call: it is older than they are"
                               % (path, name)) from None
        function.restype, function.argtypes = restype, argtypes
    return library


def load() -> Tuple[ctypes.CDLL, str]:
    """The first library found and its path; see _find.py for the order. One that is found and does not fit is an
    error: a library that was asked for is not passed over in silence."""
    missing = []
    for place in places():
        by_name = os.sep not in place.path
        if by_name or os.path.exists(place.path):
            try:
                problem = None if by_name else damage(place.path)
                if problem:
                    raise OSError(problem)
                return _declare(ctypes.CDLL(place.path), place.path), place.path
            except OSError as error:
                # The loader says "NAME: cannot open ...: No such file ..." both of what it was asked for and of
                # what that needs; only the first means that the library is not there.
                if not (by_name and str(error).startswith(place.path + ":")):
                    raise LibraryError("cannot load '%s': %s" % (place.path, error)) from None
        missing.append("%s (%s)" % (place.origin, place.path))
    raise LibraryError("%s was not found; looked in: %s; install libadfeat, build it (cmake --preset release, cmake "
                       "--build --preset release) or set ADFEAT_LIBRARY to its path"
                       % (SONAME, ", ".join(missing)))


lib, library_path = load()
