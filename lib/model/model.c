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
    adi_extractor_reserve(x, adi_layer_maps_scratch(r, model->context), 0);
    adi_extractor_reserve_map(x, r->side, adi_layer_maps_floats(r));
}

ad_status adi_model_score(const adi_model *model, const adi_extractor *x, adi_workspace *w,
                          int32_t wants_map, double *out_score)
{
    adi_layer_maps maps = {.count = 0};
    ADI_TRY(model->method->infer(model, x, w, wants_map, &maps));
    return adi_layer_maps_finish(model->context, &model->recipe, &maps, w->scratch, w->tail,
                                 wants_map, w->map, out_score);
}
