/* A lock that fails instead of waiting, for objects that one call at a time may change. A second
 * call, from another thread or from a callback, gets a status instead of a crash or a wrong
 * result. */
#ifndef ADI_CORE_USE_H
#define ADI_CORE_USE_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/error.h"

/* Begin with zeros. */
typedef struct adi_use {
    atomic_int users;         /* number of readers; -1: one call changes the object */
    atomic_uintptr_t changer; /* the thread of that one */
} adi_use;

/* These fail with AD_ERR_STATE and a message "CALL: OBJECT is in use ...". */

/* Begin to change the object: until the end no other call may read or change it. */
ad_status adi_use_change(adi_use *use, const char *call, const char *object);
void adi_use_change_end(adi_use *use);

/* Begin to read the object: until the end no call may change it. */
ad_status adi_use_read(adi_use *use, const char *call, const char *object);
/* The same, but a callback of the call that changes the object may read it. */
ad_status adi_use_read_within(adi_use *use, const char *call, const char *object);
void adi_use_read_end(adi_use *use);

#endif
