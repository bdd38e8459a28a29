/* Which instruction set runs. */
#include "isa_cpu.h"

const adi_isa *adi_isa_cpu(int32_t index)
{
#ifdef __x86_64__
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && index-- == 0)
        return &adi_isa_avx512_cpu;
    if (avx2 && index-- == 0)
        return &adi_isa_avx2_cpu;
#endif
    return index == 0 ? &adi_isa_plain_cpu : NULL;
}
