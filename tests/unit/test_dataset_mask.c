/* What masks mean, and tables of images: each pixel of each kind of file against the rule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "folder_case.h"
#include "harness/fault_alloc.h"

#include <jpeglib.h>

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    FILE *f = fopen(in(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

/* The marks as text, "#" and ".", or the sentence. */
static const char *marks(const char *name, int32_t good)
{
    static char text[512];
    ad_image mask = {0};
    size_t n = 0;
    if (ad_image_read_mask(context, in(name), good, &mask) != AD_OK)
        return ad_last_error_message();
    assert_int_equal(mask.format, AD_PIXEL_MONO8);
    for (int64_t y = 0; y < mask.height; y++)
        for (int64_t x = 0; x < mask.width; x++) {
            const uint8_t v = ((const uint8_t *)mask.pixels)[y * mask.row_bytes + x];
            assert_true(v == 0 || v == 255);
            text[n++] = v ? '#' : '.';
        }
    text[n] = '\0';
    ad_image_release(&mask);
    return text;
}

static void kinds(void **state)
{
    (void)state;
    static const uint8_t grey_values[4] = {0, 1, 128, 255}, bits[] = "P4\n4 1\n\x50";
    static const uint16_t deep_values[4] = {0, 1, 256, 65535};
    static const uint8_t colours[12] = {0, 0, 0, 128, 0, 0, 0, 0, 1, 255, 255, 255};
    const ad_image grey_image = AD_IMAGE_INIT(AD_PIXEL_MONO8, grey_values, 4, 1, 4);
    const ad_image deep = AD_IMAGE_INIT(AD_PIXEL_MONO16, deep_values, 4, 1, 8);
    const ad_image colour = AD_IMAGE_INIT(AD_PIXEL_RGB8, colours, 4, 1, 12);
    folder("kinds");
    assert_int_equal(ad_image_write_png(context, &grey_image, in("kinds/grey.png")), AD_OK);
    assert_int_equal(ad_image_write_png(context, &deep, in("kinds/deep.png")), AD_OK);
    assert_int_equal(ad_image_write_png(context, &colour, in("kinds/colour.png")), AD_OK);
    write_bytes("kinds/bits.pbm", bits, sizeof bits - 1);
    assert_string_equal(marks("kinds/grey.png", -1),
                        ".###"); /* whatever the number of the defect */
    assert_string_equal(marks("kinds/grey.png", 0), ".###");
    assert_string_equal(marks("kinds/grey.png", 255), "###.");
    assert_string_equal(marks("kinds/grey.png", 1), "#.##");
    assert_string_equal(marks("kinds/deep.png", -1), ".###"); /* also what is 0 of 8 bits */
    assert_string_equal(marks("kinds/deep.png", 255), "###.");
    assert_string_equal(marks("kinds/colour.png", -1), ".###");
    assert_string_equal(marks("kinds/colour.png", 255), "###.");
    assert_string_equal(marks("kinds/bits.pbm", -1), "#.#."); /* 1 is black there */
    ad_image mask = {0};
    assert_int_equal(ad_image_read_mask(context, in("kinds/grey.png"), 256, &mask),
                     AD_ERR_INVALID_ARGUMENT);
    assert_int_equal(ad_image_read_mask(context, in("kinds/none.png"), 0, &mask), AD_ERR_IO);
    assert_null(mask.pixels);
}

