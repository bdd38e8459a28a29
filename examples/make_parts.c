/* Draw a small set of images in MVTec AD layout, to try the library without any data: turned metal
 * flanges that lie alike on a dark table. A bad one has a scratch, a dent, or lacks a hole.
 *     make_parts FOLDER [SEED [GOOD [TEST]]]
 * GOOD images to learn from (default 60) and TEST of each kind (default 10). FOLDER must not exist.
 * The same seed (default 1) gives the same files. */
#include <adfeat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 256, HOLES = 6 };
typedef enum kind { GOOD, SCRATCH, DENT, HOLE } kind;
static const char *const names[] = {"good", "scratch", "dent", "hole"};
static const double pi = 3.14159265358979;
static uint8_t rgb[SIDE][SIDE][3], truth[SIDE][SIDE];
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

/* 1 inside a circle, 0 outside, with a soft edge. */
static double disc(double distance, double radius)
{
    return 1.0 / (1.0 + exp(2.0 * (distance - radius)));
}

/* Every number that differs from part to part is drawn whatever the kind, so that kinds differ in
 * their defects alone. */
static void draw(kind what)
{
    double groove[128];
    for (int r = 0; r < 128; r++)
        groove[r] = 8.0 * noise();
    const double cx = 128.0 + noise(), cy = 128.0 + noise();
    const double turn = 0.02 * noise(), light = 1.0 + 0.04 * noise();
    const double way = pi * noise(), far = 62.0 + 24.0 * noise();
    const double bad_x = cx + far * cos(way), bad_y = cy + far * sin(way);
    const double lies = way + 0.9 * noise(), half = 17.0 + 5.0 * noise(), size = 5.0 + noise();
    const int missing = (int)floor(3.0 * noise() + 3.0);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const double dx = x - cx, dy = y - cy, r = hypot(dx, dy);
            const double along = (x - bad_x) * cos(lies) + (y - bad_y) * sin(lies);
            const double across = (y - bad_y) * cos(lies) - (x - bad_x) * sin(lies);
            const int ring = r < 126.0 ? (int)r : 126;
            /* Turned metal is bright in two fans, and its bore and holes have a bright chamfer. */
            double metal = 138.0 + groove[ring] + (groove[ring + 1] - groove[ring]) * (r - ring) +
                           34.0 * cos(2.0 * (atan2(dy, dx) + 0.8));
            double open = disc(r, 27.0), edge = disc(r, 31.0);
            int bad = 0;
            for (int i = 0; i < HOLES; i++) {
                const double at = turn + 2.0 * pi * i / HOLES;
                const double d = hypot(dx - 68.0 * cos(at), dy - 68.0 * sin(at));
                const int drilled = what != HOLE || i != missing;
                open = fmax(open, drilled * disc(d, 10.0));
                edge = fmax(edge, drilled * disc(d, 12.0));
                bad |= !drilled && d < 12.0;
            }
            metal += 45.0 * edge;
            const double away = hypot(x - bad_x, y - bad_y) / size, dent = exp(-0.5 * away * away);
            if (what == SCRATCH) {
                metal +=
                    95.0 * exp(-across * across / 1.6) / (1.0 + exp(1.5 * (fabs(along) - half)));
                bad = fabs(along) < half + 1.0 && fabs(across) < 2.5;
            } else if (what == DENT) {
                metal += dent * (55.0 * (x - bad_x + y - bad_y) / size - 25.0);
                bad = away < 2.0;
            }
            truth[y][x] = bad ? 255 : 0;
            const double part = disc(r, 108.0) * (1.0 - open);
            const double table = 38.0 + 2.5 * noise(), grain = 2.5 * noise();
            const double tint[3] = {1.0, 1.0, 1.04}, ground[3] = {0.8, 1.0, 1.25};
            for (int c = 0; c < 3; c++) {
                const double on = tint[c] * (metal + grain), beside = ground[c] * table;
                rgb[y][x][c] = byte(light * (part * on + (1.0 - part) * beside));
            }
        }
}

/* `count` images of a kind into root/split, and the masks of defects into root/ground_truth. */
static int write_group(ad_context *ctx, const char *root, const char *split, kind what, int count)
{
    const ad_image image = AD_IMAGE_INIT(AD_PIXEL_RGB8, rgb, SIDE, SIDE, 3 * SIDE);
    const ad_image mask = AD_IMAGE_INIT(AD_PIXEL_MONO8, truth, SIDE, SIDE, SIDE);
    char folder[2048], masks[2048], path[4096];
    snprintf(folder, sizeof folder, "%s/%s/%s", root, split, names[what]);
    snprintf(masks, sizeof masks, "%s/ground_truth/%s", root, names[what]);
    if (mkdir(folder, 0777) || (what != GOOD && mkdir(masks, 0777))) {
        perror(folder);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        draw(what);
        snprintf(path, sizeof path, "%s/%03d.png", folder, i);
        ad_status status = ad_image_write_png(ctx, &image, path);
        if (!status && what != GOOD) {
            snprintf(path, sizeof path, "%s/%03d_mask.png", masks, i);
            status = ad_image_write_png(ctx, &mask, path);
        }
        if (status) {
            fprintf(stderr, "%s\n", ad_last_error_message());
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: make_parts FOLDER [SEED [GOOD [TEST]]]\n";
    static const char *const folders[] = {"", "/train", "/test", "/ground_truth"};
    const int good = argc > 3 ? atoi(argv[3]) : 60, test = argc > 4 ? atoi(argv[4]) : 10;
    const int help = argc == 2 && strcmp(argv[1], "--help") == 0;
    if (help || argc < 2 || argc > 5 || good < 1 || test < 1) {
        fputs(usage, help ? stdout : stderr);
        return help ? 0 : 2;
    }
    char path[2048];
    ad_context *ctx = NULL;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", argv[1], folders[i]);
        if (mkdir(path, 0777)) {
            perror(path);
            return 1;
        }
    }
    int failed = ad_context_create(NULL, &ctx) != AD_OK;
    if (failed)
        fprintf(stderr, "%s\n", ad_last_error_message());
    failed = failed || write_group(ctx, argv[1], "train", GOOD, good);
    for (kind k = GOOD; k <= HOLE; k++)
        failed = failed || write_group(ctx, argv[1], "test", k, test);
    ad_context_destroy(ctx);
    return failed;
}
