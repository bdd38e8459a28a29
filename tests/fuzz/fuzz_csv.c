/* Tables of images: parsing, choosing rows, paths that must stay inside the folder. Flags: 1 the test
 * split, 2 a category is asked for, 4 names of good are given. */
#include "api/dataset.h"
#include "core/csv.h"
#include "fuzz.h"

enum { TEST_SPLIT = 1, CATEGORY = 2, GOOD = 4, CEILING = 16 << 20, ROOM = 8 };

static char *copy_of(const fuzz_input *in)
{
    char *text = malloc(in->size + 1);
    FUZZ_CHECK(text);
    memcpy(text, in->bytes, in->size);
    return text;
}

/* Every field lies in the bytes and ends there; lines only grow. */
static void parse(const fuzz_input *in)
{
    char *text = copy_of(in), *fields[ROOM];
    adi_csv csv;
    int32_t count = 1;
    adi_csv_begin(&csv, text, in->size);
    while (count) {
        const int64_t line = csv.line;
        fuzz_forget_message();
        const ad_status status = adi_csv_next(&csv, fields, ROOM, &count);
        if (status != AD_OK)
            break;
        FUZZ_CHECK(count >= 0 && count <= ROOM && csv.line >= line);
        for (int32_t i = 0; i < count; i++) {
            FUZZ_CHECK(fields[i] >= text && fields[i] <= text + in->size);
            FUZZ_CHECK(fields[i] + strlen(fields[i]) <= text + in->size);
        }
    }
    free(text);
}

static uint64_t run(const fuzz_input *in, const char *root)
{
    uint64_t seen = FUZZ_DIGEST_START;
    fuzz_heap heap = {.fault.fail_at = in->fail_at, .ceiling = CEILING, .fill = 0x5a};
    const adi_allocator allocator = fuzz_heap_allocator(&heap);
    ad_context context = {.allocator = allocator};
    ad_dataset d = {.context = &context};
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = in->flags & TEST_SPLIT ? AD_SPLIT_TEST : AD_SPLIT_TRAIN;
    o.category = in->flags & CATEGORY ? "a" : NULL;
    o.good = in->flags & GOOD ? "b,c" : NULL;
    char *text = copy_of(in);
    fuzz_forget_message();
    const ad_status status = adi_dataset_add_table(&d, root, &o, text, in->size);
    fuzz_check_status(status, 0, &heap);
    fuzz_digest_status(&seen, status);
    const size_t length = strlen(root);
    for (int64_t i = 0; i < d.count; i++) {
        const char *path = d.items[i].path;
        FUZZ_CHECK(strncmp(path, root, length) == 0 && !strstr(path + length, "/../"));
        FUZZ_CHECK(d.items[i].label == 0 || (d.items[i].label == 1 && o.split == AD_SPLIT_TEST));
        fuzz_digest(&seen, path, strlen(path));
        adi_free(&allocator, d.items[i].path);
        adi_free(&allocator, d.items[i].group);
        adi_free(&allocator, d.items[i].mask);
    }
    adi_free(&allocator, d.items);
    free(text);
    fuzz_heap_check_empty(&heap);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in;
    if (!fuzz_input_take(data, size, &in))
        return 0;
    parse(&in);
    /* A folder with files in it of short names: processes' own. */
    FUZZ_CHECK(run(&in, "/proc/self") == run(&in, "/proc/self"));
    free(in.bytes);
    return 0;
}
