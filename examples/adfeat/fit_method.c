/* From settings to a fitter. */
#include "fit_method.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys of options that say what a student is, and not how it is trained. */
static const fit_method methods[] = {
    {"gaussian", 0, ""},
    {"padim", 0, ""},
    {"stfpm", 1, " layers "},
    {"stfpm_unet", 1, " layers unet_head unet_depth unet_convs "},
    {"ast", 1,
     " layers mode flow_blocks flow_hidden student_blocks student_hidden positions alpha leaky "},
    {"masked_rd", 1,
     " layers levels msff_out scsatt sru cru simam gate gn_groups cru_softmax fmm fmm_align "
     "mask_rate eval_mask "}};

const fit_method *fit_method_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}

const char *fit_method_names(void)
{
    return "gaussian, padim, stfpm, stfpm_unet, ast, masked_rd";
}

/* ---- Settings as the library's text ---- */

enum { OF_FITTER = 1, OF_STUDENT = 2 };

/* Which of the two calls takes the option where the student is there already. */
static int belongs(const fit_state *s, const char *key)
{
    char word[64];
    if (strcmp(key, "preset") == 0)
        return OF_STUDENT | OF_FITTER;
    snprintf(word, sizeof word, " %s ", key);
    return strstr(s->method->student_keys, word) ? OF_STUDENT : OF_FITTER;
}

/* The last setting of a key holds. */
static int is_last(const settings *set, int index)
{
    for (int i = index + 1; i < set->count; i++)
        if (strcmp(set->items[i].key, set->items[index].key) == 0)
            return 0;
    return 1;
}

/* Append key="value", with quotes in the value doubled. */
static char *append(char *to, const char *key, const char *value)
{
    to += sprintf(to, "%s=\"", key);
    for (; *value; value++) {
        if (*value == '"')
            *to++ = '"';
        *to++ = *value;
    }
    strcpy(to, "\", ");
    return to + strlen(to);
}

/* The settings of these calls; the caller frees the text. NULL: out of memory. */
static char *text_of(const fit_state *s, int calls)
{
    const settings *set = &s->r.set;
    size_t bytes = 1;
    for (int i = 0; i < set->count; i++)
        bytes += strlen(set->items[i].key) + 2 * strlen(set->items[i].value) + sizeof "=\"\", ";
    char *text = malloc(bytes), *to = text;
    if (!text)
        return NULL;
    *text = '\0';
    for (int i = 0; i < set->count; i++)
        if (is_last(set, i) && belongs(s, set->items[i].key) & calls)
            to = append(to, set->items[i].key, set->items[i].value);
    return text;
}

/* ---- A fitter ---- */

/* A wrong option is a mistake on the command line; what does not go with these weights is another.
 * A preset for another network shows as a layer that nobody named. */
static int made(const fit_state *s, ad_status status)
{
    const char *sentence = status ? ad_last_error_message() : "";
    if (status == AD_ERR_INVALID_ARGUMENT && strstr(sentence, "option "))
        return cli_usage("%s", sentence);
    if (status && s->r.preset)
        return cli_fail("%s (with preset %s)", sentence, s->r.preset);
    return status ? cli_fail_library() : CLI_OK;
}

/* Whether the last setting of the key, or of "epochs", is 0. */
static int is_zero(const settings *set, const char *key)
{
    const char *value = "1";
    for (int i = 0; i < set->count; i++)
        if (strcmp(set->items[i].key, key) == 0 || strcmp(set->items[i].key, "epochs") == 0)
            value = set->items[i].value;
    return *value && strspn(value, "0") == strlen(value);
}

static int make_fitter(fit_state *s)
{
    char *text = text_of(s, OF_FITTER | OF_STUDENT);
    if (!text)
        return cli_fail("out of memory");
    const ad_status status = ad_fitter_create(s->backbone, s->method->name, text, &s->fitter);
    free(text);
    return made(s, status);
}

static int make_fitter_of_student(fit_state *s)
{
    char *student = text_of(s, OF_STUDENT), *rest = text_of(s, OF_FITTER);
    ad_status status = AD_ERR_OUT_OF_MEMORY;
    if (student && rest)
        status = ad_student_load(s->backbone, s->train.student, s->method->name, student,
                                 &s->loaded);
    if (status == AD_OK)
        status = ad_fitter_create_with(s->loaded, rest, &s->fitter);
    free(student);
    free(rest);
    return made(s, status);
}

int fit_method_make(fit_state *s)
{
    const settings *set = &s->r.set;
    if (strcmp(s->method->name, "stfpm") == 0 && s->r.preset &&
        strcmp(s->r.preset, "stfpm_unet") == 0)
        return cli_usage("option preset: stfpm has no U-Nets; stfpm_unet has");
    if (s->method->trains && !s->train.student && is_zero(set, "teacher_epochs") &&
        is_zero(set, "student_epochs"))
        return cli_usage("option --epochs: 0 takes a student as it is, and there is no --student");
    int code = cli_open_backbone(s->context, &s->r.network, s->r.weights, &s->backbone);
    if (code == CLI_OK)
        code = s->train.student ? make_fitter_of_student(s) : make_fitter(s);
    s->student = code == CLI_OK ? ad_fitter_student(s->fitter) : NULL;
    return code;
}
