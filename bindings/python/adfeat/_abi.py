# Written by python3 bindings/python/make_abi.py from include/adfeat.h: do not edit.
"""The numbers, structs, callbacks and functions of include/adfeat.h, name for name.

A callback's object must be kept for as long as C may call it. A pointer to numbers is a c_void_p:
an address that NumPy gives is as good as byref()."""
from __future__ import annotations

from ctypes import (CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int,
                    c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p)
from typing import Any, Dict, List, Tuple

AD_VERSION_MAJOR = 0
AD_VERSION_MINOR = 1
AD_VERSION_PATCH = 0


ad_log_callback = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
ad_alloc_callback = CFUNCTYPE(c_void_p, c_void_p, c_size_t, c_size_t)
ad_free_callback = CFUNCTYPE(None, c_void_p, c_void_p)


class ad_context_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("num_threads", c_int32), ("device", c_char_p),
                ("alloc", ad_alloc_callback), ("free", ad_free_callback), ("alloc_user", c_void_p),
                ("log", ad_log_callback), ("log_user", c_void_p), ("memory_limit", c_uint64),
                ("max_side", c_int64), ("max_pixels", c_int64), ("max_file_bytes", c_int64),
                ("precision", c_int32), ("reserved", c_int32)]


class ad_image(Structure):
    _fields_ = [("struct_size", c_uint32), ("format", c_uint32), ("pixels", c_void_p),
                ("width", c_int64), ("height", c_int64), ("row_bytes", c_int64),
                ("owner", c_void_p), ("depth", c_void_p), ("depth_width", c_int64),
                ("depth_height", c_int64), ("depth_row_bytes", c_int64),
                ("depth_pixel_bytes", c_int64), ("depth_owner", c_void_p)]


class ad_map(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("data", c_void_p),
                ("width", c_int64), ("height", c_int64), ("row_bytes", c_int64)]


class ad_backbone_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("padding", c_int32), ("prefix", c_char_p),
                ("graph", c_char_p), ("batchnorm_eps", c_double), ("convolution", c_int32),
                ("reserved", c_int32), ("expected_digest", c_char_p), ("architecture", c_char_p)]


class ad_dataset_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("split", c_int32), ("depth_scale", c_double),
                ("depth", c_int32), ("mask_good", c_int32), ("one_class", c_char_p),
                ("good", c_char_p), ("layout", c_char_p), ("normal_dir", c_char_p),
                ("normal_test_dir", c_char_p), ("abnormal_dir", c_char_p), ("mask_dir", c_char_p),
                ("csv", c_char_p), ("category", c_char_p), ("orientation", c_int32),
                ("significant_bits", c_int32)]


ad_progress_callback = CFUNCTYPE(c_int, c_void_p, c_double)


class ad_train_progress(Structure):
    _fields_ = [("struct_size", c_uint32), ("epoch_done", c_int32), ("phase", c_char_p),
                ("phase_index", c_int32), ("phases", c_int32), ("epoch", c_int32),
                ("epochs", c_int32), ("batch", c_int32), ("batches", c_int32), ("loss", c_double),
                ("loss_part_names", c_char_p * 4), ("loss_parts", c_double * 4),
                ("validation", c_double), ("best_validation", c_double), ("best_epoch", c_int32),
                ("resumed", c_int32), ("seconds", c_double), ("seconds_left", c_double)]


ad_train_callback = CFUNCTYPE(c_int, c_void_p, POINTER(ad_train_progress))


class ad_fit_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("resume", c_int32), ("progress", ad_progress_callback),
                ("user", c_void_p), ("train", ad_train_callback), ("checkpoint_dir", c_char_p),
                ("skip_damaged", c_int32), ("reserved", c_int32)]


class ad_scorer_save_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("embed_backbone", c_int32)]


class ad_device_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_int32), ("name", c_char * 128),
                ("total_bytes", c_uint64), ("free_bytes", c_uint64)]


class ad_read_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("min_side", c_int32), ("orientation", c_int32),
                ("significant_bits", c_int32)]


class ad_sample(Structure):
    _fields_ = [("struct_size", c_uint32), ("label", c_int32), ("name", c_char_p),
                ("group", c_char_p), ("has_mask", c_int32), ("has_depth", c_int32)]


