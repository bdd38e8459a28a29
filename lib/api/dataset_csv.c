/* A dataset from a CSV file like VisA's split_csv/1cls.csv: columns object, split, label, image and
 * mask in any order; image and label are required. */
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "api/dataset.h"
#include "api/dataset_names.h"
#include "core/csv.h"
#include "core/file.h"

enum { MAX_BYTES = 1 << 28, MAX_FIELDS = 64 };

enum { IMAGE, LABEL, SPLIT, MASK, OBJECT, COLUMNS };
static const char *const column_names[COLUMNS] = {"image,image_path,filename,file,path",
                                                  "label,class,type", "split,set", "mask,mask_path",
                                                  "object,category,product"};

typedef struct table {
    ad_dataset *dataset;
    const char *root;
    const ad_dataset_options *options;
    adi_csv csv;
    int32_t column[COLUMNS]; /* -1: missing */
    int64_t good, rows;
    char objects[256]; /* categories of other rows */
} table;

static ad_status read_header(table *t)
{
    char *fields[MAX_FIELDS];
    int32_t count;
    ADI_TRY(adi_csv_next(&t->csv, fields, MAX_FIELDS, &count));
    for (int32_t c = 0; c < COLUMNS; c++) {
        t->column[c] = -1;
        for (int32_t i = 0; i < count && t->column[c] < 0; i++)
            if (adi_name_listed(fields[i], column_names[c]))
                t->column[c] = i;
    }
    if (t->column[IMAGE] < 0 || t->column[LABEL] < 0)
        return adi_fail(
            AD_ERR_FORMAT,
            "the first line names no column '%s': object, split, label, image and mask are known",
            t->column[IMAGE] < 0 ? "image" : "label");
    if (t->options->category && t->column[OBJECT] < 0)
        return adi_fail(AD_ERR_FORMAT,
                        "category is '%s', and the first line names no column 'object'",
                        t->options->category);
    return AD_OK;
}

static const char *value(const table *t, char *const *fields, int32_t count, int32_t column)
{
    return t->column[column] >= 0 && t->column[column] < count ? fields[t->column[column]] : "";
}

