/* What the emulated device has done, for tests: dlsym() of "adi_emulated_counts" in the module finds
 * them. A test sets them to 0. */
#ifndef ADI_EMULATED_COUNTS_H
#define ADI_EMULATED_COUNTS_H

#include <stdint.h>

typedef struct adi_emulated_work {
    int64_t kernels, graphs;              /* graphs: launches of one */
    int64_t uploads, downloads, copies;   /* copies: within the device, and clearing */
    int64_t bytes_up, bytes_down;
} adi_emulated_work;

#endif
