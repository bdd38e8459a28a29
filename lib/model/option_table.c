/* Options by table: text in, text out. */
#include "model/option_table.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/number.h"
#include "model/option_text.h"

enum { LIST = 800 }; /* bytes of a sentence's list of keys */

static void *at(const adi_option_row *row, void *values)
{
    return (char *)values + row->offset;
}

static const void *in(const adi_option_row *row, const void *values)
{
    return (const char *)values + row->offset;
}

static size_t bytes_of(const adi_option_row *row)
{
    switch (row->kind) {
    case AD_OPTION_INTEGER:
    case AD_OPTION_CHOICE:
        return sizeof(int32_t);
    case AD_OPTION_REAL:
        return sizeof(double);
    case AD_OPTION_TRIPLE:
        return 3 * sizeof(float);
    case AD_OPTION_TEXT:
        return ADI_OPTION_WORDS;
    case AD_OPTION_LAYERS:
        return ADI_OPTION_TEXT;
    default:
        return sizeof(uint64_t);
    }
}

const adi_option_row *adi_option_find(const adi_option_table *table, const char *key)
{
    for (int32_t i = 0; i < table->row_count; i++)
        if (strcmp(table->rows[i].key, key) == 0)
            return &table->rows[i];
    return NULL;
}

int adi_option_applies(const adi_option_table *table, const void *values, const adi_option_row *row)
{
    return !table->applies || table->applies(values, row);
}

/* ---- From text ---- */

static ad_status set_text(const adi_option_row *row, const char *value, char *out)
{
    const size_t length = strlen(value), room = bytes_of(row);
    ADI_CHECK_ARG(length, "option %s: the value is empty", row->key);
    ADI_CHECK_ARG(length < room, "option %s: %zu characters, at most %zu are possible", row->key,
                  length, room - 1);
    memcpy(out, value, length + 1);
    return AD_OK;
}

static ad_status set_row(const adi_option_row *row, const char *value, void *out)
{
    switch (row->kind) {
    case AD_OPTION_INTEGER:
        return adi_text_integer(row->key, value, (int32_t)row->low, (int32_t)row->high, row->words,
                                out);
    case AD_OPTION_CHOICE:
        return adi_text_choice(row->key, value, row->words, out);
    case AD_OPTION_REAL:
        return adi_text_real(row->key, value, row->low, row->high, out);
    case AD_OPTION_TRIPLE:
        return adi_text_triple(row->key, value, out);
    case AD_OPTION_TEXT:
    case AD_OPTION_LAYERS:
        return set_text(row, value, out);
    default:
        return adi_text_uint64(row->key, value, (uint64_t)row->low,
                               row->high < 0x1p64 ? (uint64_t)row->high : UINT64_MAX, out);
    }
}

void adi_options_default(const adi_option_table *table, void *values)
{
    memset(values, 0, table->size);
    for (int32_t i = 0; i < table->row_count; i++)
        if (table->rows[i].fallback) {
            const ad_status status =
                set_row(&table->rows[i], table->rows[i].fallback, at(&table->rows[i], values));
            (void)status; /* defaults are in range: tests/methods/test_method_options.c */
        }
}

/* ---- What there is ---- */

static void append(char *list, const char *word, int32_t *io_length)
{
    const int n = snprintf(list + *io_length, (size_t)(LIST - *io_length), "%s%s",
                           *io_length ? ", " : "", word);
    if (n > 0 && *io_length + n < LIST)
        *io_length += n;
    else
        list[*io_length] = '\0';
}

/* Rows of a student are the fitter's only where they are of its training too. */
static int belongs(int32_t part, int32_t parts)
{
    if (part & AD_OPTION_STUDENT && !(part & AD_OPTION_TRAINING))
        return (parts & AD_OPTION_STUDENT) != 0;
    return (part & parts) != 0;
}

typedef void (*visit)(void *user, const char *key);

static void each_key(const adi_option_table *t, int32_t parts, visit call, void *user)
{
    if (t->preset_count)
        call(user, "preset");
    for (int32_t i = 0; i < t->row_count; i++)
        if (belongs(t->rows[i].part, parts))
            call(user, t->rows[i].key);
    for (int32_t i = 0; i < t->alias_count; i++)
        call(user, t->aliases[i].key);
}

