/* A sequence of calls on a queue that is the same every time, as that of scoring an image: run at
 * first, then recorded, then replayed as one. While it is replayed the host goes through the same
 * calls, which do nothing, so that nobody but this file knows of it. */
#ifndef ADI_DEVICE_TAPE_H
#define ADI_DEVICE_TAPE_H

#include "device/memory.h"

typedef struct adi_tape {
    adi_recording *recording; /* NULL before the second run, and on the host */
    int32_t runs;             /* that succeeded; no more than are told apart */
    int32_t is_running;       /* between begin and end */
} adi_tape;

/* From here to adi_tape_end() calls may be recorded or left out. They copy from and to staging
 * memory, and their arguments are those of every other time. */
ad_status adi_tape_begin(const adi_device *d, adi_queue *queue, adi_tape *tape);
/* All that was called is done. */
ad_status adi_tape_end(const adi_device *d, adi_queue *queue, adi_tape *tape);
/* After a call that failed, instead of the end. Nothing happens when it ended. */
void adi_tape_abort(const adi_device *d, adi_queue *queue, adi_tape *tape);
void adi_tape_free(const adi_device *d, adi_tape *tape);

#endif
