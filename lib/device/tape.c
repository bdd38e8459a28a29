/* Recording and replaying what a queue does. */
#include "device/tape.h"

#include "core/error.h"

enum { RUNS = 2 }; /* before it is replayed: one that warms up, one that records */

static int can_record(const adi_device *d)
{
    return d->memory && d->memory->record;
}

static ad_status check(const adi_device *d, ad_status status)
{
    return adi_mem_check(d, status, "recording failed");
}

ad_status adi_tape_begin(const adi_device *d, adi_queue *queue, adi_tape *tape)
{
    if (!can_record(d))
        return AD_OK;
    tape->is_running = 1;
    if (tape->recording)
        d->memory->skip(d->handle, queue, 1);
    else if (tape->runs + 1 == RUNS)
        return check(d, d->memory->record(d->handle, queue));
    return AD_OK;
}

ad_status adi_tape_end(const adi_device *d, adi_queue *queue, adi_tape *tape)
{
    if (!can_record(d))
        return AD_OK;
    tape->is_running = 0;
    if (tape->recording)
        d->memory->skip(d->handle, queue, 0);
    else if (tape->runs + 1 == RUNS)
        ADI_TRY(check(d, d->memory->recorded(d->handle, queue, &tape->recording)));
    if (tape->recording)
        ADI_TRY(check(d, d->memory->replay(d->handle, queue, tape->recording)));
    if (tape->runs + 1 < RUNS)
        tape->runs++;
    return check(d, d->memory->wait(d->handle, queue));
}

void adi_tape_abort(const adi_device *d, adi_queue *queue, adi_tape *tape)
{
    adi_recording *useless = NULL;
    if (!tape->is_running)
        return;
    tape->is_running = 0;
    if (tape->recording)
        d->memory->skip(d->handle, queue, 0);
    else if (tape->runs + 1 == RUNS &&
             d->memory->recorded(d->handle, queue, &useless) == AD_OK)
        d->memory->recording_free(d->handle, useless);
}

void adi_tape_free(const adi_device *d, adi_tape *tape)
{
    if (tape->recording)
        d->memory->recording_free(d->handle, tape->recording);
    *tape = (adi_tape){0};
}
