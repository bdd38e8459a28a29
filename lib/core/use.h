/* Who uses an object that one call at a time may change: a call from a callback of the call that
 * runs, or from a second thread, becomes a status where it would be a crash or, worse, another
 * result. */
#ifndef ADI_CORE_USE_H
#define ADI_CORE_USE_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/error.h"

/* Begins as zeros. */
typedef struct adi_use {
    atomic_int users;         /* calls that read the object; -1: one changes it */
    atomic_uintptr_t changer; /* the thread of that one */
} adi_use;

/* The calls below fail with AD_ERR_STATE and a sentence "CALL: OBJECT is in use ...". */

/* Until the end nobody else may read or change the object. */
ad_status adi_use_change(adi_use *use, const char *call, const char *object);
void adi_use_change_end(adi_use *use);

/* Until the end nobody may change the object. */
ad_status adi_use_read(adi_use *use, const char *call, const char *object);
/* The same, but a callback of the call that changes the object may look at it as it is then. */
ad_status adi_use_read_within(adi_use *use, const char *call, const char *object);
void adi_use_read_end(adi_use *use);

#endif
