/* Saving, setting and restoring the floating-point environment. */
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
