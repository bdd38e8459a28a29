/* Whole files in, whole files out: reading with a size limit, and atomic replacement. */
#ifndef ADI_CORE_FILE_H
#define ADI_CORE_FILE_H

#include "core/alloc.h"
#include "core/error.h"

/* Read a regular file. *out_bytes is released with adi_free(). AD_ERR_IO names the path and the
 * cause; a file larger than `limit` is AD_ERR_FORMAT. */
ad_status adi_file_read(const adi_allocator *a, const char *path, size_t limit, uint8_t **out_bytes,
                        size_t *out_size);

/* The same file, open for adi_file_read_at(); the caller closes it. */
ad_status adi_file_open(const char *path, size_t limit, int *out_fd, size_t *out_size);
/* Exactly `size` bytes from `offset` on; `path` is for sentences. */
ad_status adi_file_read_at(int fd, const char *path, uint64_t offset, uint8_t *bytes, size_t size);

/* A file being written beside its final name; nothing is seen under that name until commit. */
typedef struct adi_file_writer {
    const adi_allocator *allocator;
    const char *path; /* the caller's, must outlive the writer */
    char *target;     /* the path with symbolic links followed */
    char *temporary;
    int fd, lock; /* lock: a copy of fd, closed when the file has its name */
} adi_file_writer;

/* Writers that were killed may have left files: clean_up, of core/leftover.h, says how far they are
 * looked for. */
ad_status adi_file_begin(adi_file_writer *w, const adi_allocator *a, const char *path,
                         int64_t clean_up);
ad_status adi_file_append(adi_file_writer *w, const void *bytes, size_t size);
/* fsync, rename over the final name, fsync of the folder. On failure the temporary file is removed;
 * where only the last step failed the new file stays in place, and the sentence says so. */
ad_status adi_file_commit(adi_file_writer *w);
/* Remove the temporary file; harmless after commit and on a zeroed writer with fd and lock < 0. */
void adi_file_abort(adi_file_writer *w);

#endif
