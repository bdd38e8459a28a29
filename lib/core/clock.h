/* Times for measurements. */
#ifndef ADI_CORE_CLOCK_H
#define ADI_CORE_CLOCK_H

#include <stddef.h>

/* The time of a monotonic clock, in milliseconds. */
double adi_now_ms(void);
/* The median of n >= 1 values, which are sorted in place. */
double adi_median(double *values, size_t n);

#endif
