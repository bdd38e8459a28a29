/* PaDiM fitters and scorers on the tiny network, for the tests of the method, its file and its options. */
#ifndef ADFEAT_TESTS_PADIM_CASE_H
#define ADFEAT_TESTS_PADIM_CASE_H

#include "harness/method_case.h"
#include "methods/padim.h"

static inline ad_fitter *fitter_of(ad_backbone *net, const char *settings)
{
    ad_fitter *out = NULL;
    if (tiny_fitter(net, "padim", settings, &out) != AD_OK)
        fail_msg("%s: %s", settings, ad_last_error_message());
    return out;
}

static inline ad_fitter *fitter(const fixture *f, const char *covariance, const char *dimensions)
{
    return fitter_of(f->net, options("covariance=%s, dimensions=%s", covariance, dimensions).text);
}

static inline ad_scorer *fit(const fixture *f, const char *covariance, const char *dimensions)
{
    return fit_all(f, fitter(f, covariance, dimensions));
}

#endif
