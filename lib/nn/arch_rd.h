/* The student of (masked) reverse distillation as graph text: a bottleneck that fuses the teacher's three feature maps into
 * one embedding, a decoder that mirrors the teacher, and a generator for each map that is compared. */
#ifndef ADI_NN_ARCH_RD_H
#define ADI_NN_ARCH_RD_H

#include "nn/graph.h"

enum { ADI_RD_LEVELS = 3, ADI_RD_ALL_LEVELS = 7, ADI_RD_STAGES = 4, ADI_RD_MAX_BLOCKS = 64, ADI_RD_STRIDE = 32 };

/* A residual network as its student needs to know it, by stages "layer1" to "layer4". */
typedef struct adi_rd_teacher {
    int32_t bottleneck;              /* 1: blocks of three convolutions, 0: of two */
    int32_t blocks[ADI_RD_STAGES];
    int32_t channels[ADI_RD_LEVELS]; /* of a stage's result */
    int32_t inner[ADI_RD_LEVELS];    /* of its blocks' 3x3 convolutions */
} adi_rd_teacher;

typedef struct adi_rd_arch {
    adi_rd_teacher teacher;
    int32_t concat;               /* 1: the fused maps are not narrowed */
    int32_t sru, cru, simam, fmm; /* 1: there are such */
    int32_t soft, joint;          /* of the SRU's gate, of the CRU's softmax */
    int32_t gn_groups;            /* of the SRU's normalisation */
    int32_t align;                /* 1: a 1x1 convolution before a generator's mask */
    int32_t levels;               /* a bit for each that is compared, 1 is layer1's: an ad_levels */
    int32_t eval_mask;            /* 1: masks in use, too */
    double mask_rate;
} adi_rd_arch;

/* AD_ERR_UNSUPPORTED where the graph is no such network. */
ad_status adi_rd_teacher_of(const adi_graph *graph, adi_rd_teacher *out_teacher);
/* Inputs e3, e2, e1; taps g1, g2, g3, of compared levels only. */
ad_status adi_rd_text(const adi_allocator *a, const adi_rd_arch *arch, char **out_text);

#endif
