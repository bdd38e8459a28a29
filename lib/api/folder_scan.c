/* A folder's entries, sorted by kind and name. */
#include "api/folder_scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "vision/image_kinds.h"

static void free_names(const adi_allocator *a, adi_names *n)
{
    for (size_t i = 0; i < n->count; i++)
        adi_free(a, n->list[i]);
    adi_free(a, n->list);
    *n = (adi_names){0};
}

void adi_folder_free(adi_folder_scan *s)
{
    free_names(s->allocator, &s->images);
    free_names(s->allocator, &s->folders);
}

static ad_status keep(const adi_allocator *a, adi_names *n, const char *name)
{
    char **list = adi_grow(a, n->list, &n->capacity, n->count + 1, sizeof *list);
    if (!list)
        return adi_fail_memory();
    n->list = list;
    n->list[n->count] = adi_strdup(a, name);
    if (!n->list[n->count])
        return adi_fail_memory();
    n->count++;
    return AD_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *adi_folder_join(const adi_allocator *a, const char *folder, const char *name)
{
    const size_t n = strlen(folder), bytes = n + strlen(name) + 2;
    char *path = adi_alloc(a, bytes);
    if (path)
        snprintf(path, bytes, "%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", name);
    return path;
}

/* Files of systems and tools: Synology and QNAP, macOS, Windows, file systems, notebooks. */
static int is_litter(const char *name)
{
    static const char *const names[] = {"@eaDir",       "@Recycle",    "@Recently-Snapshot",
                                        "#recycle",     "__MACOSX",    "lost+found",
                                        "$RECYCLE.BIN", "RECYCLER",    "System Volume Information",
                                        "Thumbs.db",    "ehthumbs.db", "desktop.ini",
                                        "__pycache__",  NULL};
    if (name[0] == '.') /* also .DS_Store, ._photo.png, .ipynb_checkpoints */
        return 1;
    for (const char *const *n = names; *n; n++)
        if (strcasecmp(name, *n) == 0)
            return 1;
    return 0;
}

static ad_status sort_entry(adi_folder_scan *s, const char *folder, const char *name)
{
    if (is_litter(name))
        return AD_OK;
    char *path = adi_folder_join(s->allocator, folder, name);
    if (!path)
        return adi_fail_memory();
    struct stat info;
    const int known = stat(path, &info) == 0;
    adi_free(s->allocator, path);
    if (known && S_ISDIR(info.st_mode))
        return keep(s->allocator, &s->folders, name);
    const adi_image_kind *kind = adi_image_kind_named(name);
    if (kind && kind->read) /* also a dangling link: reading it will fail with a message */
        return keep(s->allocator, &s->images, name);
    if (kind && (!s->refused[0] || strcmp(name, s->refused) < 0))
        snprintf(s->refused, sizeof s->refused, "%s", name);
    s->skipped++;
    return AD_OK;
}

ad_status adi_folder_read(const adi_allocator *a, const char *path, adi_folder_scan *out)
{
    *out = (adi_folder_scan){.allocator = a};
    DIR *dir = opendir(path);
    if (!dir) {
        char reason[128] = "";
        return adi_fail(AD_ERR_IO, "cannot open folder '%s': %s", path,
                        strerror_r(errno, reason, sizeof reason));
    }
    ad_status status = AD_OK;
    for (const struct dirent *e; status == AD_OK && (e = readdir(dir));)
        status = sort_entry(out, path, e->d_name);
    closedir(dir);
    if (status != AD_OK) {
        adi_folder_free(out);
        return status;
    }
    if (out->images.count)
        qsort(out->images.list, out->images.count, sizeof *out->images.list, by_name);
    if (out->folders.count)
        qsort(out->folders.list, out->folders.count, sizeof *out->folders.list, by_name);
    return AD_OK;
}

ad_status adi_folder_check_images(const ad_context *context, const char *folder,
                                  const adi_folder_scan *s)
{
    if (s->refused[0])
        return adi_fail(AD_ERR_FORMAT, "folder '%s' holds '%s', which is not read: %s images are",
                        folder, s->refused, adi_images_read);
    if (!s->images.count)
        return adi_fail(AD_ERR_FORMAT,
                        "folder '%s' holds no image (%lld other files); %s can be read", folder,
                        (long long)s->skipped, adi_images_read);
    if (s->skipped)
        adi_log(context, AD_LOG_WARNING, "folder '%s': %lld files that are not images were skipped",
                folder, (long long)s->skipped);
    return AD_OK;
}

const char *adi_folder_find(const adi_folder_scan *s, const char *name)
{
    if (adi_folder_has(s, name))
        return name;
    for (size_t i = 0; i < s->folders.count; i++)
        if (strcasecmp(s->folders.list[i], name) == 0)
            return s->folders.list[i];
    return NULL;
}

int adi_folder_has(const adi_folder_scan *s, const char *name)
{
    for (size_t i = 0; i < s->folders.count; i++)
        if (strcmp(s->folders.list[i], name) == 0)
            return 1;
    return 0;
}

void adi_folder_list(const adi_folder_scan *s, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < s->folders.count && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", s->folders.list[i]);
    if (n >= size && size > 4)
        strcpy(out + size - 4, "...");
}

char *adi_folder_sibling(const adi_allocator *a, const char *folder, const char *part,
                         const char *image, const char *ending)
{
    const char *dot = strrchr(image, '.');
    const size_t bytes = strlen(folder) + strlen(part) + strlen(image) + strlen(ending) + 3;
    char *path = adi_alloc(a, bytes);
    if (path)
        snprintf(path, bytes, "%s/%s/%.*s%s", folder, part, (int)(dot - image), image, ending);
    return path;
}
