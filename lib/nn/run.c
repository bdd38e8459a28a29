/* Running a plan: each step in its turn. */
#include "nn/plan.h"

static const float *result_of(const adi_plan *plan, const float *block, int32_t step)
{
    if (step == -2)
        return NULL;
    return block + (step == -1 ? plan->input_offset : plan->steps[step].offset);
}

ad_status adi_plan_run(const adi_plan *plan, float *block, void *scratch)
{
    const adi_exec ex = {plan->num_threads, scratch};
    for (int32_t i = 0; i < plan->step_count; i++) {
        const adi_step *s = &plan->steps[i];
        const ad_status status = s->node->op->forward(plan->kernels, &ex, &s->call, block + s->offset,
                                                      result_of(plan, block, s->x),
                                                      result_of(plan, block, s->x2));
        if (status != AD_OK)
            return adi_fail(status, "%s '%s' failed in the backend", s->node->op->name, s->node->name);
    }
    return AD_OK;
}

const float *adi_plan_tap_data(const adi_plan *plan, const float *block, int32_t tap)
{
    return block + plan->steps[plan->taps[tap].step].offset;
}
