/* Layouts of data sets: each made of empty pictures, opened for both splits, and compared with what
 * it holds by its own description. And what is in none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "folder_case.h"
#include "harness/fault_alloc.h"

static void put_bytes(const char *name, const uint8_t *pixels)
{
    char path[512];
    snprintf(path, sizeof path, "%s", name);
    *strrchr(path, '/') = '\0';
    folder(path);
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_MONO8, pixels, 4, 4, 4);
    assert_int_equal(ad_image_write_png(context, &image, in(name)), AD_OK);
}

/* A part: many values. PNG whatever the ending. */
static void part(const char *name)
{
    uint8_t pixels[16];
    for (int i = 0; i < 16; i++)
        pixels[i] = (uint8_t)(10 + 7 * i);
    put_bytes(name, pixels);
}

/* A mask that marks `marked` of 16 pixels. */
static void mask(const char *name, int marked)
{
    uint8_t pixels[16] = {0};
    memset(pixels, 255, (size_t)marked);
    put_bytes(name, pixels);
}

/* Names parted by spaces; a name that ends in + is a marked mask, in - an empty one, in / an empty
 * folder. */
static void make(const char *root_name, const char *names)
{
    char name[256], *end;
    for (const char *at = names; *at; at += strspn(at, " ")) {
        const int n = (int)strcspn(at, " ");
        snprintf(name, sizeof name, "%s/%.*s", root_name, n, at);
        end = name + strlen(name) - 1;
        const char kind = *end;
        if (strchr("+-/", kind))
            *end = '\0';
        if (kind == '/')
            folder(name);
        else if (kind == '+' || kind == '-')
            mask(name, kind == '+' ? 3 : 0);
        else
            part(name);
        at += n;
    }
}

typedef struct wanted {
    const char *layout; /* NULL: found by itself */
    ad_split split;
    const char *images; /* "label group mask path", one after the other; mask: 0 or 1 */
} wanted;

static void describe(const ad_dataset *d, const char *name, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (int64_t i = 0; i < ad_dataset_count(d); i++) {
        const ad_sample s = sample(d, i);
        const char *inside = strstr(s.name, name) + strlen(name) + 1;
        n += (size_t)snprintf(out + n, size - n, "%s%d%s %s %s", i ? "; " : "", s.label,
                              s.has_mask ? "+" : "", s.group, inside);
        if (s.has_mask) {
            ad_image m = {0};
            if (ad_dataset_read_mask(d, i, NULL, &m) != AD_OK)
                fail_msg("%s", ad_last_error_message());
            ad_image_release(&m);
        }
    }
}

static ad_status open_with(const char *name, ad_dataset_options *o, ad_dataset **out)
{
    *out = NULL;
    return ad_dataset_open(context, in(name), o, out);
}

