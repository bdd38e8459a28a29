/* Saving, setting and putting back. */
#include "core/float_guard.h"

void adi_float_enter(adi_float_guard *guard)
{
    fegetenv(&guard->before);
    fesetenv(FE_DFL_ENV);
}

void adi_float_leave(adi_float_guard *guard)
{
    fesetenv(&guard->before);
}
