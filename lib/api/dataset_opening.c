/* Names and listings of the folders of a dataset that is being opened. */
#include "api/dataset_opening.h"

#include <string.h>

#include "api/dataset_names.h"

const adi_allocator *adi_opening_allocator(const adi_opening *o)
{
    return &o->dataset->context->allocator;
}

ad_status adi_opening_join(const adi_opening *o, const char *folder, const char *name, char **out)
{
    *out = adi_folder_join(adi_opening_allocator(o), folder, name);
    return *out ? AD_OK : adi_fail_memory();
}

ad_status adi_opening_scan(const adi_opening *o, const char *folder, const char *name,
                         adi_folder_scan *out)
{
    char *path;
    *out = (adi_folder_scan){.allocator = adi_opening_allocator(o)};
    ADI_TRY(adi_opening_join(o, folder, name, &path));
    const ad_status status = adi_folder_read(adi_opening_allocator(o), path, out);
    adi_free(adi_opening_allocator(o), path);
    return status;
}

int adi_opening_is_good(const adi_opening *o, const char *name)
{
    return adi_name_is_good(name, o->options->good);
}

const char *adi_last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}
