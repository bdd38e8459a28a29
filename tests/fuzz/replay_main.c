/* Runs a fuzz target over files: every argument is a file or a folder of files. With this instead
 * of libFuzzer the corpora are ordinary tests, with any compiler. */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "fuzz.h"

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    uint8_t *bytes = NULL;
    long size = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    if (size >= 0 && fseek(f, 0, SEEK_SET) == 0)
        bytes = malloc(size ? (size_t)size : 1);
    if (!bytes || fread(bytes, 1, (size_t)size, f) != (size_t)size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        size = -1;
    }
    fclose(f);
    if (size >= 0)
        LLVMFuzzerTestOneInput(bytes, (size_t)size);
    free(bytes);
    return size < 0 ? -1 : 1;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* The number of files run, or -1. In the order of their names, so that a log can be compared. */
static int replay(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    if (!S_ISDIR(about.st_mode))
        return replay_file(path);
    struct dirent **entries = NULL;
    const int count = scandir(path, &entries, not_hidden, alphasort);
    int files = count < 0 ? -1 : 0;
    for (int i = 0; i < count; i++) {
        char inner[4096];
        const int n = snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        const int one = n > 0 && (size_t)n < sizeof inner ? replay(inner) : -1;
        files = one < 0 || files < 0 ? -1 : files + one;
        free(entries[i]);
    }
    free(entries);
    return files;
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        const int one = replay(argv[i]);
        files = one < 0 || files < 0 ? -1 : files + one;
    }
    if (files <= 0) {
        fprintf(stderr, "usage: %s FILE|FOLDER...: %s\n", argv[0],
                files ? "something could not be read" : "there is no file");
        return 1;
    }
    printf("%d inputs\n", files);
    return 0;
}
