/* Temporary files beside the files that they become: their names, the lock that tells who is still
 * writing one, and removing those that a killed process left. */
#ifndef ADI_CORE_LEFTOVER_H
#define ADI_CORE_LEFTOVER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ADI_TEMPORARY_NAME = sizeof ".adfeat-0123456789abcdef.tmp",
    ADI_LEFTOVERS_FEW = 1000, /* entries of a folder: where many small files are written to it */
    ADI_LEFTOVERS_ALL = 1000000
};

void adi_temporary_name(char name[ADI_TEMPORARY_NAME], uint64_t number);
/* Lock a file just created at `path`, until its descriptor and all copies of that are closed. False
 * where it was taken for a leftover before: it is gone, or will be. */
bool adi_temporary_hold(int fd, const char *path);
/* Remove the temporary files in `folder` that nobody holds, as far as its first `most` entries go.
 * Whatever cannot be looked at or removed stays, which is no failure: it is in nobody's way but the
 * disk's. */
void adi_leftovers_remove(const char *folder, int64_t most);

#endif
