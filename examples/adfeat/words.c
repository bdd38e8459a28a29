/* Words of the command line; see words.h. */
#include "words.h"

#include <adfeat.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 40 }; /* of a name of an option */

static const arg_spec *flags;
static const settings *settings_given;

void words_take_flags(const arg_spec *specs, const settings *set)
{
    flags = specs;
    settings_given = set;
}

/* ---- From an option's name to a flag ---- */

/* Names that the program shortened. The library's memory_limit of a method is --set memory_limit,
 * since --memory-limit is that of all. */
static const char *const others[][2] = {{"significant_bits", "--bits"},
                                        {"num_threads", "--threads"},
                                        {"architecture", "--backbone"},
                                        {"memory_limit", ""}};

static const arg_spec *find_flag(const char *name)
{
    for (const arg_spec *s = flags; s && s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

static int is_set(const char *key)
{
    for (int i = 0; settings_given && i < settings_given->count; i++)
        if (settings_given->items[i].by_set && strcmp(settings_given->items[i].key, key) == 0)
            return 1;
    return 0;
}

/* Whether any method has the option, where there is a --set for it. */
static int can_be_set(const char *key)
{
    for (int32_t m = 0; find_flag("--set") && m < ad_method_count(); m++) {
        ad_method_info method = {.struct_size = sizeof method};
        if (ad_method_get_info(m, &method) != AD_OK)
            continue;
        for (int32_t i = 0; i < method.option_count; i++) {
            ad_option_info o = {.struct_size = sizeof o};
            if (ad_method_get_option(method.name, i, &o) == AD_OK && strcmp(o.key, key) == 0)
                return 1;
        }
    }
    return 0;
}

/* What is typed for an option of the library; 0 where it is no option of this command. */
static int flag_of(const char *key, char flag[LONGEST + 8])
{
    if (is_set(key))
        return snprintf(flag, LONGEST + 8, "--set %s", key) > 0;
    snprintf(flag, LONGEST + 8, "--%s", key);
    for (char *c = flag; *c; c++)
        *c = *c == '_' ? '-' : *c;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(key, others[i][0]) == 0)
            snprintf(flag, LONGEST + 8, "%s", others[i][1]);
    if (find_flag(flag))
        return 1;
    snprintf(flag, LONGEST + 8, "--set %s", key);
    return can_be_set(key);
}

/* ---- Sentences ---- */

static int is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Length of the quoted text that begins here, its quotes included; 0 where none does. The
 * apostrophe in "the method's" follows a letter, the one in 'it's here.png' is before one. */
static size_t quoted(const char *start, const char *at)
{
    if (*at != '\'' || (at > start && at[-1] != ' ' && at[-1] != '('))
        return 0;
    for (const char *end = at + 1; *end; end++)
        if (*end == '\'' && !is_word(end[1]) && !(end[1] >= 'A' && end[1] <= 'Z'))
            return (size_t)(end + 1 - at);
    return 0;
}

/* Length of the name of an option that begins here. Parts of paths, sums and the like are none. */
static size_t name_at(const char *start, const char *at)
{
    static const char before[] = " (,", after[] = " ,:;?)=";
    if (*at < 'a' || *at > 'z' || (at > start && !strchr(before, at[-1])))
        return 0;
    size_t n = 0;
    while (is_word(at[n]))
        n++;
    const int ends =
        !at[n] || strchr(after, at[n]) || (at[n] == '.' && (!at[n + 1] || at[n + 1] == ' '));
    return n <= LONGEST && ends ? n : 0;
}

/* Whether an option is meant by a name that is an everyday word, such as size or layout. */
static int is_meant(const char *start, const char *at, size_t n, const char *listed_to)
{
    static const char one[] = "ption ", more[] = "ptions "; /* Option, too */
    const size_t before = (size_t)(at - start);
    if (memchr(at, '_', n) || at == listed_to)
        return 1;
    if (before >= sizeof one - 1 && memcmp(at - (sizeof one - 1), one, sizeof one - 1) == 0)
        return 1;
    if (before >= sizeof more - 1 && memcmp(at - (sizeof more - 1), more, sizeof more - 1) == 0)
        return 1;
    return at == start && strncmp(at + n, " is '", 5) == 0;
}

/* In "options csv, layout and normal_dir" where the next one begins. */
static const char *next_of_list(const char *end, int in_list)
{
    if (!in_list)
        return NULL;
    return strncmp(end, ", ", 2) == 0 ? end + 2 : strncmp(end, " and ", 5) == 0 ? end + 5 : NULL;
}

static void put(char *out, size_t size, size_t *n, const char *text, size_t length)
{
    if (*n + 1 < size)
        *n += (size_t)snprintf(out + *n, size - *n, "%.*s", (int)length, text);
    if (*n >= size)
        *n = size - 1;
}

const char *words_as_flags(const char *sentence, char *out, size_t size)
{
    static const char limit[] = "the context's memory_limit", keys[] = " has no option '";
    const char *listed_to = NULL;
    size_t n = 0;
    out[0] = '\0';
    if (strstr(sentence, keys)) { /* what follows are the keys of --set */
        snprintf(out, size, "option --set: %s", sentence);
        return out;
    }
    for (const char *at = sentence; *at;) {
        char key[LONGEST + 1], flag[LONGEST + 8];
        size_t length = quoted(sentence, at);
        if (length || strncmp(at, limit, sizeof limit - 1) == 0) {
            put(out, size, &n, length ? at : "--memory-limit", length ? length : 14);
            at += length ? length : sizeof limit - 1;
            continue;
        }
        length = name_at(sentence, at);
        snprintf(key, sizeof key, "%.*s", (int)length, at);
        if (length && is_meant(sentence, at, length, listed_to) && flag_of(key, flag)) {
            const int in_list =
                at == listed_to || (at - sentence >= 8 && strncmp(at - 8, "options ", 8) == 0);
            put(out, size, &n, flag, strlen(flag));
            at += length;
            listed_to = next_of_list(at, in_list);
            continue;
        }
        length = length ? length : 1;
        put(out, size, &n, at, length);
        at += length;
    }
    return out;
}

/* ---- Mistyped words ---- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Damerau and Levenshtein's distance: letters left out, put in, changed, or two exchanged. */
static int distance_of(const char *a, const char *b)
{
    const size_t m = strlen(a), n = strlen(b);
    int rows[3][LONGEST + 1];
    if (m > LONGEST || n > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = (int)j;
    for (size_t i = 1; i <= m; i++) {
        int *now = rows[i % 3];
        const int *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= n; j++) {
            now[j] =
                least(least(before[j], now[j - 1]) + 1, before[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return rows[m % 3][n];
}

/* Two letters may be wrong, and one in three; --out may be --output, and evaluate eval. */
void words_compare(words_search *search, const char *name)
{
    const size_t length = strlen(search->wanted);
    int distance = distance_of(search->wanted, name);
    const size_t shorter = length < strlen(name) ? length : strlen(name);
    if (shorter >= 4 && strncmp(name, search->wanted, shorter) == 0)
        distance = least(distance, 1);
    const int limit = search->nearest ? search->distance : 3;
    if (distance < limit && 3 * (size_t)distance <= length) {
        search->nearest = name;
        search->distance = distance;
    }
}

const char *words_option_meant(const char *word, char *out, size_t size)
{
    char name[LONGEST + 3], key[LONGEST + 3];
    const size_t n = strcspn(word, "=");
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : 0), word);
    snprintf(key, sizeof key, "%s", name + strspn(name, "-"));
    for (char *c = key; *c; c++)
        *c = *c == '-' ? '_' : *c;
    if (can_be_set(key)) {
        snprintf(out, size, ", did you mean --set %s=VALUE?", key);
        return out;
    }
    words_search search = {.wanted = name};
    for (const arg_spec *s = flags; s && s->name; s++)
        words_compare(&search, s->name);
    words_compare(&search, "--help");
    return words_meant(&search, out, size);
}

const char *words_meant(const words_search *search, char *out, size_t size)
{
    out[0] = '\0';
    if (search->nearest)
        snprintf(out, size, ", did you mean %s?", search->nearest);
    return out;
}
