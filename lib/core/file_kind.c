/* What a safetensors file is. The library writes adfeat.kind; the converter writes of students
 * `kind` (earlier only adfeat.student.kind) and of weights `architecture`. */
#include "core/file_kind.h"

#include <string.h>

const char *adi_file_kind(const adi_safetensors *file)
{
    const char *ours = adi_st_meta(file, "adfeat.kind"), *theirs = adi_st_meta(file, "kind");
    if (ours)
        return ours;
    if ((theirs && strcmp(theirs, "student") == 0) || adi_st_meta(file, "adfeat.student.kind"))
        return "student";
    return adi_st_meta(file, "architecture") ? "weights" : NULL;
}

ad_status adi_fail_other_kind(ad_status status, const adi_safetensors *file, const char *wanted)
{
    const char *kind = adi_file_kind(file), *network = adi_st_meta(file, "architecture");
    if (kind && strcmp(kind, wanted) == 0)
        return adi_fail(status, "the %s's metadata has no 'adfeat.format'", wanted);
    if (kind && strcmp(kind, "weights") == 0)
        return adi_fail(status, "this is not a %s but weights of %.40s", wanted, network);
    if (kind)
        return adi_fail(status, "this is not a %s but a %.40s", wanted, kind);
    if (!adi_st_count(file))
        return adi_fail(status, "this is not a %s but a file without tensors", wanted);
    return adi_fail(status,
                    "this is not a %s but a file that does not say what it is; the first of its %d "
                    "tensors is '%.60s'",
                    wanted, adi_st_count(file), adi_st_at(file, 0)->name);
}