/* A grey JPEG of 16 x 8, its right half of another value. */
static void jpeg(const char *name, int left, int right)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr errors;
    FILE *f = fopen(in(name), "wb");
    assert_non_null(f);
    c.err = jpeg_std_error(&errors);
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, f);
    c.image_width = 16;
    c.image_height = 8;
    c.input_components = 1;
    c.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 20, TRUE); /* 255 comes back as 253 */
    jpeg_start_compress(&c, TRUE);
    for (int y = 0; y < 8; y++) {
        JSAMPLE row[16];
        JSAMPROW rows_of_image[1] = {row};
        memset(row, left, 8);
        memset(row + 8, right, 8);
        jpeg_write_scanlines(&c, rows_of_image, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    assert_int_equal(fclose(f), 0);
}

static int marked(const char *name, int32_t good)
{
    const char *text = marks(name, good);
    int n = 0;
    for (; *text; text++)
        n += *text == '#' ? 1 : *text == '.' ? 0 : 1000;
    return n;
}

static void lossy(void **state)
{
    (void)state;
    folder("lossy");
    jpeg("lossy/half.png", 0, 255); /* what it is called is no matter */
    assert_int_equal(marked("lossy/half.png", -1), 64);
    assert_int_equal(marked("lossy/half.png", 255), 64);
    jpeg("lossy/noise.jpg", 3, 9); /* a good image's, black but for compression */
    assert_int_equal(marked("lossy/noise.jpg", -1), 0);
    jpeg("lossy/classes.jpg", 0, 70); /* was it 70 or 1 or 255? */
    assert_non_null(
        strstr(marks("lossy/classes.jpg", -1), "is lossy and no value in it is further than"));
    assert_non_null(strstr(marks("lossy/half.png", 7), "mask_good may be 0 or 255 for it, not 7"));
}

static void several_files(void **state)
{
    (void)state;
    static const uint8_t a[4] = {255, 0, 0, 0}, b[4] = {0, 0, 0, 9};
    const ad_image first = AD_IMAGE_INIT(AD_PIXEL_MONO8, a, 4, 1, 4),
                   second = AD_IMAGE_INIT(AD_PIXEL_MONO8, b, 4, 1, 4);
    const ad_image tall = AD_IMAGE_INIT(AD_PIXEL_MONO8, a, 2, 2, 2);
    folder("several");
    assert_non_null(strstr(marks("several", -1), "holds no image"));
    assert_int_equal(ad_image_write_png(context, &first, in("several/000.png")), AD_OK);
    assert_int_equal(ad_image_write_png(context, &second, in("several/001.png")), AD_OK);
    assert_string_equal(marks("several", -1), "#..#");
    assert_int_equal(ad_image_write_png(context, &tall, in("several/002.png")), AD_OK);
    assert_non_null(strstr(marks("several", -1), "are 4x1 and 2x2"));
}

/* ---- Tables ---- */

static ad_status open_csv(const char *text, ad_split split, const char *category, ad_dataset **out)
{
    write_bytes("table.csv", text, strlen(text));
    char csv[512];
    snprintf(csv, sizeof csv, "%s", in("table.csv"));
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = split;
    o.csv = csv;
    o.category = category;
    *out = NULL;
    return ad_dataset_open(context, in("visa"), &o, out);
}

static void csv_refused(const char *text, const char *category, ad_status want, const char *part)
{
    ad_dataset *d;
    assert_string_equal(ad_status_name(open_csv(text, AD_SPLIT_TEST, category, &d)),
                        ad_status_name(want));
    assert_null(d);
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' does not say '%s'", ad_last_error_message(), part);
}

static void rows(const char *text, ad_split split, const char *category, const char *want)
{
    char got[512];
    size_t n = 0;
    ad_dataset *d;
    if (open_csv(text, split, category, &d) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    for (int64_t i = 0; i < ad_dataset_count(d); i++) {
        const ad_sample s = sample(d, i);
        n += (size_t)snprintf(got + n, sizeof got - n, "%s%d%s %s", i ? "; " : "", s.label,
                              s.has_mask ? "+" : "", strrchr(s.name, '/') + 1);
    }
    ad_dataset_destroy(d);
    assert_string_equal(got, want);
}

static void tables(void **state)
{
    (void)state;
    static const char visa[] = "object,split,label,image,mask\n"
                               "candle,train,normal,candle/0.png,\n"
                               "candle,test,normal,candle/1.png,\n"
                               "candle,test,anomaly,candle/2.png,candle/m.png\n"
                               "pcb,test,normal,candle/3.png,\n";
    folder("visa/candle");
    for (int i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "visa/candle/%d.png", i);
        grey(name, 4);
    }
    grey("visa/candle/m.png", 4);
    rows(visa, AD_SPLIT_TRAIN, "candle", "0 0.png");
    rows(visa, AD_SPLIT_TEST, "Candle", "0 1.png; 1+ 2.png");
    rows("label;image\nOK;candle\\0.png\n0;candle/1.png\nnormal;candle/2.png\ngood;candle/"
         "3.png\ngood;candle/4.png\n"
         "dent;candle/5.png\n",
         AD_SPLIT_TEST, NULL, "0 0.png; 1 5.png"); /* no split: a fifth of the good ones */
    csv_refused(visa, NULL, AD_ERR_FORMAT, "of several objects, candle,pcb among them");
    csv_refused(visa, "cashew", AD_ERR_FORMAT,
                "no row is of category 'cashew': there are candle,pcb");
    csv_refused("image,label\ncandle/0.png,bad\n", NULL, AD_ERR_FORMAT,
                "none of 1 rows is a good image of the test split");
    csv_refused("image,label\ncandle/0.png,\n", NULL, AD_ERR_FORMAT, "line 2 has no label");
    csv_refused("image,label,split\ncandle/0.png,good,both\n", NULL, AD_ERR_FORMAT,
                "line 2: split is 'both'");
    csv_refused("image,label,split\n../x.png,good,test\n", NULL, AD_ERR_FORMAT,
                "'../x.png' is no path inside the folder");
    csv_refused("image,label,split\n/etc/passwd,good,test\n", NULL, AD_ERR_FORMAT,
                "is no path inside the folder");
    csv_refused("image,label,split\ncandle/..\\..\\x,good,test\n", NULL, AD_ERR_FORMAT,
                "is no path inside the folder");
    csv_refused("image,label,split\ncandle/9.png,good,test\n", NULL, AD_ERR_IO,
                "line 2: there is no file '");
    csv_refused("image,kind\na,b\n", NULL, AD_ERR_FORMAT, "the first line names no column 'label'");
    csv_refused("", NULL, AD_ERR_FORMAT, "the first line names no column 'image'");
    csv_refused("image,label\n\"a", NULL, AD_ERR_FORMAT, "a quote does not end");
}

/* Every allocation while a table is opened and one of its masks is read. */
static void every_allocation_can_fail(void **state)
{
    (void)state;
    static const char table[] = "image,label,split,mask\ncandle/1.png,good,test,\n"
                                "candle/2.png,bad,test,candle/m.png\n";
    ad_context *const kept = context;
    for (long n = 1;; n++) {
        fault_alloc faults = {.fail_at = n};
        ad_context_options co;
        ad_context_options_init(&co, sizeof co);
        co.num_threads = 1;
        co.alloc = fault_alloc_get;
        co.free = fault_alloc_put;
        co.alloc_user = &faults;
        ad_dataset *d = NULL;
        ad_image image = {0};
        context = NULL;
        ad_status status = ad_context_create(&co, &context);
        if (status == AD_OK)
            status = open_csv(table, AD_SPLIT_TEST, NULL, &d);
        if (status == AD_OK)
            status = ad_dataset_read_mask(d, 1, NULL, &image);
        ad_image_release(&image);
        ad_dataset_destroy(d);
        ad_context_destroy(context);
        if (atomic_load(&faults.live))
            fail_msg("allocation %ld fails: %ld blocks leak", n, atomic_load(&faults.live));
        if (atomic_load(&faults.calls) < n)
            break;
        assert_string_equal(ad_status_name(status), "AD_ERR_OUT_OF_MEMORY");
    }
    context = kept;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds), cmocka_unit_test(lossy),
                                       cmocka_unit_test(several_files), cmocka_unit_test(tables),
                                       cmocka_unit_test(every_allocation_can_fail)};
    return cmocka_run_group_tests_name("dataset_mask", tests, set_up, tear_down);
}
