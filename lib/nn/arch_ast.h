/* The two networks of asymmetric student-teacher (Rudolph et al. 2023, arXiv:2210.07829) as graph text: a normalising flow
 * as teacher, and a convolutional student. */
#ifndef ADI_NN_ARCH_AST_H
#define ADI_NN_ARCH_AST_H

#include "nn/graph.h"

enum {
    ADI_AST_MIN_CHANNELS = 2, ADI_AST_MAX_CHANNELS = 8192,
    ADI_AST_MAX_HIDDEN = 8192, ADI_AST_MAX_BLOCKS = 16, ADI_AST_MAX_POSITIONS = 256
};

typedef struct adi_ast_arch {
    int32_t channels;       /* of features and depth together */
    int32_t positions;      /* channels of the positional encoding, a multiple of 4 */
    int32_t flow_blocks, flow_hidden;
    int32_t student_blocks, student_hidden;
    double alpha, slope;    /* of the coupling, of the leaky ReLU */
} adi_ast_arch;

/* Weights of all convolutions, which is nearly all that both networks have. */
int64_t adi_ast_weights(const adi_ast_arch *arch);
/* The flow; taps z [channels] and logdet [1]. */
ad_status adi_ast_flow_text(const adi_allocator *a, const adi_ast_arch *arch, char **out_text);
/* Its inverse, of the same parameters by name; tap x. */
ad_status adi_ast_inverse_text(const adi_allocator *a, const adi_ast_arch *arch, char **out_text);
/* The student; tap z. */
ad_status adi_ast_student_text(const adi_allocator *a, const adi_ast_arch *arch, char **out_text);

#endif
