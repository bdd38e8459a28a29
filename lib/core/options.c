/* Public structs that begin with struct_size. */
#include "core/options.h"

#include "core/float_guard.h"

#include <assert.h>
#include <string.h>

enum { MIN_STRUCT = 8, MAX_STRUCT = 4096 }; /* of any version; other sizes are garbage */

void adi_options_init(void *out, size_t struct_size, const void *defaults, size_t size)
{
    if (!out || struct_size < sizeof(uint32_t))
        return;
    memset(out, 0, struct_size);
    memcpy(out, defaults, struct_size < size ? struct_size : size);
    const uint32_t stated = (uint32_t)struct_size;
    memcpy(out, &stated, sizeof stated);
}

static uint32_t stated_size(const void *caller)
{
    uint32_t stated;
    memcpy(&stated, caller, sizeof stated);
    return stated;
}

static int all_zero(const unsigned char *bytes, size_t size)
{
    unsigned char any = 0;
    for (size_t i = 0; i < size; i++)
        any |= bytes[i];
    return any == 0;
}

static ad_status check_size(uint32_t stated, const char *what)
{
    ADI_CHECK_ARG(stated >= MIN_STRUCT && stated <= MAX_STRUCT,
                  "%s: struct_size is %u: call its init function first", what, stated);
    return AD_OK;
}

ad_status adi_struct_check(const void *caller, size_t size, const char *what)
{
    const uint32_t stated = stated_size(caller);
    ADI_TRY(check_size(stated, what));
    ADI_CHECK_ARG(stated <= size || all_zero((const unsigned char *)caller + size, stated - size),
                  "%s: struct_size is %u, and bytes beyond the %zu that this library (%s) knows "
                  "are not zero: the library is older than the program's header",
                  what, stated, size, ad_version_string());
    return AD_OK;
}

ad_status adi_check_reserved(const void *bytes, size_t size, const char *what)
{
    ADI_CHECK_ARG(
        all_zero(bytes, size),
        "%s is not zero: the program's header is newer than this library (%s), or the struct "
        "was not initialised",
        what, ad_version_string());
    return AD_OK;
}

ad_status adi_options_take(void *full, size_t size, const void *caller, const char *what)
{
    if (!caller)
        return AD_OK;
    ADI_TRY(adi_struct_check(caller, size, what));
    const uint32_t stated = stated_size(caller);
    memcpy(full, caller, stated < size ? stated : size);
    return AD_OK;
}

ad_status adi_struct_give(void *caller, const void *full, size_t size, const char *what)
{
    ADI_CHECK_ARG(caller, "%s: the output is NULL", what);
    const uint32_t stated = stated_size(caller);
    ADI_CHECK_ARG(stated >= MIN_STRUCT, "%s: set struct_size of the output to its sizeof first",
                  what);
    memcpy(caller, full, stated < size ? stated : size);
    memcpy(caller, &stated, sizeof stated);
    return AD_OK;
}

ad_status adi_struct_set(void *caller, void *full, size_t size, const char *what,
                          adi_option_setter set, const char *key, const char *value)
{
    unsigned char before[512];
    ADI_CHECK_ARG(caller && key && value, "%s: an argument of its set function is NULL", what);
    ADI_DEFAULT_FLOATS;
    assert(size <= sizeof before);
    const size_t room = stated_size(caller);
    ADI_TRY(check_size((uint32_t)room, what));
    memcpy(full, caller, room < size ? room : size); /* fields of a newer header stay as they are */
    memcpy(before, full, size);
    ADI_TRY(set(full, key, value));
    ADI_CHECK_ARG(room >= size ||
                      memcmp(before + room, (unsigned char *)full + room, size - room) == 0,
                  "%s: option %s is newer than the caller's struct of %zu bytes", what, key, room);
    return adi_struct_give(caller, full, size, what);
}