static void is(const char *name, const char *layout, ad_split split, const char *images)
{
    char got[2048];
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = split;
    o.layout = layout;
    ad_dataset *d;
    if (open_with(name, &o, &d) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    describe(d, name, got, sizeof got);
    assert_string_equal(got, images);
    ad_dataset_destroy(d);
}

/* Found by itself and by its name, alike. */
static void both(const char *name, const char *layout, const char *train, const char *test)
{
    is(name, NULL, AD_SPLIT_TRAIN, train);
    is(name, NULL, AD_SPLIT_TEST, test);
    is(name, layout, AD_SPLIT_TRAIN, train);
    is(name, layout, AD_SPLIT_TEST, test);
}

static void layouts_of_data_sets(void **state)
{
    (void)state;
    make("btad", "train/ok/0.png test/ok/1.png test/ko/2.png ground_truth/ko/2.bmp+");
    rename(in("btad/ground_truth/ko/2.bmp"), in("btad/ground_truth/ko/2.PNG"));
    both("btad", "btad", "0 ok train/ok/0.png", "1+ ko test/ko/2.png; 0 ok test/ok/1.png");

    make("visa", "train/good/0.jpg test/good/1.jpg test/bad/2.jpg ground_truth/bad/2.png+");
    both("visa", "visa", "0 good train/good/0.jpg",
         "1+ bad test/bad/2.jpg; 0 good test/good/1.jpg");

    make("loco",
         "train/good/0.png validation/good/7.png test/good/1.png test/logical_anomalies/2.png "
         "ground_truth/logical_anomalies/2/000.png+ ground_truth/logical_anomalies/2/001.png+");
    both("loco", "mvtec_loco", "0 good train/good/0.png",
         "0 good test/good/1.png; 1+ logical_anomalies test/logical_anomalies/2.png");

    make("ad2", "train/good/0.png validation/good/7.png test_public/good/1.png "
                "test_public/bad/2.png test_private/9.png "
                "test_public/ground_truth/bad/2_mask.png+");
    both("ad2", "mvtec_ad_2", "0 good train/good/0.png",
         "1+ bad test_public/bad/2.png; 0 good test_public/good/1.png");

    make("raw", "Data/Images/Normal/0.JPG Data/Images/Normal/1.JPG Data/Images/Normal/2.JPG "
                "Data/Images/Normal/3.JPG "
                "Data/Images/Normal/4.JPG Data/Images/Anomaly/0.JPG Data/Masks/Anomaly/0.png+");
    both("raw", "visa_raw",
         "0 Normal Data/Images/Normal/1.JPG; 0 Normal Data/Images/Normal/2.JPG; 0 Normal "
         "Data/Images/Normal/3.JPG; "
         "0 Normal Data/Images/Normal/4.JPG",
         "0 Normal Data/Images/Normal/0.JPG; 1+ Anomaly Data/Images/Anomaly/0.JPG");

    make("iad", "OK/S1/a.jpg OK/S1/b.jpg OK/S2/c.jpg OK/S2/d.jpg OK/S2/e.jpg NG/dent/S9/f.jpg "
                "NG/dent/S9/f.png+ NG/spot/S1/g.jpg");
    both("iad", "real_iad",
         "0 OK OK/S1/a.jpg; 0 OK OK/S1/b.jpg",
         "0 OK OK/S2/c.jpg; 0 OK OK/S2/d.jpg; 0 OK OK/S2/e.jpg; "
         "1+ dent NG/dent/S9/f.jpg; 1 spot NG/spot/S1/g.jpg");

    make("own", "normal/0.png normal/1.png normal/2.png normal/3.png normal/4.png abnormal/5.png "
                "mask/5.png+");
    both("own", "folder",
         "0 normal normal/1.png; 0 normal normal/2.png; 0 normal normal/3.png; 0 normal "
         "normal/4.png",
         "0 normal normal/0.png; 1+ abnormal abnormal/5.png");
}

/* Five views of each of twelve samples: both splits see every camera, and no sample is in both. */
static void views_of_samples(void **state)
{
    (void)state;
    char name[64];
    for (int s = 1; s <= 12; s++)
        for (int view = 1; view <= 5; view++) {
            snprintf(name, sizeof name, "views/OK/S%04d/n_C%d.jpg", s, view);
            part(name);
            snprintf(name, sizeof name, "plain/good/n%03d_C%d.jpg", s, view);
            part(name);
        }
    make("views", "NG/dent/S0001/f.jpg NG/dent/S0001/f.png+");
    make("plain", "bad/f.jpg");
    ad_dataset *d = open_split("views", AD_SPLIT_TEST);
    assert_int_equal(ad_dataset_count(d), 11);
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "S%04d/n_C%d.jpg", i < 5 ? 5 : 10, i % 5 + 1);
        assert_non_null(strstr(sample(d, i).name, name));
    }
    ad_dataset_destroy(d);
    d = open_split("views", AD_SPLIT_TRAIN);
    assert_int_equal(ad_dataset_count(d), 50);
    ad_dataset_destroy(d);
    assert_non_null(strstr(log_line, "OK': 10 of its 60 good images are held out for the test "
                                     "split: of the 12 folders they lie in every 5th"));
    /* in one folder, not those of one camera */
    int cameras[6] = {0}, seen = 0;
    d = open_split("plain", AD_SPLIT_TEST);
    assert_int_equal(ad_dataset_count(d), 13);
    for (int i = 0; i < 12; i++)
        cameras[strstr(sample(d, i).name, "_C")[2] - '0']++;
    for (int view = 1; view <= 5; view++)
        seen += cameras[view] > 0;
    assert_true(seen >= 4);
    ad_dataset_destroy(d);
    d = open_split("plain", AD_SPLIT_TRAIN);
    assert_int_equal(ad_dataset_count(d), 48);
    ad_dataset_destroy(d);
    assert_non_null(strstr(log_line, "good': 12 of its 60 good images are held out for the test "
                                     "split: of each 5 in the order"));
}