typedef struct search {
    const char *wanted, *nearest;
    int32_t distance, length;
    char list[LIST];
} search;

static void see_key(void *user, const char *key)
{
    search *s = user;
    const int32_t distance = adi_text_distance(s->wanted, key);
    if (distance < s->distance) {
        s->distance = distance;
        s->nearest = key;
    }
    append(s->list, key, &s->length);
}

static ad_status unknown(const adi_option_table *t, int32_t parts, const char *key)
{
    search s = {.wanted = key, .distance = 3};
    each_key(t, parts, see_key, &s);
    if (s.nearest)
        return adi_fail(AD_ERR_INVALID_ARGUMENT,
                        "%s has no option '%.40s', did you mean %s? There are %s", t->method, key,
                        s.nearest, s.list);
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "%s has no option '%.40s': there are %s", t->method,
                    key, s.list);
}

static ad_status misplaced(const adi_option_table *t, const char *key, int32_t parts)
{
    if (parts & AD_OPTION_STUDENT)
        return adi_fail(AD_ERR_INVALID_ARGUMENT,
                        "option %s is of %s's training: it belongs to the fitter, not to the "
                        "student",
                        key, t->method);
    return adi_fail(AD_ERR_INVALID_ARGUMENT,
                    "option %s says what a student of %s is: it belongs to ad_student_create(), "
                    "and this student is made already",
                    key, t->method);
}

/* ---- Presets and aliases ---- */

/* Of a row, or of those that an alias sets. */
static int32_t parts_of(const adi_option_table *t, const char *key)
{
    for (int32_t i = 0; i < t->alias_count; i++)
        if (strcmp(t->aliases[i].key, key) == 0)
            key = t->aliases[i].keys[0];
    const adi_option_row *row = adi_option_find(t, key);
    return row ? row->part : 0;
}

static ad_status set_preset(const adi_option_table *t, void *values, int32_t parts,
                            const char *name)
{
    search s = {.wanted = name, .distance = 3};
    for (int32_t i = 0; i < t->preset_count; i++) {
        const adi_preset *p = &t->presets[i];
        see_key(&s, p->name);
        if (strcmp(p->name, name) != 0)
            continue;
        for (int32_t k = 0; k < ADI_PRESET_SETTINGS && p->settings[k][0]; k++)
            if (belongs(parts_of(t, p->settings[k][0]), parts))
                ADI_TRY(adi_options_set(t, values, parts, p->settings[k][0], p->settings[k][1]));
        return AD_OK;
    }
    ADI_CHECK_ARG(t->preset_count, "%s has no presets", t->method);
    return adi_fail(AD_ERR_INVALID_ARGUMENT, "option preset: '%.40s' is none of %s", name, s.list);
}

static ad_status set_alias(const adi_option_table *t, void *values, int32_t parts,
                           const adi_option_alias *alias, const char *value)
{
    for (int32_t i = 0; i < 4 && alias->keys[i]; i++) {
        const adi_option_row *row = adi_option_find(t, alias->keys[i]);
        if (!belongs(row->part, parts))
            return misplaced(t, alias->key, parts);
        adi_option_row named = *row; /* as the user called it */
        named.key = alias->key;
        ADI_TRY(set_row(&named, value, at(row, values)));
    }
    return AD_OK;
}

ad_status adi_options_set(const adi_option_table *table, void *values, int32_t parts,
                          const char *key, const char *value)
{
    if (strcmp(key, "preset") == 0)
        return set_preset(table, values, parts, value);
    for (int32_t i = 0; i < table->alias_count; i++)
        if (strcmp(table->aliases[i].key, key) == 0)
            return set_alias(table, values, parts, &table->aliases[i], value);
    const adi_option_row *row = adi_option_find(table, key);
    if (!row)
        return unknown(table, parts, key);
    if (!belongs(row->part, parts))
        return misplaced(table, key, parts);
    return set_row(row, value, at(row, values));
}

/* Presets, then aliases, then rows: what sets several options comes before those that it sets. */
static int rank_of(const adi_option_table *t, const char *key)
{
    if (strcmp(key, "preset") == 0)
        return 0;
    for (int32_t i = 0; i < t->alias_count; i++)
        if (strcmp(t->aliases[i].key, key) == 0)
            return 1;
    return 2;
}

