/* Reading JSON as a list of tokens: jsmn splits the text, and this adds the checks that jsmn
 * lacks. */
#ifndef ADI_CORE_JSON_H
#define ADI_CORE_JSON_H

#include <stdbool.h>

#include "core/alloc.h"
#include "core/error.h"

typedef enum adi_json_type {
    ADI_JSON_OBJECT,
    ADI_JSON_ARRAY,
    ADI_JSON_STRING,
    ADI_JSON_OTHER
} adi_json_type;

/* A text and its tokens in order: a container is followed by its members, a key by its value. */
typedef struct adi_json {
    const char *text; /* borrowed */
    size_t size;
    void *tokens; /* jsmntok_t */
    int32_t count;
    size_t where;    /* byte of the text at which parsing failed */
    const char *why; /* the error there */
} adi_json;

/* Parse a text that is one object or array (RFC 8259), nested at most `max_depth` deep. Strings
 * must be UTF-8 without NUL, also as \u0000. Duplicate keys are not detected.
 * @return AD_ERR_FORMAT: where and why are set; AD_ERR_OUT_OF_MEMORY: a token takes 20 bytes */
ad_status adi_json_parse(const adi_allocator *a, const uint8_t *text, size_t size,
                         int32_t max_depth, adi_json *out);
void adi_json_release(const adi_allocator *a, adi_json *json);

adi_json_type adi_json_type_at(const adi_json *json, int32_t token);
/* The number of members of an object, or of elements of an array. */
int32_t adi_json_size(const adi_json *json, int32_t token);
/* The token after a value with all its members; for a key: its value. */
int32_t adi_json_after(const adi_json *json, int32_t token);
/* Write the string at `token` with its NUL, which is never longer than the quoted text; returns its
 * length. */
size_t adi_json_string(const adi_json *json, int32_t token, char *out);
/* False if the token is not a 64-bit integer: a fraction, an exponent, a word. */
bool adi_json_integer(const adi_json *json, int32_t token, int64_t *out);

#endif
