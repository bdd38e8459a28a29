/* The device that a test's contexts use: that of $ADFEAT_TEST_DEVICE, or the default. Its module is
 * found through $ADFEAT_BACKEND_DIR. */
#ifndef ADFEAT_TESTS_TEST_DEVICE_H
#define ADFEAT_TESTS_TEST_DEVICE_H

#include <stdlib.h>

#include "adfeat.h"

static inline const char *test_device(void)
{
    return getenv("ADFEAT_TEST_DEVICE");
}

/* A context with all defaults but the device. */
static inline ad_status test_context(ad_context **out_context)
{
    ad_context_options o;
    ad_context_options_init(&o, sizeof o);
    o.device = test_device();
    return ad_context_create(&o, out_context);
}

#endif
