/* Running a training plan. */
#include "nn/train_plan.h"

static const double MOMENTUM = 0.1; /* of running statistics: PyTorch's default */

static adi_f32 *value_at(const adi_train_plan *p, const adi_train_run *run, int32_t value)
{
    return value < 0 ? NULL : run->block + p->values[value].offset;
}

static const adi_f32 *read_at(const adi_train_plan *p, const adi_train_run *run, int32_t value)
{
    return value < ADI_VALUE_NONE ? run->input[adi_value_input(value)] : value_at(p, run, value);
}

/* Return a step's call for this batch, with the current parameters. */
static adi_op_call call_of(const adi_train_plan *p, const adi_train_run *run,
                           const adi_train_step *s)
{
    adi_op_call call = s->call;
    call.in.n = call.out.n = run->n;
    call.draw = run->draw;
    for (int32_t j = 0; j < 2 && s->node >= 0 && s->op->params; j++) {
        const adi_module_param *param = adi_module_find(p->module, s->node, j);
        *(j ? &call.bias : &call.weight) = param ? run->values + param->offset : NULL;
    }
    return call;
}

static adi_op_grad grad_of(const adi_train_plan *p, const adi_train_run *run,
                           const adi_train_step *s)
{
    adi_op_grad g = {.y = value_at(p, run, s->y), .dy = value_at(p, run, s->dy),
                     .dx_add = value_at(p, run, s->dx_add)};
    for (int32_t j = 0; j < ADI_OP_MAX_INPUTS; j++) {
        g.x[j] = read_at(p, run, s->x[j]);
        g.dx[j] = value_at(p, run, s->dx[j]);
    }
    for (int32_t j = 0; j < 2 && s->node >= 0 && s->op->params; j++) {
        const adi_module_param *param = adi_module_find(p->module, s->node, j);
        const int trained = param && param->offset < p->module->trainable;
        *(j ? &g.dbias : &g.dweight) = trained ? run->gradients + param->offset : NULL;
    }
    if (s->statistics >= 0) {
        g.mean = run->statistics + s->statistics;
        g.var = g.mean + s->call.out.c;
    }
    return g;
}

static ad_status run_step(const adi_train_plan *p, const adi_train_run *run,
                          const adi_train_step *s, int32_t given)
{
    const adi_exec ex = adi_device_exec(&p->device, run->scratch, run->queue);
    const adi_op_call call = call_of(p, run, s);
    const adi_op_grad g = grad_of(p, run, s);
    adi_f32 *y = value_at(p, run, s->y);
    if (s->kind == ADI_TRAIN_BACKWARD)
        return s->op->backward(p->device.kernels, &ex, &call, &g);
    if (s->op->train_forward)
        return s->op->train_forward(p->device.kernels, &ex, &call, &g,
                                    given || s->kind == ADI_TRAIN_AGAIN, y, g.x[0]);
    return s->op->forward(p->device.kernels, &ex, &call, y, g.x[0], g.x[1]);
}

static ad_status run_steps(const adi_train_plan *p, const adi_train_run *run, int32_t first,
                           int32_t end, int32_t given)
{
    for (int32_t i = first; i < end; i++) {
        if (run->cancelled && run->cancelled(run->user))
            return adi_fail(AD_ERR_CANCELLED, "the training was cancelled within a batch");
        const ad_status status = run_step(p, run, &p->steps[i], given);
        if (status != AD_OK)
            return adi_fail(
                status, "%s '%s' failed in the backend while training", p->steps[i].op->name,
                p->steps[i].node < 0 ? "" : p->module->graph->nodes[p->steps[i].node].name);
    }
    return AD_OK;
}

static int64_t positions_of(const adi_train_run *run, const adi_train_step *s)
{
    return run->n * s->call.out.h * s->call.out.w;
}

static ad_status check_positions(const adi_train_plan *p, const adi_train_run *run)
{
    for (int32_t i = 0; i < p->forward_count; i++)
        if (p->steps[i].statistics >= 0 && positions_of(run, &p->steps[i]) < 2)
            return adi_fail(AD_ERR_SHAPE,
                            "batch norm '%s' has one value a channel in a batch of %lld: more are "
                            "needed to train it",
                            p->module->graph->nodes[p->steps[i].node].name, (long long)run->n);
    return AD_OK;
}

static adi_f32 *running(const adi_train_plan *p, const adi_train_run *run, const adi_train_step *s,
                        int32_t index)
{
    return run->values + adi_module_find(p->module, s->node, index)->offset;
}

static ad_status norm_failed(const adi_train_plan *p, const adi_train_step *s, ad_status status)
{
    return adi_fail(status, "the statistics of batch norm '%s' failed in the backend",
                    p->module->graph->nodes[s->node].name);
}

static ad_status take_running(const adi_train_plan *p, const adi_train_run *run)
{
    const adi_exec ex = adi_device_exec(&p->device, run->scratch, run->queue);
    for (int32_t i = 0; i < p->forward_count; i++) {
        const adi_train_step *s = &p->steps[i];
        const int64_t c = s->call.out.c;
        for (int32_t j = 0; s->statistics >= 0 && j < 2; j++) { /* the mean, the variance */
            const ad_status status = p->device.kernels->widen(
                &ex, run->statistics + s->statistics + j * c, running(p, run, s, 2 + j), c);
            if (status != AD_OK)
                return norm_failed(p, s, status);
        }
    }
    return AD_OK;
}

ad_status adi_train_forward(const adi_train_plan *plan, const adi_train_run *run, int32_t training)
{
    if (training)
        ADI_TRY(check_positions(plan, run));
    else
        ADI_TRY(take_running(plan, run));
    return run_steps(plan, run, 0, plan->forward_count, !training);
}

ad_status adi_train_backward(const adi_train_plan *plan, const adi_train_run *run)
{
    return run_steps(plan, run, plan->forward_count, plan->step_count, 0);
}

ad_status adi_train_update_statistics(const adi_train_plan *plan, const adi_train_run *run)
{
    const adi_exec ex = adi_device_exec(&plan->device, run->scratch, run->queue);
    for (int32_t i = 0; i < plan->forward_count; i++) {
        const adi_train_step *s = &plan->steps[i];
        if (s->statistics < 0)
            continue;
        const adi_pc d = {positions_of(run, s), s->call.out.c};
        const adi_f64 *mean = run->statistics + s->statistics;
        const ad_status status = plan->device.kernels->batchnorm_running(
            &ex, running(plan, run, s, 2), running(plan, run, s, 3), mean, mean + d.c, MOMENTUM, d);
        if (status != AD_OK)
            return norm_failed(plan, s, status);
    }
    return AD_OK;
}

const adi_f32 *adi_train_tap(const adi_train_plan *plan, const adi_train_run *run, int32_t index)
{
    return value_at(plan, run, plan->taps[index]);
}

adi_f32 *adi_train_tap_grad(const adi_train_plan *plan, const adi_train_run *run, int32_t index)
{
    return value_at(plan, run, plan->tap_grads[index]);
}

const adi_f32 *adi_train_input_grad(const adi_train_plan *plan, const adi_train_run *run)
{
    return value_at(plan, run, plan->input_grad);
}

const adi_shape *adi_train_tap_shape(const adi_train_plan *plan, int32_t index)
{
    return &plan->shapes[plan->taps[index]];
}