/* An image of which the mask beside it marks nothing is good. */
static void masks_beside(void **state)
{
    (void)state;
    make("sdd", "kos01/Part0.jpg kos01/Part0_label.png- kos01/Part1.jpg kos01/Part1_label.png+ "
                "kos02/Part0.jpg "
                "kos02/Part0_label.png- kos02/Part2.jpg kos02/Part2_label.png- kos02/Part3.jpg "
                "kos02/Part3_label.png- "
                "kos02/Part4.jpg kos02/Part4_label.png-");
    both("sdd", "pairs",
         "0 kos01 kos01/Part0.jpg",
         "1+ kos01 kos01/Part1.jpg; 0 kos02 kos02/Part0.jpg; 0 kos02 kos02/Part2.jpg; 0 kos02 "
         "kos02/Part3.jpg; 0 kos02 kos02/Part4.jpg");
    make("sdd2", "train/1.png train/1_GT.png- train/2.png train/2_GT.png+ test/3.png "
                 "test/3_GT.png- test/4.png test/4_GT.png+");
    both("sdd2", "pairs", "0  train/1.png", "0  test/3.png; 1+  test/4.png");
    make("tiles", "a.jpg a.png- b.jpg b.png+ c.jpg c.png- d.jpg d.png- e.jpg e.png- f.jpg f.png-");
    both("tiles", "pairs", "0  c.jpg; 0  d.jpg; 0  e.jpg; 0  f.jpg", "0  a.jpg; 1+  b.jpg");
    make("white", "a.jpg a_mask.png+ b.jpg b_mask.png+");
    refused("white", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "no image of '");
    refused("white", AD_SPLIT_TEST, AD_ERR_FORMAT, "every mask beside one marks something");
    /* two pictures of one part are no mask */
    make("twins", "a.jpg a.png");
    is("twins", NULL, AD_SPLIT_TRAIN, "0  a.jpg; 0  a.png");
    /* a name of a mask without its image is an image, unless there is no other name */
    make("labels", "a_label.png b_label.png");
    refused("labels", AD_SPLIT_TRAIN, AD_ERR_FORMAT,
            "labels' holds masks only, by the names of its 2 images, the first 'a_label.png'");
    is("labels", "flat", AD_SPLIT_TRAIN, "0  a_label.png; 0  b_label.png");
    make("label", "a_label.png c.png");
    is("label", NULL, AD_SPLIT_TRAIN, "0  a_label.png; 0  c.png");
    make("half", "a.png b.png b_mask.png+");
    refused("half", AD_SPLIT_TRAIN, AD_ERR_FORMAT,
            "half/a.png' has no mask beside it, 1 others there have: is it good?");
    is("half", "flat", AD_SPLIT_TRAIN, "0  a.png; 0  b.png");
    /* nor are they learned where the folder says what is good */
    make("mixed_in", "train/good/a.png train/good/a_mask.png- test/good/b.png test/cut/c.png "
                     "test/cut/c_mask.png+");
    is("mixed_in", NULL, AD_SPLIT_TRAIN, "0 good train/good/a.png");
    is("mixed_in", NULL, AD_SPLIT_TEST, "1+ cut test/cut/c.png; 0 good test/good/b.png");
    make("two", "train/good/a.png test/good/b.png test/cut/c.png ground_truth/cut/c.png+ "
                "ground_truth/cut/c_mask.png+");
    refused("two", AD_SPLIT_TEST, AD_ERR_FORMAT, "has two masks in");
}

