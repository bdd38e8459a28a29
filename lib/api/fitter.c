/* ad_fitter: images in, a scorer out. */
#include <string.h>

#include "api/damage.h"
#include "api/dataset.h"
#include "api/fitter.h"
#include "api/read_ahead.h"
#include "core/options.h"
#include "train/fit_loop.h"

void ad_fit_options_init(ad_fit_options *options, size_t struct_size)
{
    const ad_fit_options defaults = {.struct_size = sizeof defaults};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

void ad_fitter_destroy(ad_fitter *fitter)
{
    if (!fitter || atomic_fetch_sub_explicit(&fitter->refs, 1, memory_order_acq_rel) != 1)
        return;
    ad_backbone *backbone = fitter->backbone;
    fitter->fit->method->destroy_fit(fitter->fit);
    adi_extractor_destroy(fitter->extractor);
    adi_free(&backbone->context->allocator, fitter);
    ad_backbone_destroy(backbone);
}

ad_status adi_fitter_enter(ad_fitter *fitter, const char *call)
{
    ADI_TRY(adi_use_change(&fitter->use, call, "the fitter"));
    atomic_fetch_add_explicit(&fitter->refs, 1, memory_order_relaxed);
    return AD_OK;
}

void adi_fitter_leave(ad_fitter *fitter)
{
    adi_use_change_end(&fitter->use);
    ad_fitter_destroy(fitter);
}

/* The same of a call that trains: the student is its own too, from before the first image until the
 * scorer is made. */
static ad_status enter_training(ad_fitter *fitter, const char *call)
{
    ad_student *student = fitter->fit->student;
    ADI_TRY(adi_fitter_enter(fitter, call));
    const ad_status status = student ? adi_use_change(&student->use, call, "the student") : AD_OK;
    if (status != AD_OK)
        adi_fitter_leave(fitter);
    return status;
}

static void leave_training(ad_fitter *fitter)
{
    if (fitter->fit->student)
        adi_use_change_end(&fitter->fit->student->use);
    adi_fitter_leave(fitter);
}

static ad_status add_image(ad_fitter *fitter, const ad_image *image)
{
    adi_workspace *w = NULL;
    ADI_TRY(adi_extractor_borrow(fitter->extractor, &w));
    ad_status status = adi_extractor_run(fitter->extractor, w, image);
    if (status == AD_OK)
        status = fitter->fit->method->add(fitter->fit, fitter->extractor, w);
    adi_extractor_give_back(fitter->extractor, w);
    return adi_mem_explain(&fitter->backbone->context->device, status);
}

ad_status ad_fitter_add(ad_fitter *fitter, const ad_image *image)
{
    ADI_CHECK_ARG(fitter && image, "ad_fitter_add: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_TRY(adi_fitter_enter(fitter, "ad_fitter_add"));
    const ad_status status = add_image(fitter, image);
    adi_fitter_leave(fitter);
    return status;
}

/* Checks that layers of one name are the same node: fits of one digest may come from graphs that
 * give the name to different nodes. Fits whose layers have other names differ in the option. */
static ad_status check_layers(const adi_extractor *x, const adi_extractor *y)
{
    const adi_graph *g = x->network->graph, *h = y->network->graph;
    int32_t mine[ADI_MAX_LAYERS], theirs[ADI_MAX_LAYERS];
    adi_network_places(g, x->taps, x->tap_count, mine);
    adi_network_places(h, y->taps, y->tap_count, theirs);
    for (int32_t i = 0; i < x->tap_count && i < y->tap_count; i++) {
        const char *name = g->taps[x->taps[i]].name;
        if (strcmp(name, h->taps[y->taps[i]].name) == 0 && mine[i] != theirs[i])
            return adi_fail(AD_ERR_MISMATCH,
                            "layer '%s' is another node in one fit's network than in the other's",
                            name);
    }
    return AD_OK;
}

/* One fit knows one way of reading: what its scorer is told to do with new files. */
static ad_status agree(ad_read_options *mine, const ad_read_options *theirs, const char *whose)
{
    if (mine->orientation && theirs->orientation && mine->orientation != theirs->orientation)
        return adi_fail(AD_ERR_MISMATCH, "orientation is %s in the fit and %s in the %s",
                        adi_orientation_word(mine->orientation),
                        adi_orientation_word(theirs->orientation), whose);
    if (mine->significant_bits && theirs->significant_bits &&
        mine->significant_bits != theirs->significant_bits)
        return adi_fail(AD_ERR_MISMATCH, "significant_bits is %d in the fit and %d in the %s",
                        mine->significant_bits, theirs->significant_bits, whose);
    adi_read_options_fill(mine, theirs);
    return AD_OK;
}

static ad_status merge(ad_fitter *fitter, const ad_fitter *other)
{
    const adi_extractor *x = fitter->extractor, *y = other->extractor;
    const adi_method *method = fitter->fit->method;
    if (method != other->fit->method)
        return adi_fail(AD_ERR_MISMATCH, "the fits to merge are of methods %s and %s",
                        method->name, other->fit->method->name);
    if (!method->merge)
        return adi_fail(AD_ERR_UNSUPPORTED,
                        "fits that train a student cannot be merged: add all images to one");
    char mine[17], theirs[17];
    adi_network_digest(fitter->backbone->network, x->taps, x->tap_count, mine);
    adi_network_digest(other->backbone->network, y->taps, y->tap_count, theirs);
    for (int i = 0; i < 16; i++)
        if (mine[i] != theirs[i])
            return adi_fail(AD_ERR_MISMATCH, "the fits to merge are of backbones %s and %s", mine,
                            theirs);
    ADI_TRY(check_layers(x, y));
    ad_read_options read = fitter->read;
    ADI_TRY(agree(&read, &other->read, "other fit"));
    ADI_TRY(adi_options_match(method->options, adi_settings_options(fitter->fit->settings),
                              adi_settings_options(other->fit->settings)));
    ADI_TRY(method->merge(fitter->fit, other->fit));
    fitter->read = read;
    return AD_OK;
}

ad_status ad_fitter_set_read_options(ad_fitter *fitter, const ad_read_options *options)
{
    ADI_CHECK_ARG(fitter, "ad_fitter_set_read_options: fitter is NULL");
    ADI_TRY(adi_fitter_enter(fitter, "ad_fitter_set_read_options"));
    const ad_status status = adi_read_options_take(options, &fitter->read);
    adi_fitter_leave(fitter);
    return status;
}

ad_status ad_fitter_merge(ad_fitter *fitter, const ad_fitter *other)
{
    ADI_CHECK_ARG(fitter && other, "ad_fitter_merge: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    ADI_CHECK_ARG(fitter != other, "ad_fitter_merge: a fitter cannot be merged with itself");
    ad_fitter *from = (ad_fitter *)other;
    ADI_TRY(adi_use_read(&from->use, "ad_fitter_merge", "the other fitter"));
    ad_status status = adi_fitter_enter(fitter, "ad_fitter_merge");
    if (status == AD_OK) {
        atomic_fetch_add_explicit(&from->refs, 1, memory_order_relaxed);
        status = merge(fitter, from);
        adi_fitter_leave(fitter);
        adi_use_read_end(&from->use);
        ad_fitter_destroy(from);
        return status;
    }
    adi_use_read_end(&from->use);
    return status;
}

/* Progress that reading and adding images is worth where a training follows. */
static const double ADDING_SHARE = 0.02;

static ad_status finish(ad_fitter *fitter, const ad_fit_options *options, ad_scorer **out_scorer)
{
    const adi_extractor *x = fitter->extractor;
    const adi_fit_control control = {options, ADDING_SHARE};
    adi_model *model = NULL;
    adi_facts facts = {0};
    ADI_TRY(adi_mem_explain(
        &fitter->backbone->context->device,
        fitter->fit->method->finish(fitter->fit, fitter->extractor, &control, &model, &facts)));
    char digest[17];
    adi_network_digest(fitter->backbone->network, x->taps, x->tap_count, digest);
    adi_scorer_reading reading = {.files = fitter->read};
    reading.files.min_side = 0;
    if (reading.files.orientation == AD_ORIENTATION_AUTO)
        reading.files.orientation = AD_ORIENTATION_UPRIGHT;
    return adi_scorer_wrap(fitter->backbone, model, &facts, digest, &reading, out_scorer);
}

ad_status ad_fitter_finish(ad_fitter *fitter, ad_scorer **out_scorer)
{
    ADI_CHECK_ARG(fitter && out_scorer, "ad_fitter_finish: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    ADI_TRY(enter_training(fitter, "ad_fitter_finish"));
    const ad_status status = finish(fitter, &o, out_scorer);
    leave_training(fitter);
    return status;
}

const char *ad_fitter_method(const ad_fitter *fitter)
{
    return fitter ? fitter->fit->method->name : NULL;
}

ad_status ad_fitter_read_options(const ad_fitter *fitter, ad_read_options *out_options)
{
    ADI_CHECK_ARG(fitter, "ad_fitter_read_options: fitter is NULL");
    return adi_struct_give(out_options, &fitter->read, sizeof fitter->read, "ad_read_options");
}

int64_t ad_fitter_count(const ad_fitter *fitter)
{
    return fitter ? fitter->fit->count : 0;
}

int64_t ad_fitter_skipped(const ad_fitter *fitter)
{
    return fitter ? fitter->skipped : 0;
}

size_t ad_fitter_memory(const ad_fitter *fitter)
{
    if (!fitter)
        return 0;
    return sizeof *fitter + fitter->fit->method->memory(fitter->fit) +
           adi_extractor_bytes(fitter->extractor);
}

/* adding: or only whether it can be read. */
static ad_status add_from(ad_fitter *fitter, const ad_dataset *good, adi_read_ahead *ahead,
                          int64_t index, bool adding)
{
    ad_image image = {0};
    ADI_TRY(adi_read_ahead_next(ahead, &image));
    ad_status status = adding ? add_image(fitter, &image) : AD_OK;
    adi_read_ahead_release(ahead, &image);
    ad_sample sample = {.struct_size = sizeof sample};
    if (status == AD_OK || ad_dataset_get(good, index, &sample) != AD_OK)
        return status;
    return adi_fail_in_file(status, "image", sample.name);
}

static ad_status check_labels(const ad_dataset *good, int64_t count)
{
    int64_t unknown = 0;
    for (int64_t i = 0; i < count; i++) {
        ad_sample sample = {.struct_size = sizeof sample};
        ADI_TRY(ad_dataset_get(good, i, &sample));
        if (sample.label == 1)
            return adi_fail(AD_ERR_INVALID_ARGUMENT,
                            "ad_fit: '%s' is labelled anomalous; fit on good images only",
                            sample.name);
        unknown += sample.label < 0;
    }
    if (unknown)
        adi_log(good->context, AD_LOG_WARNING,
                "%lld of %lld images are of unknown label: they are learned as good ones",
                (long long)unknown, (long long)count);
    return AD_OK;
}

/* Reads on behind a damaged image: so all of them are named, and the fitter holds those before the
 * first. */
static ad_status add_each(ad_fitter *fitter, const ad_dataset *good, adi_read_ahead *ahead,
                          const ad_fit_options *o)
{
    const int64_t count = ad_dataset_count(good);
    const double share = fitter->fit->student ? ADDING_SHARE : 1.0;
    adi_damage damage = {.context = fitter->backbone->context};
    for (int64_t i = 0; i < count; i++) {
        if (o->progress && o->progress(o->user, share * (double)i / (double)count))
            return adi_fail(AD_ERR_CANCELLED, "the fit was cancelled after %lld of %lld images",
                            (long long)i, (long long)count);
        const ad_status status = add_from(fitter, good, ahead, i, !damage.count || o->skip_damaged);
        if (status != AD_OK && !adi_is_damage(good, status))
            return status;
        if (status != AD_OK)
            adi_damage_add(&damage, good, i, status);
    }
    if (damage.count && (!o->skip_damaged || damage.count == count))
        return adi_damage_fail(&damage, count, o->skip_damaged != 0);
    if (damage.count)
        adi_log(damage.context, AD_LOG_WARNING,
                "the fit goes on without %lld of %lld images, which are damaged",
                (long long)damage.count, (long long)count);
    fitter->skipped += damage.count;
    return AD_OK;
}

static ad_status add_all(ad_fitter *fitter, const ad_dataset *good, const ad_fit_options *o)
{
    if (!good)
        return AD_OK;
    ADI_TRY(check_labels(good, ad_dataset_count(good)));
    ad_read_options read = fitter->read;
    if (!good->callback) {
        ADI_TRY(agree(&read, &good->read, "dataset"));
        if (read.orientation == AD_ORIENTATION_AUTO)
            read.orientation = AD_ORIENTATION_UPRIGHT;
        fitter->read = read;
    }
    adi_read_ahead ahead;
    adi_read_ahead_begin(&ahead, good, &read, "ad_fit");
    const ad_status status = add_each(fitter, good, &ahead, o);
    adi_read_ahead_end(&ahead);
    return status;
}

static ad_status fit(ad_fitter *fitter, const ad_dataset *good, const ad_fit_options *o,
                     ad_scorer **out_scorer)
{
    int lock = -1;
    if (o->checkpoint_dir)
        ADI_TRY(adi_checkpoint_enter(o->checkpoint_dir, &lock));
    ad_scorer *scorer = NULL;
    ad_status status = add_all(fitter, good, o);
    if (status == AD_OK)
        status = finish(fitter, o, &scorer);
    adi_checkpoint_leave(lock);
    if (status == AD_OK && o->progress && o->progress(o->user, 1.0)) {
        ad_scorer_destroy(scorer);
        return adi_fail(AD_ERR_CANCELLED, "the fit was cancelled at its end");
    }
    if (status == AD_OK)
        *out_scorer = scorer;
    return status;
}

ad_status ad_fit(ad_fitter *fitter, const ad_dataset *good, const ad_fit_options *options,
                 ad_scorer **out_scorer)
{
    ADI_CHECK_ARG(fitter && out_scorer, "ad_fit: an argument is NULL");
    ADI_DEFAULT_FLOATS;
    *out_scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    ADI_TRY(adi_options_take(&o, sizeof o, options, "ad_fit_options"));
    ADI_CHECK_ARG(o.resume <= 1, "ad_fit: resume is %u, 0 or 1 is possible", o.resume);
    ADI_CHECK_ARG(!o.resume || o.checkpoint_dir,
                  "ad_fit: to resume, checkpoint_dir says from where");
    ADI_CHECK_ARG(o.skip_damaged == 0 || o.skip_damaged == 1,
                  "ad_fit: skip_damaged is %d, 0 and 1 are possible", o.skip_damaged);
    ADI_CHECK_ARG(fitter->fit->student || !o.checkpoint_dir,
                  "ad_fit: %s trains nothing, so it has no checkpoints", fitter->fit->method->name);
    ADI_TRY(enter_training(fitter, "ad_fit"));
    ad_dataset *images = good ? adi_dataset_retain(good) : NULL; /* callbacks may destroy it */
    const ad_status status = fit(fitter, images, &o, out_scorer);
    ad_dataset_destroy(images);
    leave_training(fitter);
    return status;
}
