/* Folders of class folders with one good class: which images each split takes, how they are labelled, and what is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "folder_case.h"
#include "harness/fault_alloc.h"

static ad_status open_class(const char *name, ad_split split, const char *good, ad_dataset **out)
{
    ad_dataset_options o;
    ad_dataset_options_init(&o, sizeof o);
    o.split = split;
    o.one_class = good;
    *out = NULL;
    return ad_dataset_open(context, in(name), &o, out);
}

static void class_refused(const char *name, ad_split split, const char *good, ad_status want, const char *part)
{
    ad_dataset *d;
    assert_string_equal(ad_status_name(open_class(name, split, good, &d)), ad_status_name(want));
    assert_null(d);
    if (!strstr(ad_last_error_message(), part))
        fail_msg("'%s' does not say '%s'", ad_last_error_message(), part);
}

typedef struct expected {
    const char *end, *group;
    int32_t label;
} expected;

/* Exactly these, in this order. */
static void has(const char *name, ad_split split, const char *good, const expected *e, int64_t count)
{
    ad_dataset *d;
    if (open_class(name, split, good, &d) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    assert_int_equal(ad_dataset_count(d), count);
    for (int64_t i = 0; i < count; i++) {
        const ad_sample s = sample(d, i);
        if (!ends_with(s.name, e[i].end))
            fail_msg("image %d is '%s'", (int)i, s.name);
        assert_string_equal(s.group, e[i].group);
        assert_int_equal(s.label, e[i].label);
        assert_int_equal(s.has_mask, 0);
        assert_int_equal(s.has_depth, 0);
    }
    ad_image image;
    assert_int_equal(ad_dataset_read_image(d, 0, NULL, &image), AD_OK);
    assert_int_equal(image.width, 4);
    ad_image_release(&image);
    ad_dataset_destroy(d);
}

/* `top` is "" or a folder and a slash. */
static void make_classes(const char *top, const char *const *files, int count)
{
    for (int i = 0; i < count; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s%s", top, files[i]);
        char *const slash = strrchr(path, '/');
        *slash = '\0';
        folder(path);
        *slash = '/';
        grey(path, 4);
    }
}

static void plain_classes(void **state)
{
    (void)state;
    static const char *const files[] = {"ship/b.png", "ship/a.png", "cat/1.png", "truck/0.png", "good/x.png"};
    static const expected train[] = {{"plain/ship/a.png", "ship", 0}, {"plain/ship/b.png", "ship", 0}};
    /* by the names of classes, then of images; a class called good is one like the others */
    static const expected test[] = {{"plain/cat/1.png", "cat", 1},
                                    {"plain/good/x.png", "good", 1},
                                    {"plain/ship/a.png", "ship", 0},
                                    {"plain/ship/b.png", "ship", 0},
                                    {"plain/truck/0.png", "truck", 1}};
    static const expected cat[] = {{"plain/cat/1.png", "cat", 0}};
    make_classes("plain/", files, 5);
    has("plain", AD_SPLIT_TRAIN, "ship", train, 2);
    has("plain", AD_SPLIT_TEST, "ship", test, 5);
    has("plain", AD_SPLIT_TRAIN, "cat", cat, 1);
    text_file("plain/readme.md"); /* what is no image is no class either */
    folder("plain/.git");
    has("plain", AD_SPLIT_TEST, "ship", test, 5);
}

static void split_classes(void **state)
{
    (void)state;
    static const char *const files[] = {"train/ship/a.png", "train/cat/b.png", "test/ship/c.png", "test/cat/d.png",
                                        "test/dog/e.png"};
    static const expected train[] = {{"cifar/train/ship/a.png", "ship", 0}};
    static const expected test[] = {{"cifar/test/cat/d.png", "cat", 1},
                                    {"cifar/test/dog/e.png", "dog", 1},
                                    {"cifar/test/ship/c.png", "ship", 0}};
    make_classes("cifar/", files, 5);
    has("cifar", AD_SPLIT_TRAIN, "ship", train, 1);
    has("cifar", AD_SPLIT_TEST, "ship", test, 3);
    /* a class that only one of them has */
    class_refused("cifar", AD_SPLIT_TRAIN, "dog", AD_ERR_FORMAT, "train' has no class 'dog': there are cat, ship");
    /* MVTec's layout is one of class folders as well */
    static const char *const mvtec[] = {"train/good/a.png", "test/good/b.png", "test/hole/c.png"};
    static const expected holes[] = {{"mvtec/test/good/b.png", "good", 0}, {"mvtec/test/hole/c.png", "hole", 1}};
    make_classes("mvtec/", mvtec, 3);
    has("mvtec", AD_SPLIT_TEST, "good", holes, 2);
    /* train alone is a class */
    static const char *const trains[] = {"train/a.png", "bus/b.png"};
    static const expected train_class[] = {{"vehicles/train/a.png", "train", 0}};
    make_classes("vehicles/", trains, 2);
    has("vehicles", AD_SPLIT_TRAIN, "train", train_class, 1);
}

static void refused_classes(void **state)
{
    (void)state;
    static const char *const names[] = {"", ".", "..", ".git", "a/b", "ship/", "/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char part[64];
        snprintf(part, sizeof part, "one_class is '%s', the name of a folder is possible", names[i]);
        class_refused("plain", AD_SPLIT_TRAIN, names[i], AD_ERR_INVALID_ARGUMENT, part);
        class_refused("plain", AD_SPLIT_TEST, names[i], AD_ERR_INVALID_ARGUMENT, part);
    }
    class_refused("plain", AD_SPLIT_TRAIN, "Ship", AD_ERR_FORMAT,
                  "has no class 'Ship': there are cat, good, ship, truck");
    class_refused("plain", AD_SPLIT_TEST, "readme.md", AD_ERR_FORMAT, "has no class 'readme.md'");
    class_refused("nowhere", AD_SPLIT_TRAIN, "ship", AD_ERR_IO, "No such file or directory");
    folder("bare");
    class_refused("bare", AD_SPLIT_TRAIN, "ship", AD_ERR_FORMAT, "has no class 'ship': there are no folders");
    static const char *const beside[] = {"ship/a.png", "b.png"};
    make_classes("beside/", beside, 2);
    class_refused("beside", AD_SPLIT_TRAIN, "ship", AD_ERR_FORMAT, "beside' holds images beside its class folders");
    class_refused("beside", AD_SPLIT_TEST, "ship", AD_ERR_FORMAT, "beside' holds images beside its class folders");
    static const char *const hollow[] = {"ship/a.png"};
    static const expected ship[] = {{"hollow/ship/a.png", "ship", 0}};
    make_classes("hollow/", hollow, 1);
    folder("hollow/cat");
    has("hollow", AD_SPLIT_TRAIN, "ship", ship, 1); /* which does not look into the others */
    class_refused("hollow", AD_SPLIT_TRAIN, "cat", AD_ERR_FORMAT, "hollow/cat' holds no image");
    class_refused("hollow", AD_SPLIT_TEST, "ship", AD_ERR_FORMAT, "hollow/cat' holds no image");
    grey("hollow/cat/a.png", 4);
    text_file("hollow/cat/b.gif");
    class_refused("hollow", AD_SPLIT_TEST, "ship", AD_ERR_FORMAT, "holds 'b.gif', which is not read");
}

/* More names than the sentence has room for, each of them long. */
static void many_classes(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        char name[64];
        snprintf(name, sizeof name, "many/class_of_a_rather_long_name_%02d", i);
        folder(name);
    }
    class_refused("many", AD_SPLIT_TRAIN, "ship", AD_ERR_FORMAT,
                  "has no class 'ship': there are class_of_a_rather_long_name_00, ");
    assert_null(strstr(ad_last_error_message(), "name_39"));
}

