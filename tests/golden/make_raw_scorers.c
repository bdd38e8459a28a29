/* Scorer files as they were written before orientations and significant bits were looked at, and the scores that the program
 * of then gave. Built once, at commit 31e4b54, whose library it was linked with; kept to show where the files come from:
 *     cc -Itests -Ilib -Ibackends -Iinclude make_raw_scorers.c build/release/lib/libadfeat.a <its libraries>
 *     ./a.out FOLDER raw_scorers.h JPEG...
 * writes FOLDER/raw_gaussian.safetensors and raw_padim.safetensors, with the tiny network of tests/harness embedded, and
 * the header. The JPEGs are orientation/N.jpg. */
#include <stdio.h>

#include "adfeat.h"
#include "harness/raw_scorers_images.h"
#include "harness/tiny.h"

static void must(int failed)
{
    if (!failed)
        return;
    fprintf(stderr, "%s\n", ad_last_error_message());
    exit(1);
}

static ad_fitter *fitter_of(ad_backbone *net, int padim)
{
    ad_fitter *fitter = NULL;
    ad_gaussian_options g;
    ad_padim_options p;
    ad_gaussian_options_init(&g, sizeof g);
    if (!padim) {
        must(ad_gaussian_fitter_create(net, &g, &fitter));
        return fitter;
    }
    must(tiny_padim_options(&p, "ridge"));
    p.dimensions = 4;
    p.preprocess.size = 16;
    must(ad_padim_fitter_create(net, &p, &fitter));
    return fitter;
}

static void score(FILE *out, ad_scorer *scorer, const ad_image *image)
{
    float value;
    must(ad_score_image(scorer, image, &value));
    fprintf(out, "%.9gf, ", (double)value);
}

int main(int argc, char **argv)
{
    static uint8_t pixels[TINY_PIXELS];
    static uint16_t wide[TINY_SIDE * TINY_SIDE];
    ad_context *context = NULL;
    ad_backbone *net = NULL;
    char *weights = tiny_path("weights");
    FILE *out = fopen(argv[2], "w");
    must(tiny_weights(weights, "") || ad_context_create(NULL, &context) || tiny_open(context, weights, &net));
    fprintf(out, "/* make_raw_scorers.c: scores of an RGB image, a MONO16 one, and orientation/1.jpg to 8.jpg as stored. */\n"
                 "static const float raw_scores[2][10] = {\n");
    for (int padim = 0; padim < 2; padim++) {
        ad_fitter *fitter = fitter_of(net, padim);
        ad_scorer *scorer = NULL;
        for (int i = 0; i < 30; i++) {
            const ad_image image = raw_scorers_rgb(pixels, i, 0);
            must(ad_fitter_add(fitter, &image));
        }
        must(ad_fitter_finish(fitter, &scorer));
        char path[512];
        snprintf(path, sizeof path, "%s/raw_%s.safetensors", argv[1], padim ? "padim" : "gaussian");
        ad_scorer_save_options o;
        ad_scorer_save_options_init(&o, sizeof o);
        o.embed_backbone = 1;
        must(ad_scorer_save(scorer, path, &o));
        fprintf(out, "    {");
        ad_image image = raw_scorers_rgb(pixels, 50, 1);
        score(out, scorer, &image);
        image = raw_scorers_grey(wide, 51);
        score(out, scorer, &image);
        for (int i = 3; i < argc; i++) {
            must(ad_image_read(context, argv[i], &image));
            score(out, scorer, &image);
            ad_image_release(&image);
        }
        fprintf(out, "},\n");
    }
    fprintf(out, "};\n");
    return fclose(out) != 0;
}
