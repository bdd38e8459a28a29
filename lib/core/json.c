/* jsmn allocates nothing and splits well-formed text rightly, but it takes much that is no JSON:
 * missing and additional commas and colons, several values, what follows a NUL, any bytes in
 * strings, 1-2 and tru. So every byte is gone through once more: between tokens may stand white
 * space and the one sign that belongs there. */
#include "core/json.h"

#include <limits.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS /* without them a closing bracket looks through all tokens before it */
#include <jsmn.h>

static const jsmntok_t *token_at(const adi_json *json, int32_t token)
{
    return (const jsmntok_t *)json->tokens + token;
}

/* ---- Checking ------------------------------------------------------------------------------- */

/* How far the text has been gone through. */
typedef struct check {
    adi_json *json;
    size_t at;
    int32_t token; /* the next one */
    int32_t depth; /* that are left */
} check;

static bool refuse(check *c, size_t where, const char *why)
{
    c->json->where = where;
    c->json->why = why;
    return false;
}

static void skip_space(check *c)
{
    while (c->at < c->json->size && memchr(" \t\n\r", c->json->text[c->at], 4))
        c->at++;
}

static bool expect(check *c, char sign, const char *why)
{
    skip_space(c);
    if (c->at == c->json->size || c->json->text[c->at] != sign)
        return refuse(c, c->at, why);
    c->at++;
    return true;
}

/* The four digits after \u, which jsmn has seen to be there. */
static uint32_t code_unit(const char *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char d = digits[i];
        value = value << 4 | (uint32_t)(d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10);
    }
    return value;
}

/* The code point of \uXXXX or, where it takes two of them, \uXXXX\uXXXX. @return its bytes of the
 * text; 0: half of a pair alone */
