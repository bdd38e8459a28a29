/* The words for good, for bad and for masks that data sets use. This is the only list of them; the
 * header's comment at ad_dataset_open() names them for users. */
#include "api/dataset_names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char good_names[] =
    "good,ok,okay,normal,defect_free,non_defective,nondefective,pass,passed";
static const char bad_names[] =
    "bad,ko,ng,nok,not_ok,not_good,abnormal,anomaly,anomalies,anomalous,defect,defects,"
    "defective,fail,failed,faulty";
static const char mask_names[] = "ground_truth,groundtruth,gt,mask,masks";
static const char *const mask_suffixes[] = {"_mask",        "_gt",           "_label",
                                            "_groundtruth", "_ground_truth", "-mask"};

size_t adi_stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot != name ? (size_t)(dot - name) : strlen(name);
}

/* "Not OK", "not-ok" and "not_ok" are the same word. */
static int letter(char c)
{
    return c == ' ' || c == '-' ? '_' : tolower((unsigned char)c);
}

static int same_word(const char *a, const char *b, size_t n)
{
    while (n && letter(*a) == letter(*b))
        a++, b++, n--;
    return n == 0;
}

int adi_name_listed(const char *name, const char *list)
{
    const size_t n = strlen(name);
    for (const char *word = list; *word;) {
        const size_t length = strcspn(word, ",");
        if (length == n && n && same_word(word, name, n))
            return 1;
        word += length + (word[length] == ',');
    }
    return 0;
}

int adi_name_is_good(const char *name, const char *good)
{
    return adi_name_listed(name, good ? good : good_names);
}

int adi_name_is_bad(const char *name)
{
    return adi_name_listed(name, bad_names);
}

int adi_name_is_masks(const char *name)
{
    return adi_name_listed(name, mask_names);
}

size_t adi_mask_suffix(const char *name)
{
    const size_t stem = adi_stem_length(name);
    for (size_t i = 0; i < sizeof mask_suffixes / sizeof *mask_suffixes; i++) {
        const size_t n = strlen(mask_suffixes[i]);
        if (stem > n && strncasecmp(name + stem - n, mask_suffixes[i], n) == 0)
            return stem - n;
    }
    return 0;
}
