/* Reading whole files with a size limit, and writing them atomically. */
#ifndef ADI_CORE_FILE_H
#define ADI_CORE_FILE_H

#include "core/alloc.h"
#include "core/error.h"

/* Read a regular file. *out_bytes is released with adi_free(). AD_ERR_IO names the path and the
 * cause; a file larger than `limit` is AD_ERR_FORMAT. */
ad_status adi_file_read(const adi_allocator *a, const char *path, size_t limit, uint8_t **out_bytes,
                        size_t *out_size);

/* Open a regular file for adi_file_read_at(); the caller closes it. */
ad_status adi_file_open(const char *path, size_t limit, int *out_fd, size_t *out_size);
/* Read exactly `size` bytes from `offset`; `path` is for messages. */
ad_status adi_file_read_at(int fd, const char *path, uint64_t offset, uint8_t *bytes, size_t size);

/* A file that is written under a temporary name beside its final one, which it gets on commit. */
typedef struct adi_file_writer {
    const adi_allocator *allocator;
    const char *path; /* borrowed: must outlive the writer */
    char *target;     /* the path with symbolic links followed */
    char *temporary;
    int fd, lock; /* lock: a copy of fd that is closed after the rename */
} adi_file_writer;

/* Also removes temporary files that killed writers left: clean_up is the number of folder entries
 * to look at, see core/leftover.h. */
ad_status adi_file_begin(adi_file_writer *w, const adi_allocator *a, const char *path,
                         int64_t clean_up);
ad_status adi_file_append(adi_file_writer *w, const void *bytes, size_t size);
/* fsync, rename to the final name, fsync the folder. On failure the temporary file is removed; if
 * only the last step failed the new file stays in place, and the message says so. */
ad_status adi_file_commit(adi_file_writer *w);
/* Remove the temporary file; harmless after commit and on a zeroed writer with fd and lock < 0. */
void adi_file_abort(adi_file_writer *w);

#endif
