/* What every model does alike: from distances to the score. */
#include "model/method.h"

/* The tail's floats stand behind the method's own. */
static int has_tail(const adi_model *m)
{
    return m->has_map || m->recipe.score != ADI_SCORE_GIVEN;
}

void adi_model_reserve(const adi_model *model, adi_extractor *x)
{
    const adi_map_recipe *r = &model->recipe;
    model->method->reserve(model, x);
    if (!has_tail(model))
        return;
    adi_extractor_reserve_map(x, r->side, adi_layer_maps_floats(r),
                              adi_layer_maps_scratch(r, model->context));
}

ad_status adi_model_score(const adi_model *model, const adi_extractor *x, adi_workspace *w,
                          int32_t wants_map, double *out_score)
{
    adi_layer_maps maps = {.count = 0};
    ad_status status = model->method->infer(model, x, w, wants_map, &maps);
    if (status == AD_OK)
        status = adi_layer_maps_finish(model->context, &model->recipe, &maps, w->host_scratch,
                                       w->tail, wants_map, w->map, out_score);
    /* The cause, where it is an image whose features are not finite. */
    for (int32_t i = 0; status == AD_ERR_NUMERIC && i < x->tap_count; i++)
        ADI_TRY(adi_extractor_check_finite(x, w, i));
    return status;
}
