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

struct fit_state;

typedef struct fit_method {
    const char *name;
    int (*make)(struct fit_state *s); /* opens the backbone and creates the fitter */
    int trains;                       /* a student, for many epochs */
} fit_method;

typedef struct fit_state {
    request r;
    const fit_method *method;
    ad_context *context;
    ad_backbone *backbone;
    ad_student *student;
    ad_dataset *data;
    ad_fitter *fitter;
    ad_scorer *scorer;
    progress bar;
    training train;
} fit_state;

/* NULL where there is none of that name, and for the sentence that says so the names of all. */
const fit_method *fit_method_find(const char *name);
const char *fit_method_names(void);

#endif /* ADFEAT_FIT_METHOD_H */
