/* Reading several images in parallel. */
#include "api/read_ahead.h"

#include <stdio.h>

void adi_read_ahead_begin(adi_read_ahead *r, const ad_dataset *dataset,
                          const ad_read_options *options, const char *call)
{
    r->dataset = adi_dataset_retain(dataset);
    r->options = *options;
    r->said = 0;
    r->call = call;
    r->first = r->held = r->next = 0;
}

/* Runs on any thread; keeps the message for the caller's thread. */
static void read_one(void *user, int64_t i)
{
    adi_read_ahead *r = user;
    r->notes[i] = (adi_notes){0};
    r->statuses[i] =
        adi_dataset_read_image(r->dataset, r->first + i, &r->options, &r->notes[i], &r->images[i]);
    if (r->statuses[i] != AD_OK)
        snprintf(r->sentences[i], sizeof r->sentences[i], "%s", ad_last_error_message());
}

static void read_some(adi_read_ahead *r)
{
    const ad_context *context = r->dataset->context;
    const int64_t left = ad_dataset_count(r->dataset) - r->next;
    int64_t count = r->dataset->callback ? 1 : context->num_threads;
    count = count < ADI_READ_AHEAD ? count : ADI_READ_AHEAD;
    r->first = r->next;
    r->held = count < left ? count : left;
    if (r->held > 1)
        context->backend->host->parallel_for(context->num_threads, r->held, read_one, r);
    else if (r->held == 1)
        read_one(r, 0);
}

/* Runs on the caller's thread, since it logs. */
static void say(adi_read_ahead *r, int64_t i)
{
    const adi_read_facts *facts = &r->notes[i].facts;
    const uint32_t kinds = adi_read_facts_kinds(&r->options, facts), fresh = kinds & ~r->said;
    adi_dataset_log(r->dataset, r->first + i, &r->notes[i]);
    if (fresh)
        adi_read_facts_say(r->dataset->context, fresh, facts, r->dataset->items[r->first + i].path);
    r->said |= kinds;
}

ad_status adi_read_ahead_next(adi_read_ahead *r, ad_image *out_image)
{
    ADI_TRY(adi_dataset_hold(r->dataset, r->call));
    if (r->next == r->first + r->held)
        read_some(r);
    const int64_t i = r->next++ - r->first;
    if (r->statuses[i] == AD_OK) {
        say(r, i);
        *out_image = r->images[i];
        return AD_OK;
    }
    adi_dataset_let_go(r->dataset);
    return adi_fail(r->statuses[i], "%s", r->sentences[i]);
}

void adi_read_ahead_release(adi_read_ahead *r, ad_image *image)
{
    ad_image_release(image);
    adi_dataset_let_go(r->dataset);
}

void adi_read_ahead_end(adi_read_ahead *r)
{
    for (; r->next < r->first + r->held; r->next++)
        if (r->statuses[r->next - r->first] == AD_OK)
            ad_image_release(&r->images[r->next - r->first]);
    ad_dataset_destroy(r->dataset);
}
