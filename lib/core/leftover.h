/* Temporary files of atomic writes: their names, the lock that shows that one is still written, and
 * the removal of those that a killed process left. */
#ifndef ADI_CORE_LEFTOVER_H
#define ADI_CORE_LEFTOVER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ADI_TEMPORARY_NAME = sizeof ".adfeat-0123456789abcdef.tmp",
    ADI_LEFTOVERS_FEW = 1000, /* entries to look at, for a folder with many small files */
    ADI_LEFTOVERS_ALL = 1000000
};

void adi_temporary_name(char name[ADI_TEMPORARY_NAME], uint64_t number);
/* Lock a new file at `path` until its descriptor and all copies of it are closed. False if another
 * process has taken it for a leftover: it is removed, or will be. */
bool adi_temporary_hold(int fd, const char *path);
/* Remove temporary files that nobody has locked, among the first `most` entries of `folder`. A file
 * that cannot be opened or removed stays; that is not a failure. */
void adi_leftovers_remove(const char *folder, int64_t most);

#endif
