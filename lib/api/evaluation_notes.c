/* The rules: metrics of images need good and anomalous images. Metrics of pixels need a marked and
 * a good pixel, use the anomalous images with masks and all good images, and are not computed if
 * masks look inverted. */
#include "api/evaluation_notes.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/dataset.h"

/* ---- Counting ---- */

static void note_group(adi_census *c, const char *group)
{
    const size_t used = strlen(c->unmasked), n = strlen(group);
    const char *last = strrchr(c->unmasked, ' ');
    if (strcmp(last ? last + 1 : c->unmasked, group) == 0 || !n ||
        used + n + 3 > sizeof c->unmasked)
        return; /* images of one group are neighbours */
    snprintf(c->unmasked + used, sizeof c->unmasked - used, "%s%s", used ? ", " : "", group);
}

ad_status adi_census_begin(adi_census *c, const ad_dataset *dataset)
{
    *c = (adi_census){.mask_good = dataset->mask_good};
    for (int64_t i = 0; i < ad_dataset_count(dataset); i++) {
        ad_sample s = {.struct_size = sizeof s};
        ADI_TRY(ad_dataset_get(dataset, i, &s));
        c->good += s.label == 0;
        c->anomalous += s.label == 1;
        c->unknown += s.label < 0;
        c->masked += s.label == 1 && s.has_mask;
        c->good_masked += s.label == 0 && s.has_mask;
        if (s.label == 1 && !s.has_mask)
            note_group(c, s.group);
    }
    return AD_OK;
}

void adi_census_skip(adi_census *c, const ad_sample *s)
{
    c->good -= s->label == 0;
    c->anomalous -= s->label == 1;
    c->unknown -= s->label < 0;
    c->masked -= s->label == 1 && s->has_mask;
    c->good_masked -= s->label == 0 && s->has_mask;
}

/* The same aspect ratio as the image, except for rounding. */
static int same_shape(const ad_image *mask, const ad_image *image)
{
    const int64_t difference = mask->width * image->height - mask->height * image->width;
    const int64_t longest = image->width > image->height ? image->width : image->height;
    return (difference < 0 ? -difference : difference) <= longest;
}

ad_status adi_census_see(adi_census *c, const ad_sample *sample, const ad_image *image,
                         const ad_image *mask)
{
    if (!same_shape(mask, image))
        return adi_fail(AD_ERR_SHAPE,
                        "the mask is %lldx%lld, the image %lldx%lld: it cannot be scaled to that",
                        (long long)mask->width, (long long)mask->height, (long long)image->width,
                        (long long)image->height);
    const int64_t marked = adi_mask_marked(mask);
    if (sample->label == 0 && marked)
        return adi_fail(AD_ERR_FORMAT, "the image is labelled good, and its mask marks %lld pixels",
                        (long long)marked);
    if (sample->label == 1 && c->mask_good > 0 && marked == mask->width * mask->height)
        return adi_fail(AD_ERR_FORMAT,
                        "no pixel of the mask has the value %d, which mask_good says good ones "
                        "have: all of it would be a defect",
                        c->mask_good);
    const double share = (double)marked / ((double)mask->width * (double)mask->height);
    c->scaled += mask->width != image->width || mask->height != image->height;
    if (sample->label == 1) {
        c->empty += marked == 0;
        c->most += share > 0.5;
        c->marked += share;
    }
    return AD_OK;
}

/* ---- Saying ---- */

__attribute__((format(printf, 3, 4))) static void add(char *out, size_t size, const char *format,
                                                      ...)
{
    const size_t used = strlen(out);
    va_list arguments;
    if (used + 3 > size)
        return;
    if (used)
        strcpy(out + used, "; ");
    va_start(arguments, format);
    vsnprintf(out + strlen(out), size - strlen(out), format, arguments);
    va_end(arguments);
}

int adi_census_say_images(const adi_census *c, int64_t images, char *out, size_t size)
{
    out[0] = '\0';
    if (!c->good || !c->anomalous)
        add(out, size,
            "figures of images need good and anomalous ones: of %lld %lld are good, %lld anomalous",
            (long long)images, (long long)c->good, (long long)c->anomalous);
    if (c->unknown)
        add(out, size, "%lld images of unknown label are in no figure", (long long)c->unknown);
    return c->good && c->anomalous;
}

static const char *why_undefined(const adi_census *c, int32_t has_map)
{
    return !has_map                ? "the scorer was fitted without maps"
           : !c->anomalous         ? "no image is anomalous, so there is nothing to find"
           : !c->masked            ? "no anomalous image has a mask"
           : c->empty == c->masked ? "no mask marks a pixel (an alpha channel is not looked at)"
                                   : NULL;
}

int adi_census_say_pixels(const adi_census *c, int32_t has_map, char *out, size_t size)
{
    const char *why = why_undefined(c, has_map);
    const int64_t missing = c->anomalous - c->masked;
    out[0] = '\0';
    if (why) {
        add(out, size, "%s", why);
        return 0;
    }
    if (c->mask_good != 0 && c->mask_good != 255 && 2 * c->most > c->masked) {
        add(out, size,
            "%lld of %lld masks mark more than half of their image, on average %.0f %%: is white "
            "the background? "
            "mask_good 255 says so, 0 that they are right as they are",
            (long long)c->most, (long long)c->masked, 100.0 * c->marked / (double)c->masked);
        return 0;
    }
    if (!c->good && c->most == c->masked && c->marked == (double)c->masked) {
        add(out, size, "every pixel is marked");
        return 0;
    }
    if (missing)
        add(out, size,
            "%lld of %lld anomalous images have no mask and are not in pixel figures%s%s",
            (long long)missing, (long long)c->anomalous, c->unmasked[0] ? ": " : "", c->unmasked);
    if (c->scaled)
        add(out, size, "%lld masks of another size than their image were scaled to it (nearest)",
            (long long)c->scaled);
    if (c->empty)
        add(out, size, "%lld masks of anomalous images mark no pixel", (long long)c->empty);
    return 1;
}
