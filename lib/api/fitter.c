/* ad_fitter: images in, a scorer out. */
#include <string.h>

#include "api/damage.h"
#include "api/dataset.h"
#include "api/read_ahead.h"
#include "core/options.h"
#include "methods/method.h"
#include "train/fit_loop.h"

void ad_fit_options_init(ad_fit_options *options, size_t struct_size)
{
    const ad_fit_options defaults = {.struct_size = sizeof defaults};
    adi_options_init(options, struct_size, &defaults, sizeof defaults);
}

ad_status adi_fitter_wrap(ad_backbone *backbone, const adi_method *method, void *state,
                          const adi_preprocess *preprocess, const int32_t *taps, int32_t tap_count,
                          ad_fitter **out_fitter)
{
    const adi_allocator *a = &backbone->context->allocator;
    ad_fitter *f = backbone->context->backend->algebra_ready() == AD_OK ? adi_calloc(a, 1, sizeof *f) : NULL;
    ad_status status = f ? adi_extractor_create(backbone->context, backbone->network, preprocess, taps,
                                                tap_count, &f->extractor)
                         : adi_fail_memory();
    if (status != AD_OK) {
        adi_free(a, f);
        method->destroy_state(state);
        return status;
    }
    ad_read_options_init(&f->read, sizeof f->read);
    f->backbone = adi_backbone_retain(backbone);
    f->method = method;
    f->state = state;
    *out_fitter = f;
    return AD_OK;
}

void ad_fitter_destroy(ad_fitter *fitter)
{
    if (!fitter)
        return;
    ad_backbone *backbone = fitter->backbone;
    fitter->method->destroy_state(fitter->state);
    adi_extractor_destroy(fitter->extractor);
    adi_free(&backbone->context->allocator, fitter);
    ad_backbone_destroy(backbone);
}

ad_status ad_fitter_add(ad_fitter *fitter, const ad_image *image)
{
    ADI_CHECK_ARG(fitter && image, "ad_fitter_add: an argument is NULL");
    adi_workspace *w = NULL;
    ADI_TRY(adi_extractor_borrow(fitter->extractor, &w));
    ad_status status = adi_extractor_run(fitter->extractor, w, image);
    if (status == AD_OK)
        status = fitter->method->add(fitter->state, fitter->extractor, w);
    adi_extractor_give_back(fitter->extractor, w);
    return status;
}

/* Layers of one name are one place in the network: fits of one digest may still come from graphs that name
 * other nodes so. Fits whose layers have other names are told apart by the option. */
static ad_status check_layers(const adi_extractor *x, const adi_extractor *y)
{
    const adi_graph *g = x->network->graph, *h = y->network->graph;
    int32_t mine[ADI_MAX_LAYERS], theirs[ADI_MAX_LAYERS];
    adi_network_places(g, x->taps, x->tap_count, mine);
    adi_network_places(h, y->taps, y->tap_count, theirs);
    for (int32_t i = 0; i < x->tap_count && i < y->tap_count; i++) {
        const char *name = g->taps[x->taps[i]].name;
        if (strcmp(name, h->taps[y->taps[i]].name) == 0 && mine[i] != theirs[i])
            return adi_fail(AD_ERR_MISMATCH, "layer '%s' is another node in one fit's network than in the other's",
                            name);
    }
    return AD_OK;
}

/* One fit knows one way of reading: what its scorer is told to do with new files. */
static ad_status agree(ad_read_options *mine, const ad_read_options *theirs, const char *whose)
{
    if (mine->orientation && theirs->orientation && mine->orientation != theirs->orientation)
        return adi_fail(AD_ERR_MISMATCH, "orientation is %s in the fit and %s in the %s",
                        adi_orientation_word(mine->orientation), adi_orientation_word(theirs->orientation), whose);
    if (mine->significant_bits && theirs->significant_bits && mine->significant_bits != theirs->significant_bits)
        return adi_fail(AD_ERR_MISMATCH, "significant_bits is %d in the fit and %d in the %s", mine->significant_bits,
                        theirs->significant_bits, whose);
    adi_read_options_fill(mine, theirs);
    return AD_OK;
}

ad_status ad_fitter_merge(ad_fitter *fitter, const ad_fitter *other)
{
    ADI_CHECK_ARG(fitter && other, "ad_fitter_merge: an argument is NULL");
    ADI_CHECK_ARG(fitter != other, "ad_fitter_merge: a fitter cannot be merged with itself");
    const adi_extractor *x = fitter->extractor, *y = other->extractor;
    if (fitter->method != other->method)
        return adi_fail(AD_ERR_MISMATCH, "the fits to merge are of methods %s and %s",
                        fitter->method->name, other->method->name);
    char mine[17], theirs[17];
    adi_network_digest(fitter->backbone->network, x->taps, x->tap_count, mine);
    adi_network_digest(other->backbone->network, y->taps, y->tap_count, theirs);
    for (int i = 0; i < 16; i++)
        if (mine[i] != theirs[i])
            return adi_fail(AD_ERR_MISMATCH, "the fits to merge are of backbones %s and %s", mine, theirs);
    ADI_TRY(check_layers(x, y));
    ad_read_options read = fitter->read;
    ADI_TRY(agree(&read, &other->read, "other fit"));
    ADI_TRY(fitter->method->merge(fitter->state, other->state));
    fitter->read = read;
    return AD_OK;
}