ad_status adi_options_set_pairs(const adi_option_table *table, void *values, int32_t parts,
                                const adi_option_pairs *pairs)
{
    for (int rank = 0; rank < 3; rank++)
        for (int32_t i = 0; i < pairs->count; i++)
            if (rank_of(table, pairs->items[i].key) == rank)
                ADI_TRY(adi_options_set(table, values, parts, pairs->items[i].key,
                                        pairs->items[i].value));
    return AD_OK;
}

/* ---- To text ---- */

static void print_triple(const float *v, char *value)
{
    char text[3][ADI_REAL_TEXT];
    snprintf(value, ADI_OPTION_TEXT, "%s,%s,%s", adi_float_text(v[0], text[0]),
             adi_float_text(v[1], text[1]), adi_float_text(v[2], text[2]));
}

void adi_option_print(const adi_option_row *row, const void *values, char *value)
{
    const void *from = in(row, values);
    char text[ADI_REAL_TEXT];
    switch (row->kind) {
    case AD_OPTION_INTEGER:
        adi_text_from_integer(*(const int32_t *)from, row->words, value, ADI_OPTION_TEXT);
        break;
    case AD_OPTION_CHOICE:
        adi_text_word(row->words, *(const int32_t *)from, value, ADI_OPTION_TEXT);
        break;
    case AD_OPTION_REAL:
        snprintf(value, ADI_OPTION_TEXT, "%s", adi_real_text(*(const double *)from, text));
        break;
    case AD_OPTION_TRIPLE:
        print_triple(from, value);
        break;
    case AD_OPTION_TEXT:
    case AD_OPTION_LAYERS:
        snprintf(value, ADI_OPTION_TEXT, "%s", (const char *)from);
        break;
    default:
        snprintf(value, ADI_OPTION_TEXT, "%" PRIu64, *(const uint64_t *)from);
        break;
    }
}

/* ---- Rows of a kind ---- */

void adi_options_copy(const adi_option_table *table, int32_t bits, int32_t without, void *to,
                      const void *from)
{
    for (int32_t i = 0; i < table->row_count; i++) {
        const adi_option_row *row = &table->rows[i];
        if (row->part & bits && !(row->part & without))
            memcpy(at(row, to), in(row, from), bytes_of(row));
    }
}

int adi_option_is_kept(const adi_option_table *table, const void *values, const adi_option_row *row)
{
    return !(row->part & ADI_OPTION_UNKEPT) &&
           (row->part & ADI_OPTION_PARTS & ~AD_OPTION_STUDENT) &&
           adi_option_applies(table, values, row);
}

/* Rows that say which others apply come first in a table. */
ad_status adi_options_load(const adi_option_table *table, const adi_safetensors *file,
                           const char *kind, int32_t bits, void *values)
{
    const int student = strcmp(kind, "student") == 0;
    for (int32_t i = 0; i < table->row_count; i++) {
        const adi_option_row *row = &table->rows[i];
        char name[96];
        if (!(row->part & bits))
            continue;
        snprintf(name, sizeof name, "adfeat.%s.%s", student ? kind : "option", row->key);
        const char *value = adi_st_meta(file, name);
        if (!value && !student && adi_option_is_kept(table, values, row) &&
            !(row->part & ADI_OPTION_LATER))
            return adi_fail(AD_ERR_FORMAT, "the %s's metadata has no '%s'", kind, name);
        if (value && set_row(row, value, at(row, values)) != AD_OK)
            return adi_fail_prefix(AD_ERR_FORMAT, "the %s's metadata: ", kind);
    }
    return AD_OK;
}

ad_status adi_options_match(const adi_option_table *table, const void *mine, const void *others)
{
    char here[ADI_OPTION_TEXT], there[ADI_OPTION_TEXT];
    for (int32_t i = 0; i < table->row_count; i++) {
        const adi_option_row *row = &table->rows[i];
        if (row->part & (ADI_OPTION_FREE | ADI_OPTION_UNKEPT))
            continue;
        adi_option_print(row, mine, here);
        adi_option_print(row, others, there);
        if (strcmp(here, there) != 0)
            return adi_fail(AD_ERR_MISMATCH, "option %s is %s in one fit and %s in the other",
                            row->key, here, there);
    }
    return AD_OK;
}
