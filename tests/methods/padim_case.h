/* PaDiM fitters and scorers on the tiny network, for the tests of the method, its file and its options. */
#ifndef ADFEAT_TESTS_PADIM_CASE_H
#define ADFEAT_TESTS_PADIM_CASE_H

#include "harness/method_case.h"
#include "methods/padim.h"

static inline void set(ad_padim_options *o, const char *key, const char *value)
{
    if (ad_padim_options_set(o, key, value) != AD_OK)
        fail_msg("%s=%s: %s", key, value, ad_last_error_message());
}

static inline ad_padim_options tiny_options(const char *covariance, const char *dimensions)
{
    ad_padim_options o;
    assert_int_equal(tiny_padim_options(&o, covariance), AD_OK);
    set(&o, "dimensions", dimensions);
    return o;
}

static inline ad_fitter *fitter(const fixture *f, const char *covariance, const char *dimensions)
{
    const ad_padim_options o = tiny_options(covariance, dimensions);
    ad_fitter *out = NULL;
    if (ad_padim_fitter_create(f->net, &o, &out) != AD_OK)
        fail_msg("%s", ad_last_error_message());
    return out;
}

static inline ad_scorer *fit(const fixture *f, const char *covariance, const char *dimensions)
{
    return fit_all(f, fitter(f, covariance, dimensions));
}

#endif
