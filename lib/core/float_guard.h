/* The floating-point environment of a public call. A host may round upwards, flush denormals (a
 * program linked with -ffast-math does, in every thread) or trap divisions: the same input gives
 * the same bits all the same. */
#ifndef ADI_CORE_FLOAT_GUARD_H
#define ADI_CORE_FLOAT_GUARD_H

#include <fenv.h>

typedef struct adi_float_guard {
    fenv_t before;
} adi_float_guard;

/* From here to the end of the enclosing block this thread computes in the default environment; then
 * what was there is there again, flags included. The library's own threads have the default one
 * from their beginning. */
#define ADI_DEFAULT_FLOATS                                                                         \
    __attribute__((cleanup(adi_float_leave))) adi_float_guard adi_float_guard_;                    \
    adi_float_enter(&adi_float_guard_)

void adi_float_enter(adi_float_guard *guard);
void adi_float_leave(adi_float_guard *guard);

#endif
