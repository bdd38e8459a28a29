/* What methods there are, and their options. */
#include <string.h>

#include "api/objects.h"
#include "core/options.h"

int32_t ad_method_count(void)
{
    return adi_method_count();
}

ad_status ad_method_get_info(int32_t index, ad_method_info *out_info)
{
    const adi_method *m = adi_method_at(index);
    ADI_CHECK_ARG(m, "ad_method_get_info: method %d of %d", index, adi_method_count());
    const adi_option_table *t = m->options;
    const ad_method_info info = {.has_maps = (m->caps & ADI_MAPS) != 0,
                                 .takes_depth = (m->caps & ADI_DEPTH) != 0,
                                 .merges = (m->caps & ADI_MERGES) != 0,
                                 .trains = (m->caps & ADI_TRAINS) != 0,
                                 .name = m->name,
                                 .source = m->source,
                                 .needs = m->needs,
                                 .option_count = t->row_count + t->alias_count,
                                 .preset_count = t->preset_count};
    return adi_struct_give(out_info, &info, sizeof info, "ad_method_info");
}

static ad_option_info info_of_row(const adi_option_row *row)
{
    return (ad_option_info){.kind = row->kind,
                            .part = row->part & ADI_OPTION_PARTS,
                            .key = row->key,
                            .fallback = row->fallback ? row->fallback : "",
                            .words = row->words ? row->words : "",
                            .low = row->low,
                            .high = row->high,
                            .says = row->says};
}

/* Of the first of the rows that it sets, which are alike. */
static ad_option_info info_of_alias(const adi_option_table *t, const adi_option_alias *alias)
{
    ad_option_info info = info_of_row(adi_option_find(t, alias->keys[0]));
    info.key = alias->key;
    info.fallback = "";
    info.says = alias->says;
    return info;
}

static ad_status find(const char *method, const char *call, const adi_option_table **out_table)
{
    ADI_CHECK_ARG(method, "%s: method is NULL", call);
    const adi_method *m = adi_method_find(method);
    if (!m)
        return adi_method_unknown(method);
    *out_table = m->options;
    return AD_OK;
}

ad_status ad_method_get_option(const char *method, int32_t index, ad_option_info *out_info)
{
    const adi_option_table *t = NULL;
    ADI_TRY(find(method, "ad_method_get_option", &t));
    const int32_t count = t->row_count + t->alias_count;
    ADI_CHECK_ARG(index >= 0 && index < count, "option %d of %d", index, count);
    const ad_option_info info = index < t->row_count
                                    ? info_of_row(&t->rows[index])
                                    : info_of_alias(t, &t->aliases[index - t->row_count]);
    return adi_struct_give(out_info, &info, sizeof info, "ad_option_info");
}

ad_status ad_method_get_preset(const char *method, int32_t index, const char **out_name,
                               const char **out_says)
{
    const adi_option_table *t = NULL;
    ADI_CHECK_ARG(out_name && out_says, "ad_method_get_preset: an argument is NULL");
    ADI_TRY(find(method, "ad_method_get_preset", &t));
    ADI_CHECK_ARG(index >= 0 && index < t->preset_count, "preset %d of %d", index,
                  t->preset_count);
    *out_name = t->presets[index].name;
    *out_says = t->presets[index].says;
    return AD_OK;
}