static void names_of_good(void **state)
{
    (void)state;
    static const char *const names[] = {"good",   "OK",   "ok",          "Good",         "Normal",
                                        "normal", "GOOD", "defect-free", "Non Defective"};
    char layout[64], train[128], test[200], want[128], name[32];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "called%zu", i);
        snprintf(layout, sizeof layout, "%s/train/%s", name, names[i]);
        folder(layout);
        snprintf(train, sizeof train, "%s/a.png", layout);
        part(train);
        make(name, "test/cut/c.png");
        snprintf(test, sizeof test, "%s/test/%s/b.png", name, names[i]);
        part(test);
        snprintf(want, sizeof want, "0 %s train/%s/a.png", names[i], names[i]);
        is(name, NULL, AD_SPLIT_TRAIN, want);
        ad_dataset *d = open_split(name, AD_SPLIT_TEST);
        assert_int_equal(ad_dataset_count(d), 2);
        assert_int_equal(sample(d, 0).label + sample(d, 1).label, 1);
        ad_dataset_destroy(d);
    }
    make("several", "train/good/a.png train/OK/b.png test/good/c.png test/OK/d.png test/cut/e.png "
                    "train/scrap/f.png");
    is("several", NULL, AD_SPLIT_TRAIN, "0 OK train/OK/b.png; 0 good train/good/a.png");
    is("several", NULL, AD_SPLIT_TEST,
       "0 OK test/OK/d.png; 1 cut test/cut/e.png; 0 good test/good/c.png");

    make("other", "train/passt/a.png test/passt/b.png test/cut/c.png");
    refused("other", AD_SPLIT_TEST, AD_ERR_FORMAT,
            "is called good, ok or normal: there are cut, passt; the option good says");
    refused("other", AD_SPLIT_TRAIN, AD_ERR_FORMAT,
            "is called good, ok or normal: there are passt;");
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = AD_SPLIT_TEST;
    o.good = "Passt,fine";
    ad_dataset *d;
    assert_int_equal(open_with("other", &o, &d), AD_OK);
    assert_int_equal(sample(d, 0).label, 1);
    assert_int_equal(sample(d, 1).label, 0);
    ad_dataset_destroy(d);
    o.good = "fine";
    assert_int_equal(open_with("other", &o, &d), AD_ERR_FORMAT);
    assert_non_null(strstr(ad_last_error_message(),
                           "is called 'fine', which option good says: there are cut, passt"));
}

static void named_folders(void **state)
{
    (void)state;
    make("mine", "a/0.png b/1.png c/2.png m/2.png+");
    refused("mine", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "its folders are a, b, c, m; nearest is");
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.normal_dir = "a";
    o.normal_test_dir = "b";
    o.abnormal_dir = "c";
    o.mask_dir = "m";
    ad_dataset *d;
    char got[256];
    for (int split = AD_SPLIT_TRAIN; split <= AD_SPLIT_TEST; split++) {
        o.split = split;
        assert_int_equal(open_with("mine", &o, &d), AD_OK);
        describe(d, "mine", got, sizeof got);
        assert_string_equal(got,
                            split == AD_SPLIT_TRAIN ? "0 a a/0.png" : "0 b b/1.png; 1+ c c/2.png");
        ad_dataset_destroy(d);
    }
    o.layout = "flat";
    assert_int_equal(open_with("mine", &o, &d), AD_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(ad_last_error_message(), "exclude each other"));
    o = (ad_dataset_options){.struct_size = sizeof o, .mask_good = -1, .layout = "mvtec"};
    assert_int_equal(open_with("mine", &o, &d), AD_ERR_INVALID_ARGUMENT);
    assert_non_null(strstr(ad_last_error_message(),
                           "layout is 'mvtec', possible are flat, pairs, mvtec_ad, mvtec_3d"));
    make("few", "good/0.png bad/1.png");
    refused("few", AD_SPLIT_TEST, AD_ERR_FORMAT,
            "holds 1 good images, of which some are for the test split");
}

