/* The methods as 'adfeat fit' knows them: from settings to a fitter. */
#ifndef ADFEAT_FIT_METHOD_H
#define ADFEAT_FIT_METHOD_H

#include "args.h"
#include "cli.h"
#include "dataset_args.h"
#include "training.h"

typedef struct request {
    const char *weights, *output, *preset, *device;
    dataset_args data;
    network_request network;
    int32_t threads, embed, quiet, list, skip_damaged;
    uint64_t memory_limit;
    settings set;
} request;

typedef struct fit_state {
    request r;
    ad_method_info method;
    ad_context *context;
    ad_backbone *backbone;
    ad_student *loaded;  /* of --student */
    ad_student *student; /* that the fitter trains: its own, or the one that was loaded */
    ad_dataset *data;
    ad_fitter *fitter;
    ad_scorer *scorer;
    progress bar;
    training train;
} fit_state;

/* 0 where there is none of that name; and the sentence that says so, with the code to return. */
int fit_method_find(const char *name, ad_method_info *out);
int fit_method_unknown(const char *name);
/* Open the backbone and make the fitter of s->method. */
int fit_method_make(fit_state *s);

#endif /* ADFEAT_FIT_METHOD_H */
