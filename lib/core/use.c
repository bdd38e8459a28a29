/* A readers-writer lock that fails instead of waiting. */
#include "core/use.h"

/* An address that identifies this thread while it lives. */
static uintptr_t this_thread(void)
{
    static _Thread_local char mark;
    return (uintptr_t)&mark;
}

static ad_status in_use(const char *call, const char *object)
{
    return adi_fail(
        AD_ERR_STATE,
        "%s: %s is in use by another call, on another thread or the one whose callback this is: "
        "wait until that call has returned",
        call, object);
}

ad_status adi_use_change(adi_use *use, const char *call, const char *object)
{
    int nobody = 0;
    if (!atomic_compare_exchange_strong(&use->users, &nobody, -1))
        return in_use(call, object);
    atomic_store(&use->changer, this_thread());
    return AD_OK;
}

void adi_use_change_end(adi_use *use)
{
    atomic_store(&use->changer, 0);
    atomic_store(&use->users, 0);
}

ad_status adi_use_read(adi_use *use, const char *call, const char *object)
{
    int users = atomic_load(&use->users);
    do {
        if (users < 0)
            return in_use(call, object);
    } while (!atomic_compare_exchange_weak(&use->users, &users, users + 1));
    return AD_OK;
}

ad_status adi_use_read_within(adi_use *use, const char *call, const char *object)
{
    if (atomic_load(&use->changer) == this_thread())
        return AD_OK;
    return adi_use_read(use, call, object);
}

void adi_use_read_end(adi_use *use)
{
    if (atomic_load(&use->users) > 0)
        atomic_fetch_sub(&use->users, 1);
}