static void what_is_in_none(void **state)
{
    (void)state;
    make("sets", "bottle/train/good/a.png bottle/test/good/a.png cable/train/good/a.png "
                 "cable/test/good/a.png notes/a.png");
    refused("sets", AD_SPLIT_TRAIN, AD_ERR_FORMAT,
            "/sets' holds data sets of several products: open one of bottle, cable, such as '");
    refused("sets/cable/train/", AD_SPLIT_TRAIN, AD_ERR_FORMAT,
            "/sets/cable': open that, or '");
    refused("sets/cable/train", AD_SPLIT_TRAIN, AD_ERR_FORMAT,
            "/sets/cable/train/good', whose images are all good");
    refused("sets/cable/test", AD_SPLIT_TRAIN, AD_ERR_FORMAT, "/sets/cable': open that");
    make("beside", "a.png mask/a.png+");
    refused("beside", AD_SPLIT_TRAIN, AD_ERR_FORMAT,
            "holds both images and a folder 'mask': which are the good ones?");
    is("beside", "flat", AD_SPLIT_TRAIN, "0  a.png");
    make("bare_train", "train/a.png");
    refused("bare_train", AD_SPLIT_TRAIN, AD_ERR_FORMAT,
            "those of good parts belong in 'train/good'");
    make("litter",
         "train/good/a.png test/good/b.png test/cut/c.png test/@eaDir/x.png test/__MACOSX/x.png "
         "test/.ipynb_checkpoints/x.png test/good/._b.png test/good/@eaDir/x.png "
         "test/$RECYCLE.BIN/x.png");
    folder("litter/test/lost+found");
    folder("litter/test/System Volume Information");
    text_file("litter/test/good/Thumbs.db");
    text_file("litter/test/good/desktop.ini");
    is("litter", NULL, AD_SPLIT_TEST, "1 cut test/cut/c.png; 0 good test/good/b.png");
    make("hollow", "train/good/a.png test/good/b.png test/cut/");
    refused("hollow", AD_SPLIT_TEST, AD_ERR_FORMAT, "test/cut' holds no image (0 other files)");
}

/* Every allocation while a layout is opened. */
static void every_allocation_can_fail(void **state)
{
    (void)state;
    static const char *const names[] = {"btad", "loco", "ad2",   "raw",  "iad", "own",
                                        "sdd",  "sdd2", "tiles", "mine", "sets"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (long n = 1;; n++) {
            fault_alloc faults = {.fail_at = n};
            ad_context_options co;
            ad_context_options_init(&co, sizeof co);
            co.num_threads = 1;
            co.alloc = fault_alloc_get;
            co.free = fault_alloc_put;
            co.alloc_user = &faults;
            ad_context *own = NULL;
            ad_dataset *d = NULL;
            ad_dataset_options o;
            ad_dataset_options_init(&o, sizeof o);
            o.split = AD_SPLIT_TEST;
            ad_status status = ad_context_create(&co, &own);
            if (status == AD_OK)
                status = ad_dataset_open(own, in(names[i]), &o, &d);
            ad_dataset_destroy(d);
            ad_context_destroy(own);
            if (atomic_load(&faults.live))
                fail_msg("%s: allocation %ld fails: %ld blocks leak", names[i], n,
                         atomic_load(&faults.live));
            if (atomic_load(&faults.calls) < n)
                break;
            if (status != AD_ERR_OUT_OF_MEMORY)
                fail_msg("%s: allocation %ld fails: %s, '%s'", names[i], n, ad_status_name(status),
                         ad_last_error_message());
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_of_data_sets), cmocka_unit_test(views_of_samples),
        cmocka_unit_test(masks_beside),
        cmocka_unit_test(names_of_good),        cmocka_unit_test(named_folders),
        cmocka_unit_test(what_is_in_none),      cmocka_unit_test(every_allocation_can_fail),
    };
    return cmocka_run_group_tests_name("dataset_layouts", tests, set_up, tear_down);
}
