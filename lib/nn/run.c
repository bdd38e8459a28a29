/* Running a plan: each step in its turn. */
#include "core/clock.h"
#include "nn/plan.h"

static const adi_f32 *result_of(const adi_plan *plan, const adi_f32 *block, int32_t step)
{
    if (step == ADI_STEP_NONE)
        return NULL;
    return block + (step < 0 ? plan->input_offset[adi_step_input(step)] : plan->steps[step].offset);
}

static ad_status run_step(const adi_plan *plan, const adi_exec *ex, adi_f32 *block, int32_t i)
{
    const adi_step *s = &plan->steps[i];
    adi_op_call gated;
    const adi_op_call *call = &s->call;
    if (s->call.gated) {
        gated = s->call;
        gated.gate = result_of(plan, block, s->gate);
        call = &gated;
    }
    const ad_status status =
        s->node->op->forward(plan->device.kernels, ex, call, block + s->offset,
                             result_of(plan, block, s->x), result_of(plan, block, s->x2));
    if (status != AD_OK)
        return adi_fail(status, "%s '%s' failed in the backend", s->node->op->name, s->node->name);
    return AD_OK;
}

ad_status adi_plan_run(const adi_plan *plan, adi_queue *queue, adi_f32 *block, void *scratch)
{
    const adi_exec ex = adi_device_exec(&plan->device, scratch, queue);
    for (int32_t i = 0; i < plan->step_count; i++)
        ADI_TRY(run_step(plan, &ex, block, i));
    return AD_OK;
}

ad_status adi_plan_profile(const adi_plan *plan, adi_queue *queue, adi_f32 *block, void *scratch,
                           int32_t runs, double *times, double *out_ms)
{
    const adi_exec ex = adi_device_exec(&plan->device, scratch, queue);
    for (int32_t r = -1; r < runs; r++) /* one to warm up */
        for (int32_t i = 0; i < plan->step_count; i++) {
            const double before = adi_now_ms();
            ADI_TRY(run_step(plan, &ex, block, i));
            ADI_TRY(adi_mem_wait(&plan->device, queue));
            if (r >= 0)
                times[(size_t)i * (size_t)runs + (size_t)r] = adi_now_ms() - before;
        }
    for (int32_t i = 0; i < plan->step_count; i++)
        out_ms[i] = adi_median(times + (size_t)i * (size_t)runs, (size_t)runs);
    return AD_OK;
}

const adi_f32 *adi_plan_tap_data(const adi_plan *plan, const adi_f32 *block, int32_t tap)
{
    return block + plan->steps[plan->taps[tap].step].offset;
}