/* A class with depth beside its images comes with it, unless it is not wanted. */
static void with_depth(void **state)
{
    (void)state;
    static const char *const files[] = {"bagel/rgb/0.png", "bagel/depth/0.png", "rope/rgb/0.png", "rope/gt/0.png"};
    make_classes("solid/", files, 4);
    for (int32_t depth = 0; depth < 2; depth++) {
        ad_dataset_options o;
        ad_dataset *d = NULL;
        ad_dataset_options_init(&o, sizeof o);
        o.split = AD_SPLIT_TEST;
        o.depth = depth;
        o.one_class = "bagel";
        if (ad_dataset_open(context, in("solid"), &o, &d) != AD_OK)
            fail_msg("%s", ad_last_error_message());
        assert_int_equal(ad_dataset_count(d), 2);
        assert_true(ends_with(sample(d, 0).name, "solid/bagel/rgb/0.png"));
        assert_string_equal(sample(d, 0).group, "bagel");
        assert_int_equal(sample(d, 0).has_depth, depth);
        assert_int_equal(sample(d, 1).label, 1);
        assert_int_equal(sample(d, 1).has_depth, 0);
        assert_int_equal(sample(d, 1).has_mask, 1);
        ad_dataset_destroy(d);
    }
}

/* Every allocation of opening fails once. */
static void out_of_memory(void **state)
{
    (void)state;
    static const char *const roots[] = {"plain", "cifar", "solid"}, *const good[] = {"ship", "cat", "bagel"};
    for (int r = 0; r < 3; r++)
        for (long n = 1;; n++) {
            fault_alloc faults = {.fail_at = 0};
            ad_context_options co;
            ad_context *own = NULL;
            ad_dataset_options o;
            ad_dataset *d = (ad_dataset *)(void *)&faults; /* must become NULL */
            ad_context_options_init(&co, sizeof co);
            co.alloc = fault_alloc_get;
            co.free = fault_alloc_put;
            co.alloc_user = &faults;
            assert_int_equal(ad_context_create(&co, &own), AD_OK);
            ad_dataset_options_init(&o, sizeof o);
            o.split = AD_SPLIT_TEST;
            o.one_class = good[r];
            const long before = atomic_load(&faults.calls);
            faults.fail_at = before + n;
            const ad_status status = ad_dataset_open(own, in(roots[r]), &o, &d);
            const int all = atomic_load(&faults.calls) < before + n;
            assert_int_equal(status, all ? AD_OK : AD_ERR_OUT_OF_MEMORY);
            if (status != AD_OK) {
                assert_null(d);
                assert_non_null(strstr(ad_last_error_message(), "out of memory"));
            }
            ad_dataset_destroy(d);
            ad_context_destroy(own);
            assert_int_equal(atomic_load(&faults.live), 0);
            if (all) {
                assert_true(n > 10);
                break;
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_classes), cmocka_unit_test(split_classes), cmocka_unit_test(refused_classes),
        cmocka_unit_test(many_classes),  cmocka_unit_test(with_depth),    cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("dataset_classes", tests, set_up, tear_down);
}
