/* Public structs: struct_size first, no implicit padding, and sizes that change only on purpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "adfeat.h"

/* A field begins where the one before it ends: nothing is hidden between them. */
#define NEXT(type, field, next)                                                                    \
    assert_int_equal(offsetof(type, field) + sizeof(((type *)0)->field), offsetof(type, next))
#define LAST(type, field, size)                                                                    \
    assert_int_equal(offsetof(type, field) + sizeof(((type *)0)->field), sizeof(type));            \
    assert_int_equal(sizeof(type), size);                                                          \
    assert_int_equal(offsetof(type, struct_size), 0)

static void no_padding_on_64_bits(void **state)
{
    (void)state;
    if (sizeof(void *) != 8)
        skip();
    NEXT(ad_context_options, struct_size, num_threads);
    NEXT(ad_context_options, num_threads, device);
    NEXT(ad_context_options, device, alloc);
    NEXT(ad_context_options, alloc, free);
    NEXT(ad_context_options, free, alloc_user);
    NEXT(ad_context_options, alloc_user, log);
    NEXT(ad_context_options, log, log_user);
    NEXT(ad_context_options, log_user, memory_limit);
    NEXT(ad_context_options, memory_limit, max_side);
    NEXT(ad_context_options, max_side, max_pixels);
    NEXT(ad_context_options, max_pixels, max_file_bytes);
    NEXT(ad_context_options, max_file_bytes, precision);
    NEXT(ad_context_options, precision, reserved);
    LAST(ad_context_options, reserved, 96);
    NEXT(ad_device_info, struct_size, reserved);
    NEXT(ad_device_info, reserved, name);
    NEXT(ad_device_info, name, total_bytes);
    NEXT(ad_device_info, total_bytes, free_bytes);
    LAST(ad_device_info, free_bytes, 152);
    NEXT(ad_image, struct_size, format);
    NEXT(ad_image, format, pixels);
    NEXT(ad_image, pixels, width);
    NEXT(ad_image, width, height);
    NEXT(ad_image, height, row_bytes);
    NEXT(ad_image, row_bytes, owner);
    NEXT(ad_image, owner, depth);
    NEXT(ad_image, depth, depth_width);
    NEXT(ad_image, depth_width, depth_height);
    NEXT(ad_image, depth_height, depth_row_bytes);
    NEXT(ad_image, depth_row_bytes, depth_pixel_bytes);
    NEXT(ad_image, depth_pixel_bytes, depth_owner);
    LAST(ad_image, depth_owner, 96);
    NEXT(ad_map, struct_size, reserved);
    NEXT(ad_map, reserved, data);
    NEXT(ad_map, data, width);
    NEXT(ad_map, width, height);
    NEXT(ad_map, height, row_bytes);
    LAST(ad_map, row_bytes, 40);
    NEXT(ad_read_options, struct_size, min_side);
    NEXT(ad_read_options, min_side, orientation);
    NEXT(ad_read_options, orientation, significant_bits);
    LAST(ad_read_options, significant_bits, 16);
    NEXT(ad_dataset_options, struct_size, split);
    NEXT(ad_dataset_options, split, depth_scale);
    NEXT(ad_dataset_options, depth_scale, depth);
    NEXT(ad_dataset_options, depth, mask_good);
    NEXT(ad_dataset_options, mask_good, one_class);
    NEXT(ad_dataset_options, one_class, good);
    NEXT(ad_dataset_options, good, layout);
    NEXT(ad_dataset_options, layout, normal_dir);
    NEXT(ad_dataset_options, normal_dir, normal_test_dir);
    NEXT(ad_dataset_options, normal_test_dir, abnormal_dir);
    NEXT(ad_dataset_options, abnormal_dir, mask_dir);
    NEXT(ad_dataset_options, mask_dir, csv);
    NEXT(ad_dataset_options, csv, category);
    NEXT(ad_dataset_options, category, orientation);
    NEXT(ad_dataset_options, orientation, significant_bits);
    LAST(ad_dataset_options, significant_bits, 104);
    NEXT(ad_sample, struct_size, label);
    NEXT(ad_sample, label, name);
    NEXT(ad_sample, name, group);
    NEXT(ad_sample, group, has_mask);
    NEXT(ad_sample, has_mask, has_depth);
    LAST(ad_sample, has_depth, 32);
    NEXT(ad_backbone_options, struct_size, padding);
    NEXT(ad_backbone_options, padding, prefix);
    NEXT(ad_backbone_options, prefix, graph);
    NEXT(ad_backbone_options, graph, batchnorm_eps);
    NEXT(ad_backbone_options, batchnorm_eps, convolution);
    NEXT(ad_backbone_options, convolution, reserved);
    NEXT(ad_backbone_options, reserved, expected_digest);
    NEXT(ad_backbone_options, expected_digest, architecture);
    LAST(ad_backbone_options, architecture, 56);
    NEXT(ad_backbone_info, struct_size, input_size);
    NEXT(ad_backbone_info, input_size, architecture);
    NEXT(ad_backbone_info, architecture, digest);
    NEXT(ad_backbone_info, digest, parameter_count);
    NEXT(ad_backbone_info, parameter_count, dialect);
    NEXT(ad_backbone_info, dialect, padding);
    NEXT(ad_backbone_info, padding, reserved);
    NEXT(ad_backbone_info, reserved, batchnorm_eps);
    NEXT(ad_backbone_info, batchnorm_eps, mean);
    NEXT(ad_backbone_info, mean, std);
    LAST(ad_backbone_info, std, 80);
    NEXT(ad_layer_info, struct_size, available);
    NEXT(ad_layer_info, available, name);
    NEXT(ad_layer_info, name, height);
    NEXT(ad_layer_info, height, width);
    NEXT(ad_layer_info, width, channels);
    LAST(ad_layer_info, channels, 40);
    NEXT(ad_features, struct_size, reserved);
    NEXT(ad_features, reserved, layer);
    NEXT(ad_features, layer, data);
    NEXT(ad_features, data, capacity);
    NEXT(ad_features, capacity, height);
    NEXT(ad_features, height, width);
    NEXT(ad_features, width, channels);
    LAST(ad_features, channels, 56);
    NEXT(ad_step_info, struct_size, residual);
    NEXT(ad_step_info, residual, name);
    NEXT(ad_step_info, name, op);
    NEXT(ad_step_info, op, kernel);
    NEXT(ad_step_info, kernel, activation);
    NEXT(ad_step_info, activation, height);
    NEXT(ad_step_info, height, width);
    NEXT(ad_step_info, width, channels);
    NEXT(ad_step_info, channels, multiply_adds);
    NEXT(ad_step_info, multiply_adds, weight_bytes);
    NEXT(ad_step_info, weight_bytes, ms);
    LAST(ad_step_info, ms, 88);
    NEXT(ad_train_progress, struct_size, epoch_done);
    NEXT(ad_train_progress, epoch_done, phase);
    NEXT(ad_train_progress, phase, phase_index);
    NEXT(ad_train_progress, phase_index, phases);
    NEXT(ad_train_progress, phases, epoch);
    NEXT(ad_train_progress, epoch, epochs);
    NEXT(ad_train_progress, epochs, batch);
    NEXT(ad_train_progress, batch, batches);
    NEXT(ad_train_progress, batches, loss);
    NEXT(ad_train_progress, loss, loss_part_names);
    NEXT(ad_train_progress, loss_part_names, loss_parts);
    NEXT(ad_train_progress, loss_parts, validation);
    NEXT(ad_train_progress, validation, best_validation);
    NEXT(ad_train_progress, best_validation, best_epoch);
    NEXT(ad_train_progress, best_epoch, resumed);
    NEXT(ad_train_progress, resumed, seconds);
    NEXT(ad_train_progress, seconds, seconds_left);
    LAST(ad_train_progress, seconds_left, 152);
    NEXT(ad_fit_options, struct_size, resume);
    NEXT(ad_fit_options, resume, progress);
    NEXT(ad_fit_options, progress, user);
    NEXT(ad_fit_options, user, train);
    NEXT(ad_fit_options, train, checkpoint_dir);
    NEXT(ad_fit_options, checkpoint_dir, skip_damaged);
    NEXT(ad_fit_options, skip_damaged, reserved);
    LAST(ad_fit_options, reserved, 48);
    NEXT(ad_scorer_info, struct_size, has_map);
    NEXT(ad_scorer_info, has_map, method);
    NEXT(ad_scorer_info, method, architecture);
    NEXT(ad_scorer_info, architecture, backbone_digest);
    NEXT(ad_scorer_info, backbone_digest, input_size);
    NEXT(ad_scorer_info, input_size, option_count);
    NEXT(ad_scorer_info, option_count, image_count);
    NEXT(ad_scorer_info, image_count, normal_score);
    NEXT(ad_scorer_info, normal_score, normal_map);
    NEXT(ad_scorer_info, normal_map, score_limit);
    LAST(ad_scorer_info, score_limit, 72);
    NEXT(ad_scorer_save_options, struct_size, embed_backbone);
    LAST(ad_scorer_save_options, embed_backbone, 8);
    NEXT(ad_student_info, struct_size, reserved);
    NEXT(ad_student_info, reserved, method);
    NEXT(ad_student_info, method, architecture);
    NEXT(ad_student_info, architecture, teacher_digest);
    NEXT(ad_student_info, teacher_digest, layers);
    NEXT(ad_student_info, layers, parameter_count);
    NEXT(ad_student_info, parameter_count, epochs_trained);
    NEXT(ad_student_info, epochs_trained, seed);
    LAST(ad_student_info, seed, 64);
    NEXT(ad_method_info, struct_size, has_maps);
    NEXT(ad_method_info, has_maps, takes_depth);
    NEXT(ad_method_info, takes_depth, merges);
    NEXT(ad_method_info, merges, trains);
    NEXT(ad_method_info, trains, option_count);
    NEXT(ad_method_info, option_count, preset_count);
    NEXT(ad_method_info, preset_count, reserved);
    NEXT(ad_method_info, reserved, name);
    NEXT(ad_method_info, name, source);
    NEXT(ad_method_info, source, needs);
    LAST(ad_method_info, needs, 56);
    NEXT(ad_option_info, struct_size, kind);
    NEXT(ad_option_info, kind, part);
    NEXT(ad_option_info, part, reserved);
    NEXT(ad_option_info, reserved, key);
    NEXT(ad_option_info, key, fallback);
    NEXT(ad_option_info, fallback, words);
    NEXT(ad_option_info, words, low);
    NEXT(ad_option_info, low, high);
    NEXT(ad_option_info, high, says);
    LAST(ad_option_info, says, 64);
    NEXT(ad_aupro_options, struct_size, connectivity);
    NEXT(ad_aupro_options, connectivity, fpr_limit);
    LAST(ad_aupro_options, fpr_limit, 16);
    NEXT(ad_evaluation, struct_size, eval_size);
    NEXT(ad_evaluation, eval_size, images);
    NEXT(ad_evaluation, images, anomalous);
    NEXT(ad_evaluation, anomalous, image_auroc);
    NEXT(ad_evaluation, image_auroc, image_ap);
    NEXT(ad_evaluation, image_ap, f1_max);
    NEXT(ad_evaluation, f1_max, f1_threshold);
    NEXT(ad_evaluation, f1_threshold, pixel_auroc);
    NEXT(ad_evaluation, pixel_auroc, au_pro);
    NEXT(ad_evaluation, au_pro, ms_per_image);
    NEXT(ad_evaluation, ms_per_image, masked);
    NEXT(ad_evaluation, masked, normal_ratio);
    NEXT(ad_evaluation, normal_ratio, image_note);
    NEXT(ad_evaluation, image_note, pixel_note);
    NEXT(ad_evaluation, pixel_note, scorer_note);
    NEXT(ad_evaluation, scorer_note, skipped);
    LAST(ad_evaluation, skipped, 1128);
    NEXT(ad_evaluate_options, struct_size, eval_size);
    NEXT(ad_evaluate_options, eval_size, progress);
    NEXT(ad_evaluate_options, progress, user);
    NEXT(ad_evaluate_options, user, skip_damaged);
    NEXT(ad_evaluate_options, skip_damaged, reserved);
    LAST(ad_evaluate_options, reserved, 32);
}

/* A caller that was compiled with a shorter struct keeps its bytes after the end. */
static void older_callers(void **state)
{
    (void)state;
    struct {
        ad_context_options options;
        unsigned char guard[16];
    } box;
    memset(&box, 0x5a, sizeof box);
    ad_context_options_init(&box.options, offsetof(ad_context_options, precision));
    const unsigned char *after = (const unsigned char *)&box + offsetof(ad_context_options, precision);
    for (size_t i = 0; i < sizeof box.options.precision + sizeof box.options.reserved + sizeof box.guard; i++)
        assert_int_equal(after[i], 0x5a);
    assert_int_equal(box.options.struct_size, offsetof(ad_context_options, precision));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_padding_on_64_bits),
                                       cmocka_unit_test(older_callers)};
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
