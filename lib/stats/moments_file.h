/* Sums of a fit in a file, so that fits of other processes can be merged. The writer borrows the
 * tensors until the file is written; a reader checks what it reads. */
#ifndef ADI_STATS_MOMENTS_FILE_H
#define ADI_STATS_MOMENTS_FILE_H

#include "core/safetensors.h"
#include "stats/position_moments.h"
#include "stats/sample.h"

/* Tensor NAME.sums [3 + c, c] (shift, sum, qsum, outer) and metadata adfeat.fit.NAME. */
ad_status adi_moments_write(const adi_moments *m, const char *name, adi_st_writer *w);
ad_status adi_moments_read(adi_moments *m, const char *name, const adi_safetensors *file);

/* NAME.keys [count, 2] and NAME.vectors [count, c]; nothing where the sample is empty. */
ad_status adi_sample_write(const adi_sample *s, const char *name, adi_st_writer *w);
ad_status adi_sample_read(adi_sample *s, const char *name, const adi_safetensors *file);

/* NAME.sums, NAME.shift and metadata; the moments are flushed. */
ad_status adi_position_moments_write(const adi_position_moments *m, const char *name,
                                     adi_st_writer *w);
ad_status adi_position_moments_read(adi_position_moments *m, const char *name,
                                    const adi_safetensors *file);

#endif
