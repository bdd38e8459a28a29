/* From settings to a fitter. */
#include "fit_method.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

int fit_method_find(const char *name, ad_method_info *out)
{
    for (int32_t i = 0; i < ad_method_count(); i++) {
        *out = (ad_method_info){.struct_size = sizeof *out};
        if (ad_method_get_info(i, out) == AD_OK && strcmp(out->name, name) == 0)
            return 1;
    }
    return 0;
}

int fit_method_unknown(const char *name)
{
    char names[256] = "", meant[80];
    words_search search = {.wanted = name};
    for (int32_t i = 0; i < ad_method_count(); i++) {
        ad_method_info m = {.struct_size = sizeof m};
        if (ad_method_get_info(i, &m) != AD_OK)
            continue;
        strncat(names, i ? ", " : "", sizeof names - strlen(names) - 1);
        strncat(names, m.name, sizeof names - strlen(names) - 1);
        words_compare(&search, m.name);
    }
    return cli_usage("unknown method '%s'%s there are %s", name,
                     *words_meant(&search, meant, sizeof meant) ? meant : ":", names);
}

/* ---- Settings as the library's text ---- */

enum { OF_FITTER = 1, OF_STUDENT = 2 };

/* Which of the two calls takes the option where the student is there already. A student that is
 * loaded is made of no seed. */
static int belongs(const fit_state *s, const char *key)
{
    ad_option_info option = {.struct_size = sizeof option};
    if (strcmp(key, "preset") == 0)
        return OF_STUDENT | OF_FITTER;
    for (int32_t i = 0; i < s->method.option_count; i++)
        if (ad_method_get_option(s->method.name, i, &option) == AD_OK &&
            strcmp(option.key, key) == 0)
            return option.part & AD_OPTION_STUDENT && !(option.part & AD_OPTION_TRAINING)
                       ? OF_STUDENT
                       : OF_FITTER;
    return OF_FITTER;
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
    const char *sentence = status ? cli_library_sentence() : "";
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
    const ad_status status = ad_fitter_create(s->backbone, s->method.name, text, &s->fitter);
    free(text);
    return made(s, status);
}

static int make_fitter_of_student(fit_state *s)
{
    char *student = text_of(s, OF_STUDENT), *rest = text_of(s, OF_FITTER);
    ad_status status = AD_ERR_OUT_OF_MEMORY;
    if (student && rest)
        status = ad_student_load(s->backbone, s->train.student, s->method.name, student,
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
    if (strcmp(s->method.name, "stfpm") == 0 && s->r.preset &&
        strcmp(s->r.preset, "stfpm_unet") == 0)
        return cli_usage("option preset: stfpm has no U-Nets; stfpm_unet has");
    if (s->method.trains && !s->train.student && is_zero(set, "teacher_epochs") &&
        is_zero(set, "student_epochs"))
        return cli_usage("option --epochs: 0 takes a student as it is, and there is no --student");
    int code = cli_open_backbone(s->context, &s->r.network, s->r.weights, &s->backbone);
    if (code == CLI_OK)
        code = s->train.student ? make_fitter_of_student(s) : make_fitter(s);
    s->student = code == CLI_OK ? ad_fitter_student(s->fitter) : NULL;
    return code;
}