ad_status ad_fitter_set_read_options(ad_fitter *fitter, const ad_read_options *options)
{
    ADI_CHECK_ARG(fitter, "ad_fitter_set_read_options: fitter is NULL");
    return adi_read_options_take(options, &fitter->read);
}

/* Progress that reading and adding images is worth where a training follows. */
static const double ADDING_SHARE = 0.02;

static ad_status finish(ad_fitter *fitter, const ad_fit_options *options, ad_scorer **out_scorer)
{
    const adi_extractor *x = fitter->extractor;
    const adi_fit_control control = {options, ADDING_SHARE};
    void *model = NULL;
    if (fitter->method->train)
        ADI_TRY(fitter->method->train(fitter->state, fitter->extractor, &control));
    ADI_TRY(fitter->method->finish(fitter->state, &model));
    char digest[17];
    adi_network_digest(fitter->backbone->network, x->taps, x->tap_count, digest);
    adi_scorer_reading reading = {.files = fitter->read};
    reading.files.min_side = 0;
    if (reading.files.orientation == AD_ORIENTATION_AUTO)
        reading.files.orientation = AD_ORIENTATION_UPRIGHT;
    return adi_scorer_wrap(fitter->backbone, fitter->method, model, digest, &reading, out_scorer);
}

ad_status ad_fitter_finish(ad_fitter *fitter, ad_scorer **out_scorer)
{
    ADI_CHECK_ARG(fitter && out_scorer, "ad_fitter_finish: an argument is NULL");
    *out_scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    return finish(fitter, &o, out_scorer);
}

int64_t ad_fitter_count(const ad_fitter *fitter)
{
    return fitter ? fitter->method->count(fitter->state) : 0;
}

int64_t ad_fitter_skipped(const ad_fitter *fitter)
{
    return fitter ? fitter->skipped : 0;
}

size_t ad_fitter_memory(const ad_fitter *fitter)
{
    if (!fitter)
        return 0;
    return sizeof *fitter + fitter->method->memory(fitter->state) + adi_extractor_bytes(fitter->extractor);
}

/* adding: or only whether it can be read. */
static ad_status add_from(ad_fitter *fitter, const ad_dataset *good, adi_read_ahead *ahead, int64_t index, bool adding)
{
    ad_image image = {0};
    ADI_TRY(adi_read_ahead_next(ahead, &image));
    ad_status status = adding ? ad_fitter_add(fitter, &image) : AD_OK;
    ad_image_release(&image);
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
                            "ad_fit: '%s' is labelled anomalous; fit on good images only", sample.name);
        unknown += sample.label < 0;
    }
    if (unknown)
        adi_log(good->context, AD_LOG_WARNING,
                "%lld of %lld images are of unknown label: they are learned as good ones",
                (long long)unknown, (long long)count);
    return AD_OK;
}

/* Reads on behind a damaged image: so all of them are named, and the fitter holds those before the first. */
static ad_status add_each(ad_fitter *fitter, const ad_dataset *good, adi_read_ahead *ahead, const ad_fit_options *o)
{
    const int64_t count = ad_dataset_count(good);
    const double share = fitter->method->train ? ADDING_SHARE : 1.0;
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
        adi_log(damage.context, AD_LOG_WARNING, "the fit goes on without %lld of %lld images, which are damaged",
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
    adi_read_ahead_begin(&ahead, good, &read);
    const ad_status status = add_each(fitter, good, &ahead, o);
    adi_read_ahead_end(&ahead);
    return status;
}

ad_status ad_fit(ad_fitter *fitter, const ad_dataset *good, const ad_fit_options *options,
                 ad_scorer **out_scorer)
{
    ADI_CHECK_ARG(fitter && out_scorer, "ad_fit: an argument is NULL");
    *out_scorer = NULL;
    ad_fit_options o;
    ad_fit_options_init(&o, sizeof o);
    ADI_TRY(adi_options_take(&o, sizeof o, options, "ad_fit_options"));
    ADI_CHECK_ARG(!o.resume || o.checkpoint_dir, "ad_fit: to resume, checkpoint_dir says from where");
    ADI_CHECK_ARG(o.skip_damaged == 0 || o.skip_damaged == 1, "ad_fit: skip_damaged is %d, 0 and 1 are possible",
                  o.skip_damaged);
    ADI_CHECK_ARG(fitter->method->train || !o.checkpoint_dir, "ad_fit: %s trains nothing, so it has no checkpoints",
                  fitter->method->name);
    int lock = -1;
    ad_scorer *scorer = NULL;
    if (o.checkpoint_dir)
        ADI_TRY(adi_checkpoint_enter(o.checkpoint_dir, &lock));
    ad_status status = add_all(fitter, good, &o);
    if (status == AD_OK)
        status = finish(fitter, &o, &scorer);
    adi_checkpoint_leave(lock);
    if (status != AD_OK)
        return status;
    if (o.progress && o.progress(o.user, 1.0)) {
        ad_scorer_destroy(scorer);
        return adi_fail(AD_ERR_CANCELLED, "the fit was cancelled at its end");
    }
    *out_scorer = scorer;
    return AD_OK;
}