static size_t escaped_point(const char *text, const char *end, uint32_t *out_point)
{
    const uint32_t high = code_unit(text + 2);
    *out_point = high;
    if (high < 0xd800 || high > 0xdfff)
        return 6;
    if (high > 0xdbff || end - text < 12 || text[6] != '\\' || text[7] != 'u')
        return 0;
    const uint32_t low = code_unit(text + 8);
    *out_point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

/* The bytes of one character of well-formed UTF-8 (Unicode 15, table 3-7); 0: it is none. */
static size_t utf8_length(const uint8_t *s, size_t left)
{
    static const struct {
        uint8_t first, last, length, second_least, second_most;
    } rows[] = {
        {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
        {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
        {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        if (s[0] < rows[r].first || s[0] > rows[r].last)
            continue;
        const size_t n = rows[r].length;
        if (n > left || (n > 1 && (s[1] < rows[r].second_least || s[1] > rows[r].second_most)))
            return 0;
        for (size_t i = 2; i < n; i++)
            if ((s[i] & 0xc0) != 0x80)
                return 0;
        return n;
    }
    return 0;
}

static bool check_string(check *c, const jsmntok_t *t)
{
    const char *text = c->json->text, *end = text + t->end;
    size_t n;
    for (const char *p = text + t->start; p < end; p += n) {
        const size_t where = (size_t)(p - text);
        uint32_t point = 1;
        n = *p == '\\' ? 2 : utf8_length((const uint8_t *)p, (size_t)(end - p));
        if (n == 0)
            return refuse(c, where, "a string is not UTF-8");
        if ((unsigned char)*p < 0x20)
            return refuse(c, where, "a control character in a string");
        if (*p == '\\' && p[1] == 'u')
            n = escaped_point(p, end, &point);
        if (n == 0)
            return refuse(c, where, "half of a surrogate pair");
        if (point == 0)
            return refuse(c, where, "\\u0000 in a string");
    }
    c->at = (size_t)t->end + 1;
    return true;
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static bool is_number(const char *p, const char *end)
{
    p += p < end && *p == '-';
    const char *digits = p;
    p = skip_digits(p, end);
    if (p == digits || (*digits == '0' && p - digits > 1))
        return false;
    if (p < end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, end);
        if (p == digits)
            return false;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        digits = p;
        p = skip_digits(p, end);
        if (p == digits)
            return false;
    }
    return p == end;
}

static bool check_word(check *c, const jsmntok_t *t)
{
    static const char *const words[] = {"true", "false", "null"};
    const char *text = c->json->text + t->start, *end = c->json->text + t->end;
    bool known = is_number(text, end);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        known = known || ((size_t)(end - text) == strlen(words[i]) &&
                          memcmp(text, words[i], strlen(words[i])) == 0);
    if (!known)
        return refuse(c, (size_t)t->start, "neither a number nor true, false or null");
    c->at = (size_t)t->end;
    return true;
}

static bool check_value(check *c);

static bool check_key(check *c)
{
    skip_space(c);
    const jsmntok_t *t = c->token < c->json->count ? token_at(c->json, c->token) : NULL;
    if (!t || t->type != JSMN_STRING || (size_t)t->start != c->at + 1)
        return refuse(c, c->at, "a name was expected");
    c->token++;
    return check_string(c, t) && expect(c, ':', "':' was expected");
}

static bool check_container(check *c, const jsmntok_t *t)
{
    if (c->depth-- == 0)
        return refuse(c, c->at, "nested too deeply");
    c->at++;
    for (int32_t i = 0; i < t->size; i++) {
        if (i && !expect(c, ',', "',' was expected"))
            return false;
        if (t->type == JSMN_OBJECT && !check_key(c))
            return false;
        if (!check_value(c))
            return false;
    }
    c->depth++;
    return expect(c, t->type == JSMN_OBJECT ? '}' : ']', "',' or a closing bracket was expected");
}

static bool check_value(check *c)
{
    skip_space(c);
    const jsmntok_t *t = c->token < c->json->count ? token_at(c->json, c->token) : NULL;
    if (!t || (size_t)t->start != c->at + (t->type == JSMN_STRING))
        return refuse(c, c->at, "a value was expected");
    c->token++;
    if (t->type == JSMN_STRING)
        return check_string(c, t);
    return t->type == JSMN_PRIMITIVE ? check_word(c, t) : check_container(c, t);
}

static bool check_all(adi_json *json, int32_t max_depth)
{
    check c = {.json = json, .depth = max_depth};
    if (!check_value(&c))
        return false;
    skip_space(&c);
    if (c.at != json->size || c.token != json->count)
        return refuse(&c, c.at, "something follows the value");
    return true;
}

/* ---- Parsing -------------------------------------------------------------------------------- */

static int split(adi_json *json)
{
    jsmn_parser parser;
    jsmn_init(&parser);
    const int count =
        jsmn_parse(&parser, json->text, json->size, json->tokens, (unsigned)json->count);
    json->where = parser.pos;
    json->why = count == JSMN_ERROR_PART ? "the text ends too early" : "not JSON";
    return count;
}

ad_status adi_json_parse(const adi_allocator *a, const uint8_t *text, size_t size,
                         int32_t max_depth, adi_json *out)
{
    *out = (adi_json){.text = (const char *)text, .size = size};
    if (size > INT_MAX) { /* jsmn's positions */
        out->why = "too long";
        return AD_ERR_FORMAT;
    }
    const int count = split(out);
    if (count < 0)
        return AD_ERR_FORMAT;
    out->tokens = adi_alloc(a, ((size_t)count + 1) * sizeof(jsmntok_t));
    if (!out->tokens)
        return AD_ERR_OUT_OF_MEMORY;
    out->count = count;
    if (split(out) == count && check_all(out, max_depth))
        return AD_OK;
    adi_json_release(a, out);
    return AD_ERR_FORMAT;
}

void adi_json_release(const adi_allocator *a, adi_json *json)
{
    adi_free(a, json->tokens);
    json->tokens = NULL;
    json->count = 0;
}

/* ---- Asking --------------------------------------------------------------------------------- */

adi_json_type adi_json_type_at(const adi_json *json, int32_t token)
{
    switch (token_at(json, token)->type) {
    case JSMN_OBJECT:
        return ADI_JSON_OBJECT;
    case JSMN_ARRAY:
        return ADI_JSON_ARRAY;
    case JSMN_STRING:
        return ADI_JSON_STRING;
    default:
        return ADI_JSON_OTHER;
    }
}

int32_t adi_json_size(const adi_json *json, int32_t token)
{
    return token_at(json, token)->size;
}

int32_t adi_json_after(const adi_json *json, int32_t token)
{
    const int end = token_at(json, token)->end;
    do
        token++;
    while (token < json->count && token_at(json, token)->start < end);
    return token;
}

static char *put_utf8(char *out, uint32_t point)
{
    static const struct {
        uint32_t most;
        uint8_t first, more;
    } rows[] = {{0x7f, 0, 0}, {0x7ff, 0xc0, 1}, {0xffff, 0xe0, 2}, {0x10ffff, 0xf0, 3}};
    size_t r = 0;
    while (point > rows[r].most)
        r++;
    *out++ = (char)(rows[r].first | point >> 6 * rows[r].more);
    for (int i = rows[r].more - 1; i >= 0; i--)
        *out++ = (char)(0x80 | (point >> 6 * i & 0x3f));
    return out;
}

static char plain_escape(char c)
{
    static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
    const char *found = strchr(names, c);
    return found ? values[found - names] : c;
}

size_t adi_json_string(const adi_json *json, int32_t token, char *out)
{
    const jsmntok_t *t = token_at(json, token);
    const char *p = json->text + t->start, *end = json->text + t->end;
    char *to = out;
    while (p < end) {
        uint32_t point = 0;
        if (*p != '\\') {
            *to++ = *p++;
        } else if (p[1] != 'u') {
            *to++ = plain_escape(p[1]);
            p += 2;
        } else {
            p += escaped_point(p, end, &point);
            to = put_utf8(to, point);
        }
    }
    *to = 0;
    return (size_t)(to - out);
}

bool adi_json_integer(const adi_json *json, int32_t token, int64_t *out)
{
    const jsmntok_t *t = token_at(json, token);
    const char *p = json->text + t->start, *end = json->text + t->end;
    const bool negative = *p == '-';
    p += negative;
    if (t->type != JSMN_PRIMITIVE || p == end || (*p == '0' && end - p > 1))
        return false;
    uint64_t value = 0;
    for (; p < end; p++) {
        const unsigned digit = (unsigned)(*p - '0');
        if (digit > 9 || value > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}
