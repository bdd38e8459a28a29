/* Times for measurements. */
#ifndef ADI_CORE_CLOCK_H
#define ADI_CORE_CLOCK_H

#include <stddef.h>

/* Of a clock that never jumps. */
double adi_now_ms(void);
/* Of n >= 1 values, which it sorts; between the two in the middle where n is even. */
double adi_median(double *values, size_t n);

#endif
