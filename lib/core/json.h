/* Reading JSON text without a tree: jsmn splits it into tokens, and what jsmn lets pass is checked
 * here. */
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

/* A text and its tokens, in the order of the text: a container, then what it holds; a key, then its
 * value. */
typedef struct adi_json {
    const char *text; /* borrowed */
    size_t size;
    void *tokens; /* jsmn's */
    int32_t count;
    size_t where;    /* where parsing failed: a byte of the text ... */
    const char *why; /* ... and what is wrong there */
} adi_json;

/* The whole text must be one object or array in the JSON of RFC 8259, no more than `max_depth`
 * deep. Strings hold valid UTF-8 and no NUL, not even as \u0000. Keys that stand twice are the
 * caller's to find.
 * @return AD_ERR_FORMAT: where and why are set; AD_ERR_OUT_OF_MEMORY: no room for 20 bytes a token
 */
ad_status adi_json_parse(const adi_allocator *a, const uint8_t *text, size_t size,
                         int32_t max_depth, adi_json *out);
void adi_json_release(const adi_allocator *a, adi_json *json);

adi_json_type adi_json_type_at(const adi_json *json, int32_t token);
/* Members of an object, elements of an array. */
int32_t adi_json_size(const adi_json *json, int32_t token);
/* The token after a value and all that it holds; after a key: its value. */
int32_t adi_json_after(const adi_json *json, int32_t token);
/* The string at `token` with its NUL, at most as long as it is in the text with its quotes; returns
 * its length. */
size_t adi_json_string(const adi_json *json, int32_t token, char *out);
/* False for what is no integer of 64 bits: a fraction, an exponent, a word. */
bool adi_json_integer(const adi_json *json, int32_t token, int64_t *out);

#endif