ad_image_callback = CFUNCTYPE(c_int, c_void_p, c_int64, POINTER(ad_image))


class ad_backbone_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("input_size", c_int32), ("architecture", c_char_p),
                ("digest", c_char_p), ("parameter_count", c_int64), ("dialect", c_char_p),
                ("padding", c_int32), ("reserved", c_int32), ("batchnorm_eps", c_double),
                ("mean", c_float * 3), ("std", c_float * 3)]


class ad_layer_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("available", c_int32), ("name", c_char_p),
                ("height", c_int64), ("width", c_int64), ("channels", c_int64)]


class ad_features(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_uint32), ("layer", c_char_p),
                ("data", c_void_p), ("capacity", c_int64), ("height", c_int64), ("width", c_int64),
                ("channels", c_int64)]


class ad_student_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("reserved", c_int32), ("method", c_char_p),
                ("architecture", c_char_p), ("teacher_digest", c_char_p), ("layers", c_char_p),
                ("parameter_count", c_int64), ("epochs_trained", c_int64), ("seed", c_uint64)]


class ad_scorer_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("has_map", c_int32), ("method", c_char_p),
                ("architecture", c_char_p), ("backbone_digest", c_char_p), ("input_size", c_int32),
                ("option_count", c_int32), ("image_count", c_int64), ("normal_score", c_double),
                ("normal_map", c_double), ("score_limit", c_double)]


ad_metadata_callback = CFUNCTYPE(c_int, c_void_p, c_char_p, c_char_p)


class ad_evaluation(Structure):
    _fields_ = [("struct_size", c_uint32), ("eval_size", c_int32), ("images", c_int64),
                ("anomalous", c_int64), ("image_auroc", c_double), ("image_ap", c_double),
                ("f1_max", c_double), ("f1_threshold", c_double), ("pixel_auroc", c_double),
                ("au_pro", c_double), ("ms_per_image", c_double), ("masked", c_int64),
                ("normal_ratio", c_double), ("image_note", c_char * 256),
                ("pixel_note", c_char * 512), ("scorer_note", c_char * 256), ("skipped", c_int64)]


class ad_evaluate_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("eval_size", c_int32),
                ("progress", ad_progress_callback), ("user", c_void_p), ("skip_damaged", c_int32),
                ("reserved", c_int32)]


class ad_aupro_options(Structure):
    _fields_ = [("struct_size", c_uint32), ("connectivity", c_int32), ("fpr_limit", c_double)]


class ad_step_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("residual", c_int32), ("name", c_char_p),
                ("op", c_char_p), ("kernel", c_char_p), ("activation", c_char_p),
                ("height", c_int64), ("width", c_int64), ("channels", c_int64),
                ("multiply_adds", c_int64), ("weight_bytes", c_int64), ("ms", c_double)]


ad_step_callback = CFUNCTYPE(c_int, c_void_p, POINTER(ad_step_info))


class ad_method_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("has_maps", c_int32), ("takes_depth", c_int32),
                ("merges", c_int32), ("trains", c_int32), ("option_count", c_int32),
                ("preset_count", c_int32), ("reserved", c_int32), ("name", c_char_p),
                ("source", c_char_p), ("needs", c_char_p)]


class ad_option_info(Structure):
    _fields_ = [("struct_size", c_uint32), ("kind", c_int32), ("part", c_int32),
                ("reserved", c_int32), ("key", c_char_p), ("fallback", c_char_p),
                ("words", c_char_p), ("low", c_double), ("high", c_double), ("says", c_char_p)]


