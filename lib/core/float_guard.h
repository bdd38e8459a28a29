/* The floating-point environment of a public call. The host program may round upwards, flush
 * denormals (if linked with -ffast-math, in every thread) or trap divisions; results must not
 * depend on it. */
#ifndef ADI_CORE_FLOAT_GUARD_H
#define ADI_CORE_FLOAT_GUARD_H

#include <fenv.h>

typedef struct adi_float_guard {
    fenv_t before;
} adi_float_guard;

/* Use the default environment until the end of the enclosing block, then restore the caller's with
 * its flags. The library's own threads start with the default one. */
#define ADI_DEFAULT_FLOATS                                                                         \
    __attribute__((cleanup(adi_float_leave))) adi_float_guard adi_float_guard_;                    \
    adi_float_enter(&adi_float_guard_)

void adi_float_enter(adi_float_guard *guard);
void adi_float_leave(adi_float_guard *guard);

#endif
