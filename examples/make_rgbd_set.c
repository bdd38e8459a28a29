/* Draw a small set of colour and depth images in MVTec 3D-AD layout, for trying methods that take
 * both: round parts on a tilted table. Some have a dent, which is in the depth alone, some a stain,
 * which is in the colours alone.
 *     make_rgbd_set FOLDER [SEED [GOOD [TEST]]]
 * GOOD images to learn from (default 80) and TEST of each kind, good, dent and stain (default 20).
 * FOLDER must not exist. Depth is 16-bit PNG in tenths of a millimetre: read it with depth_scale
 * 1e-4. The same seed gives the same files. */
#include <adfeat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 160 };
typedef enum kind { GOOD, DENT, STAIN } kind;

static uint8_t rgb[SIDE][SIDE][3], truth[SIDE][SIDE];
static uint16_t depth[SIDE][SIDE];
static uint64_t state;

/* Uniform in -1 .. 1, by splitmix64. */
static double noise(void)
{
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1.0;
}

static uint8_t byte(double v)
{
    return (uint8_t)(v < 0.0 ? 0.0 : v > 255.0 ? 255.0 : v + 0.5);
}

/* Every number that differs from part to part is drawn whatever the kind, so that kinds differ in
 * their defects alone. */
static void draw(kind what)
{
    const double cx = 80.0 + 3.0 * noise(), cy = 80.0 + 3.0 * noise(), radius = 54.0 + noise(),
                 light = 1.0 + 0.05 * noise();
    const double tilt_x = 3e-5 * noise(), tilt_y = 3e-5 * noise(), way = 3.14159 * noise(),
                 far = 18.0 + 14.0 * noise();
    const double size = 5.5 + noise(), bad_x = cx + far * cos(way), bad_y = cy + far * sin(way);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const double r = hypot(x - cx, y - cy), inside = 1.0 / (1.0 + exp(r - radius));
            const double away = hypot(x - bad_x, y - bad_y) / size, bad = exp(-0.5 * away * away);
            const double ring = 12.0 * sin(0.45 * r), grey = 90.0 + 6.0 * noise();
            const double colour[3] = {165.0 + ring, 130.0 + ring, 85.0 + ring};
            /* Metres from the camera: the table, the part 20 mm above it with a dome of 6 mm, and
             * noise of 0.1 mm. */
            double z = 0.6 + tilt_x * x + tilt_y * y + 1e-4 * noise();
            z -= inside * (0.020 + 0.006 * fmax(0.0, 1.0 - r * r / (radius * radius)));
            if (what == DENT)
                z += 0.006 * bad;
            for (int c = 0; c < 3; c++) {
                const double v =
                    light * (inside * (colour[c] + 5.0 * noise()) + (1.0 - inside) * grey);
                rgb[y][x][c] = byte(what == STAIN ? v * (1.0 - 0.55 * bad) : v);
            }
            /* 0: nothing came back */
            depth[y][x] = noise() > 0.98 ? 0 : (uint16_t)(z / 1e-4 + 0.5);
            truth[y][x] = what != GOOD && away < 2.0 ? 255 : 0;
        }
}

static int make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return 0;
    perror(path);
    return 1;
}

static int write_image(ad_context *ctx, const char *folder, const char *part, int index,
                       uint32_t format, const void *pixels, int64_t row_bytes)
{
    char path[4096];
    const ad_image image = AD_IMAGE_INIT(format, pixels, SIDE, SIDE, row_bytes);
    snprintf(path, sizeof path, "%s/%s/%03d.png", folder, part, index);
    if (!ad_image_write_png(ctx, &image, path))
        return 0;
    fprintf(stderr, "%s\n", ad_last_error_message());
    return 1;
}

/* `count` images of a kind into root/split/name. */
static int write_group(ad_context *ctx, const char *root, const char *split, const char *name,
                       kind what, int count)
{
    static const char *const parts[] = {"rgb", "depth", "gt"};
    char folder[2048], path[4096];
    snprintf(folder, sizeof folder, "%s/%s/%s", root, split, name);
    if (make_folder(folder))
        return 1;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, parts[i]);
        if (make_folder(path))
            return 1;
    }
    for (int i = 0; i < count; i++) {
        draw(what);
        if (write_image(ctx, folder, "rgb", i, AD_PIXEL_RGB8, rgb, 3 * SIDE)
            || write_image(ctx, folder, "depth", i, AD_PIXEL_MONO16, depth, 2 * SIDE)
            || write_image(ctx, folder, "gt", i, AD_PIXEL_MONO8, truth, SIDE))
            return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: make_rgbd_set FOLDER [SEED [GOOD [TEST]]]\n";
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    const int good = argc > 3 ? atoi(argv[3]) : 80, test = argc > 4 ? atoi(argv[4]) : 20;
    if (argc < 2 || argc > 5 || good < 1 || test < 1) {
        fputs(usage, stderr);
        return 2;
    }
    char path[2048];
    ad_context *ctx = NULL;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    int failed = make_folder(argv[1]);
    for (int i = 0; !failed && i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", argv[1], i ? "test" : "train");
        failed = make_folder(path);
    }
    if (!failed && ad_context_create(NULL, &ctx)) {
        fprintf(stderr, "%s\n", ad_last_error_message());
        failed = 1;
    }
    failed = failed || write_group(ctx, argv[1], "train", "good", GOOD, good)
             || write_group(ctx, argv[1], "test", "good", GOOD, test)
             || write_group(ctx, argv[1], "test", "dent", DENT, test)
             || write_group(ctx, argv[1], "test", "stain", STAIN, test);
    ad_context_destroy(ctx);
    return failed;
}
