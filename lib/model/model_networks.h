/* The networks of a fitted model, by name, and how a scorer file keeps them: folded weights behind
 * "NAME.", and the graph's text in the metadata, so that an old file means the same for ever. */
#ifndef ADI_MODEL_MODEL_NETWORKS_H
#define ADI_MODEL_MODEL_NETWORKS_H

#include "model/settings.h"
#include "nn/network.h"
#include "nn/plan.h"

enum { ADI_MODEL_NETWORKS = 9 };

typedef struct adi_networks {
    int32_t count;
    struct {
        const char *name; /* "student", "ae.1", "flow"; static */
        adi_network *net; /* owned */
        adi_plan *plan;   /* that the model makes of it; owned */
    } items[ADI_MODEL_NETWORKS];
} adi_networks;

void adi_networks_destroy(adi_networks *networks);
/* A network with the graph of the backbone is written with the settings' layers and without a text,
 * others with all of their results. */
ad_status adi_networks_save(const adi_networks *networks, const adi_graph *backbone,
                            const adi_settings *settings, adi_st_writer *writer, adi_kept *keep);
/* Adds the network of that name. own_graph: its text must be there; else it is the backbone's. */
ad_status adi_networks_load(adi_networks *io_networks, const char *name, int32_t own_graph,
                            const adi_allocator *a, const adi_graph *backbone,
                            const adi_safetensors *file);

#endif
