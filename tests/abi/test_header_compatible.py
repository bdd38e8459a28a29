#!/usr/bin/env python3
"""header_compatible.py on our own header and small changes of it: what is allowed passes, the rest does not.

usage: test_header_compatible.py ROOT COMPILER
"""
import os
import re
import sys
import tempfile

from header_compatible import declarations, differences

root, compiler = sys.argv[1:3]
with open(f"{root}/include/adfeat.h") as file:
    header = file.read()

RESERVED = r"uint32_t reserved;  /\*\*< 0 \*/\n    float   \*data"
ALLOWED = {
    "nothing": ("", ""),
    "a new function": (r"^AD_API uint32_t ad_abi_version", r"AD_API int ad_new(void);\n\g<0>"),
    "a field at the end": (r"^\} ad_scorer_info;", r"    double extra;\n\g<0>"),
    "a new enumerator": (r"(AD_ERR_BACKEND +=) 11", r"\1 11, AD_ERR_NEW = 12"),
    "a use for a reserved field": (RESERVED, "float gain;\n    float *data"),
    "another name of a parameter": (r"ad_status_name\(ad_status status\)", "ad_status_name(ad_status s)"),
}
REFUSED = {
    "a function that is gone": (r"^AD_API uint32_t ad_abi_version\(void\);", ""),
    "another result": (r"^AD_API uint32_t ad_abi_version", "AD_API uint64_t ad_abi_version"),
    "another parameter": (r"ad_f1_max\(const float \*scores", "ad_f1_max(const double *scores"),
    "another callback": (r"(\(\*ad_progress_callback\)\(void \*user, )double", r"\1float"),
    "a field amid others": (r"^    int64_t     image_count;", r"    double extra;\n\g<0>"),
    "two fields that changed places": (r"(    int32_t +input_size;.*\n)(    int32_t +option_count;.*\n)", r"\2\1"),
    "a field that is gone": (r"^    double +fpr_limit;.*\n", ""),
    "a wider reserved field": (RESERVED, "double gain;\n    float *data"),
    "a longer array": (r"float       mean\[3\]", "float       mean[4]"),
    "another value": (r"AD_OPTION_SCORING    = 8", "AD_OPTION_SCORING    = 16"),
    "an enumerator that is gone": (r"    AD_CONVOLUTION_WINOGRAD2 = 4.*\n", ""),
}

bad, old = [], declarations(f"{root}/include/adfeat.h", compiler)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "new.h")
    for cases, refused in ((ALLOWED, False), (REFUSED, True)):
        for name, (pattern, replacement) in cases.items():
            changed = re.sub(pattern, replacement, header, flags=re.M)
            if pattern and changed == header:
                bad.append(f"{name}: the header has not what was to be changed")
            with open(path, "w") as file:
                file.write(changed)
            found = differences(old, declarations(path, compiler))
            if bool(found) != refused:
                bad.append(f"{name}: {found or 'passed'}")
print("\n".join(bad) or f"{len(ALLOWED)} changes passed, {len(REFUSED)} did not")
sys.exit(bool(bad))