# What each function returns and takes.
FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {
    "ad_status_name": (c_char_p, [c_int]),
    "ad_last_error_message": (c_char_p, []),
    "ad_context_create": (c_int, [POINTER(ad_context_options), POINTER(c_void_p)]),
    "ad_context_destroy": (None, [c_void_p]),
    "ad_backbone_open": (c_int, [c_void_p, c_char_p, POINTER(ad_backbone_options),
                                 POINTER(c_void_p)]),
    "ad_backbone_destroy": (None, [c_void_p]),
    "ad_dataset_open": (c_int, [c_void_p, c_char_p, POINTER(ad_dataset_options),
                                POINTER(c_void_p)]),
    "ad_dataset_destroy": (None, [c_void_p]),
    "ad_fitter_create": (c_int, [c_void_p, c_char_p, c_char_p, POINTER(c_void_p)]),
    "ad_fit": (c_int, [c_void_p, c_void_p, POINTER(ad_fit_options), POINTER(c_void_p)]),
    "ad_fitter_destroy": (None, [c_void_p]),
    "ad_score_image": (c_int, [c_void_p, POINTER(ad_image), c_void_p]),
    "ad_anomaly_map": (c_int, [c_void_p, POINTER(ad_image), POINTER(ad_map), c_void_p]),
    "ad_scorer_save": (c_int, [c_void_p, c_char_p, POINTER(ad_scorer_save_options)]),
    "ad_scorer_load": (c_int, [c_void_p, c_char_p, c_char_p, POINTER(c_void_p)]),
    "ad_scorer_destroy": (None, [c_void_p]),
    "ad_version_string": (c_char_p, []),
    "ad_abi_version": (c_uint32, []),
    "ad_build_info": (c_char_p, []),
    "ad_context_options_init": (None, [POINTER(ad_context_options), c_size_t]),
    "ad_device_count": (c_int, [c_void_p]),
    "ad_device_get_info": (c_int, [c_int32, POINTER(ad_device_info)]),
    "ad_read_options_init": (None, [POINTER(ad_read_options), c_size_t]),
    "ad_read_options_set": (c_int, [POINTER(ad_read_options), c_char_p, c_char_p]),
    "ad_image_read": (c_int, [c_void_p, c_char_p, POINTER(ad_read_options), POINTER(ad_image)]),
    "ad_image_decode": (c_int, [c_void_p, c_void_p, c_size_t, POINTER(ad_read_options),
                                POINTER(ad_image)]),
    "ad_image_read_depth": (c_int, [c_void_p, c_char_p, c_double, POINTER(ad_image)]),
    "ad_image_read_mask": (c_int, [c_void_p, c_char_p, c_int32, POINTER(ad_image)]),
    "ad_image_release": (None, [POINTER(ad_image)]),
    "ad_image_write_png": (c_int, [c_void_p, POINTER(ad_image), c_char_p]),
    "ad_dataset_options_init": (None, [POINTER(ad_dataset_options), c_size_t]),
    "ad_dataset_open_list": (c_int, [c_void_p, POINTER(c_char_p), c_void_p, c_int64,
                                     POINTER(c_void_p)]),
    "ad_dataset_from_callback": (c_int, [c_void_p, ad_image_callback, c_void_p, c_int64,
                                         POINTER(c_void_p)]),
    "ad_dataset_count": (c_int64, [c_void_p]),
    "ad_dataset_get": (c_int, [c_void_p, c_int64, POINTER(ad_sample)]),
    "ad_dataset_select": (c_int, [c_void_p, c_void_p, c_int64, POINTER(c_void_p)]),
    "ad_dataset_read_image": (c_int, [c_void_p, c_int64, POINTER(ad_read_options),
                                      POINTER(ad_image)]),
    "ad_dataset_read_mask": (c_int, [c_void_p, c_int64, POINTER(ad_read_options),
                                     POINTER(ad_image)]),
    "ad_backbone_options_init": (None, [POINTER(ad_backbone_options), c_size_t]),
    "ad_backbone_options_set": (c_int, [POINTER(ad_backbone_options), c_char_p, c_char_p]),
    "ad_architecture_count": (c_int32, []),
    "ad_architecture_name": (c_char_p, [c_int32]),
    "ad_backbone_from_memory": (c_int, [c_void_p, c_void_p, c_size_t, POINTER(ad_backbone_options),
                                        POINTER(c_void_p)]),
    "ad_backbone_get_info": (c_int, [c_void_p, POINTER(ad_backbone_info)]),
    "ad_backbone_layer_count": (c_int32, [c_void_p]),
    "ad_backbone_layer_info": (c_int, [c_void_p, c_int32, c_int64, c_int64,
                                       POINTER(ad_layer_info)]),
    "ad_extract_features": (c_int, [c_void_p, POINTER(ad_image), c_char_p, POINTER(ad_features),
                                    c_int32]),
    "ad_student_create": (c_int, [c_void_p, c_char_p, c_char_p, POINTER(c_void_p)]),
    "ad_student_load": (c_int, [c_void_p, c_char_p, c_char_p, c_char_p, POINTER(c_void_p)]),
    "ad_student_save": (c_int, [c_void_p, c_char_p]),
    "ad_student_get_info": (c_int, [c_void_p, POINTER(ad_student_info)]),
    "ad_student_retain": (c_void_p, [c_void_p]),
    "ad_student_destroy": (None, [c_void_p]),
    "ad_fit_options_init": (None, [POINTER(ad_fit_options), c_size_t]),
    "ad_fitter_create_with": (c_int, [c_void_p, c_char_p, POINTER(c_void_p)]),
    "ad_fitter_student": (c_void_p, [c_void_p]),
    "ad_fitter_add": (c_int, [c_void_p, POINTER(ad_image)]),
    "ad_fitter_set_read_options": (c_int, [c_void_p, POINTER(ad_read_options)]),
    "ad_fitter_merge": (c_int, [c_void_p, c_void_p]),
    "ad_fitter_save": (c_int, [c_void_p, c_char_p]),
    "ad_fitter_load": (c_int, [c_void_p, c_char_p, POINTER(c_void_p)]),
    "ad_fitter_finish": (c_int, [c_void_p, POINTER(c_void_p)]),
    "ad_fitter_method": (c_char_p, [c_void_p]),
    "ad_fitter_read_options": (c_int, [c_void_p, POINTER(ad_read_options)]),
    "ad_fitter_count": (c_int64, [c_void_p]),
    "ad_fitter_skipped": (c_int64, [c_void_p]),
    "ad_fitter_memory": (c_size_t, [c_void_p]),
    "ad_score_batch": (c_int, [c_void_p, POINTER(ad_image), c_int64, POINTER(ad_map), c_void_p]),
    "ad_scorer_get_info": (c_int, [c_void_p, POINTER(ad_scorer_info)]),
    "ad_scorer_get_option": (c_int, [c_void_p, c_int32, POINTER(c_char_p), POINTER(c_char_p)]),
    "ad_scorer_read_options": (c_int, [c_void_p, POINTER(ad_read_options)]),
    "ad_scorer_save_options_init": (None, [POINTER(ad_scorer_save_options), c_size_t]),
    "ad_scorer_load_onto": (c_int, [c_void_p, c_char_p, POINTER(c_void_p)]),
    "ad_scorer_retain": (c_void_p, [c_void_p]),
    "ad_file_metadata": (c_int, [c_void_p, c_char_p, ad_metadata_callback, c_void_p]),
    "ad_evaluate_options_init": (None, [POINTER(ad_evaluate_options), c_size_t]),
    "ad_evaluate": (c_int, [c_void_p, c_void_p, POINTER(ad_evaluate_options),
                            POINTER(ad_evaluation), c_void_p]),
    "ad_auroc": (c_int, [c_void_p, c_void_p, c_size_t, c_void_p]),
    "ad_average_precision": (c_int, [c_void_p, c_void_p, c_size_t, c_void_p]),
    "ad_f1_max": (c_int, [c_void_p, c_void_p, c_size_t, c_void_p, c_void_p]),
    "ad_aupro_options_init": (None, [POINTER(ad_aupro_options), c_size_t]),
    "ad_aupro": (c_int, [POINTER(ad_map), POINTER(ad_image), c_size_t, POINTER(ad_aupro_options),
                         c_void_p]),
    "ad_pixel_auroc": (c_int, [POINTER(ad_map), POINTER(ad_image), c_size_t, c_void_p]),
    "ad_backbone_profile": (c_int, [c_void_p, c_char_p, c_char_p, c_int32, ad_step_callback,
                                    c_void_p]),
    "ad_method_count": (c_int32, []),
    "ad_method_get_info": (c_int, [c_int32, POINTER(ad_method_info)]),
    "ad_method_get_option": (c_int, [c_char_p, c_int32, POINTER(ad_option_info)]),
    "ad_method_get_preset": (c_int, [c_char_p, c_int32, POINTER(c_char_p), POINTER(c_char_p)]),
}
