/* Choosing the instruction set. */
#include "isa_cpu.h"

#include <string.h>

static int32_t passed_over;

const adi_isa *adi_isa_cpu(int32_t index)
{
    index += passed_over;
#ifdef __x86_64__
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && index-- == 0)
        return &adi_isa_avx512_cpu;
    if (avx2 && index-- == 0)
        return &adi_isa_avx2_cpu;
#endif
    return index == 0 ? &adi_isa_plain_cpu : NULL;
}

int adi_isa_begin_with_cpu(const char *name)
{
    passed_over = 0;
    const adi_isa *isa;
    for (int32_t i = 0; (isa = adi_isa_cpu(i)); i++)
        if (strcmp(isa->name, name) == 0) {
            passed_over = i;
            return 1;
        }
    return 0;
}
