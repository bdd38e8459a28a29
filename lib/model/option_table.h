/* The options of a method: one row each, from which everything else follows: the struct that holds
 * them, text in and out, ranges, what a file keeps, and what ad_method_get_option() tells. */
#ifndef ADI_MODEL_OPTION_TABLE_H
#define ADI_MODEL_OPTION_TABLE_H

#include <stddef.h>

#include "core/safetensors.h"
#include "model/option_pairs.h"
#include "nn/graph.h"

enum { ADI_MAX_LAYERS = 64 }; /* all of any built-in network */

/* Room for a value as text: ADI_MAX_LAYERS names of ADI_GRAPH_MAX_NAME characters. */
enum { ADI_OPTION_TEXT = ADI_MAX_LAYERS * (ADI_GRAPH_MAX_NAME + 1) + 1, ADI_OPTION_WORDS = 1024 };

/* Bits of a row beside those of ad_option_part. */
enum {
    ADI_OPTION_PARTS = AD_OPTION_PREPROCESS | AD_OPTION_STUDENT | AD_OPTION_TRAINING |
                       AD_OPTION_SCORING,
    ADI_OPTION_FREE = 1 << 8,   /* changes no result: a checkpoint, or a fit to merge, may differ */
    ADI_OPTION_UNKEPT = 1 << 9, /* is in no file */
    ADI_OPTION_LATER = 1 << 10  /* files of before it do not have it, and mean its default */
};

typedef struct adi_option_row {
    const char *key;
    int32_t kind, part;   /* ad_option_kind; bits of ad_option_part and those above */
    size_t offset;        /* of the value in the method's struct */
    double low, high;     /* of numbers, both included */
    const char *words;    /* of a choice, "a|b|c"; of an integer, words for -1, -2, ... */
    const char *fallback; /* the default, as text; NULL of text: none */
    const char *says;     /* a line for help texts and the manual */
} adi_option_row;

/* Several settings under one name. */
enum { ADI_PRESET_SETTINGS = 8 };
typedef struct adi_preset {
    const char *name, *says;
    const char *settings[ADI_PRESET_SETTINGS][2]; /* key and value, up to a NULL key */
} adi_preset;

/* A key that sets others to its value. */
typedef struct adi_option_alias {
    const char *key, *says;
    const char *keys[4]; /* up to a NULL */
} adi_option_alias;

typedef struct adi_option_table {
    const char *method;
    size_t size; /* of the struct that holds the values */
    const adi_option_row *rows;
    int32_t row_count, preset_count, alias_count;
    const adi_preset *presets;
    const adi_option_alias *aliases;
    /* Whether a row means anything beside these values; NULL: all do. */
    int (*applies)(const void *values, const adi_option_row *row);
} adi_option_table;

/* A table is written once, as a list of rows
 *     X(KIND, key, parts, low, high, words, fallback, says)
 * from which ADI_OPTION_FIELD makes the members of the struct and ADI_OPTION_ROW, with the struct's
 * type as ADI_OPTION_OWNER, the rows. */
#define ADI_OPTION_FIELD(kind, key, parts, low, high, words, fallback, says) ADI_FIELD_##kind(key)
#define ADI_FIELD_INTEGER(key) int32_t key;
#define ADI_FIELD_CHOICE(key) int32_t key;
#define ADI_FIELD_REAL(key) double key;
#define ADI_FIELD_BYTES(key) uint64_t key;
#define ADI_FIELD_SEED(key) uint64_t key;
#define ADI_FIELD_TRIPLE(key) float key[3];
#define ADI_FIELD_TEXT(key) char key[ADI_OPTION_WORDS];
#define ADI_FIELD_LAYERS(key) char key[ADI_OPTION_TEXT];
#define ADI_OPTION_ROW(kind, key, parts, low, high, words, fallback, says)                         \
    {#key, AD_OPTION_##kind, (parts), offsetof(ADI_OPTION_OWNER, key), (low), (high), (words),     \
     (fallback), (says)},

/* Every value at its default. */
void adi_options_default(const adi_option_table *table, void *values);
/* One option from text: a row, an alias or "preset". AD_ERR_INVALID_ARGUMENT lists what is possible
 * and names the nearest. parts: bits of ad_option_part that may be set; of a preset and an alias
 * those settings are taken that belong to them, and at least one must. */
ad_status adi_options_set(const adi_option_table *table, void *values, int32_t parts,
                          const char *key, const char *value);
/* All pairs, those first that set several options, wherever they stand. */
ad_status adi_options_set_pairs(const adi_option_table *table, void *values, int32_t parts,
                                const adi_option_pairs *pairs);
/* The value of a row as text that adi_options_set() reads; value holds ADI_OPTION_TEXT bytes. */
void adi_option_print(const adi_option_row *row, const void *values, char *value);
/* NULL where there is none. */
const adi_option_row *adi_option_find(const adi_option_table *table, const char *key);
int adi_option_applies(const adi_option_table *table, const void *values,
                       const adi_option_row *row);
/* Copy the values of the rows that have one of the bits, and none of those in `without`. */
void adi_options_copy(const adi_option_table *table, int32_t bits, int32_t without, void *to,
                      const void *from);

/* The rows that a scorer file keeps: all but those of a student alone. */
int adi_option_is_kept(const adi_option_table *table, const void *values,
                       const adi_option_row *row);
/* Read values from the metadata of a file: a "scorer" or "fit" has them under "adfeat.option.KEY",
 * a "student" under "adfeat.student.KEY". bits: which rows are read. In a scorer or fit, those rows
 * must be there that a scorer keeps. AD_ERR_FORMAT. */
ad_status adi_options_load(const adi_option_table *table, const adi_safetensors *file,
                           const char *kind, int32_t bits, void *values);
/* AD_ERR_MISMATCH names the first option in which two fits differ whose results depend on it. */
ad_status adi_options_match(const adi_option_table *table, const void *mine, const void *others);

#endif