/* A path in the table must stay inside the root. */
static ad_status join_inside(const table *t, const char *path, int64_t line, char **out)
{
    const adi_allocator *a = &t->dataset->context->allocator;
    char *joined = adi_folder_join(a, t->root, path);
    if (!joined)
        return adi_fail_memory();
    char *inner = joined + strlen(joined) - strlen(path);
    int leaves = path[0] == '/' || path[0] == '\\' || !path[0];
    for (char *c = inner; *c; c++)
        *c = *c == '\\' ? '/' : *c;
    for (const char *part = inner; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        leaves |= strcspn(part, "/") == 2 && part[0] == '.' && part[1] == '.';
    struct stat info;
    ad_status status = AD_OK;
    if (leaves)
        status = adi_fail(AD_ERR_FORMAT, "line %lld: '%s' is no path inside the folder '%s'",
                          (long long)line, path, t->root);
    else if (stat(joined, &info) != 0 || !S_ISREG(info.st_mode))
        status = adi_fail(AD_ERR_IO, "line %lld: there is no file '%s'", (long long)line, joined);
    if (status == AD_OK)
        *out = joined;
    else
        adi_free(a, joined);
    return status;
}

static ad_status add_item(table *t, char *const *fields, int32_t count, int32_t label, int64_t line)
{
    const adi_allocator *a = &t->dataset->context->allocator;
    const char *mask_value = label ? value(t, fields, count, MASK) : "";
    char *path, *mask = NULL;
    ADI_TRY(join_inside(t, value(t, fields, count, IMAGE), line, &path));
    ad_status status = mask_value[0] ? join_inside(t, mask_value, line, &mask) : AD_OK;
    if (status == AD_OK)
        status =
            adi_dataset_append(t->dataset, path, value(t, fields, count, LABEL), label, mask, NULL);
    adi_free(a, path);
    return status;
}

static void note_object(table *t, const char *object)
{
    const size_t used = strlen(t->objects), n = strlen(object);
    if (adi_name_listed(object, t->objects) || used + n + 2 > sizeof t->objects)
        return;
    if (used)
        strcat(t->objects, ",");
    strcat(t->objects, object);
}

/* Whether a row belongs to the split. Without a split column, good images are a pool. */
static ad_status in_split(table *t, const char *split, int32_t label, int64_t line, int *out_in)
{
    const int train = adi_name_listed(split, "train,training"),
              test = adi_name_listed(split, "test,testing");
    const int wanted = t->options->split == AD_SPLIT_TRAIN ? train : test;
    if (t->column[SPLIT] < 0)
        *out_in = !label || t->options->split == AD_SPLIT_TEST;
    else if (train || test || adi_name_listed(split, "val,valid,validation"))
        *out_in = wanted && !(label && t->options->split == AD_SPLIT_TRAIN);
    else
        return adi_fail(AD_ERR_FORMAT,
                        "line %lld: split is '%s', train, test and validation are possible",
                        (long long)line, split);
    return AD_OK;
}

static ad_status add_row(table *t, char *const *fields, int32_t count, int64_t line)
{
    const char *object = value(t, fields, count, OBJECT), *text = value(t, fields, count, LABEL);
    int in = 0;
    if (t->options->category && strcasecmp(object, t->options->category) != 0) {
        note_object(t, object);
        return AD_OK;
    }
    if (!t->options->category)
        note_object(t, object);
    if (strchr(t->objects, ',') && !t->options->category)
        return adi_fail(AD_ERR_FORMAT,
                        "the table is of several objects, %s among them: category says of which",
                        t->objects);
    if (!text[0])
        return adi_fail(AD_ERR_FORMAT, "line %lld has no label", (long long)line);
    const int32_t label = !(adi_name_is_good(text, t->options->good) || strcmp(text, "0") == 0);
    ADI_TRY(in_split(t, value(t, fields, count, SPLIT), label, line, &in));
    t->rows++;
    return in ? add_item(t, fields, count, label, line) : AD_OK;
}

static ad_status add_rows(table *t)
{
    char *fields[MAX_FIELDS];
    int32_t count = 1;
    adi_pool pool;
    ADI_TRY(read_header(t));
    while (count) {
        const int64_t line = t->csv.line;
        ADI_TRY(adi_csv_next(&t->csv, fields, MAX_FIELDS, &count));
        if (count)
            ADI_TRY(add_row(t, fields, count, line));
    }
    if (t->options->category && !t->rows)
        return adi_fail(AD_ERR_FORMAT, "no row is of category '%s': there are %s",
                        t->options->category, t->objects);
    if (t->column[SPLIT] < 0)
        adi_pool_split(t->dataset, 0, t->options->split, &pool);
    for (int64_t i = 0; i < t->dataset->count; i++)
        t->good += t->dataset->items[i].label == 0;
    if (!t->good)
        return adi_fail(AD_ERR_FORMAT,
                        "none of %lld rows is a good image of the %s split: a label of good, ok, "
                        "normal or 0 is",
                        (long long)t->rows, t->options->split == AD_SPLIT_TRAIN ? "train" : "test");
    return AD_OK;
}

ad_status adi_dataset_add_table(ad_dataset *d, const char *root, const ad_dataset_options *o,
                                char *text, size_t size)
{
    table t = {.dataset = d, .root = root, .options = o};
    adi_csv_begin(&t.csv, text, size);
    return add_rows(&t);
}

ad_status adi_dataset_add_csv(ad_dataset *d, const char *root, const ad_dataset_options *o)
{
    const adi_allocator *a = &d->context->allocator;
    uint8_t *bytes;
    size_t size;
    ADI_TRY(adi_file_read(a, o->csv, MAX_BYTES, &bytes, &size));
    char *text = adi_alloc(a, size + 1);
    if (text)
        memcpy(text, bytes, size);
    adi_free(a, bytes);
    const ad_status status =
        text ? adi_dataset_add_table(d, root, o, text, size) : adi_fail_memory();
    adi_free(a, text);
    return adi_fail_in_file(status, "table", o->csv);
}
