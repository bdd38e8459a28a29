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
    LAST(ad_context_options, memory_limit, 64);
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
    LAST(ad_backbone_options, expected_digest, 48);
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
    NEXT(ad_preprocess, struct_size, size);
    NEXT(ad_preprocess, size, crop);
    NEXT(ad_preprocess, crop, resize);
    NEXT(ad_preprocess, resize, aspect);
    NEXT(ad_preprocess, aspect, mean);
    NEXT(ad_preprocess, mean, std);
    NEXT(ad_preprocess, std, reserved);
    LAST(ad_preprocess, reserved, 64);
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
    NEXT(ad_train_progress, loss, similarity);
    NEXT(ad_train_progress, similarity, reconstruction);
    NEXT(ad_train_progress, reconstruction, validation);
    NEXT(ad_train_progress, validation, best_validation);
    NEXT(ad_train_progress, best_validation, best_epoch);
    NEXT(ad_train_progress, best_epoch, resumed);
    NEXT(ad_train_progress, resumed, seconds);
    NEXT(ad_train_progress, seconds, seconds_left);
    LAST(ad_train_progress, seconds_left, 104);
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
    NEXT(ad_gaussian_options, struct_size, reduce);
    NEXT(ad_gaussian_options, reduce, reduce_threshold);
    NEXT(ad_gaussian_options, reduce_threshold, layers);
    NEXT(ad_gaussian_options, layers, preprocess);
    NEXT(ad_gaussian_options, preprocess, pixel);
    NEXT(ad_gaussian_options, pixel, ddof);
    NEXT(ad_gaussian_options, ddof, squared);
    NEXT(ad_gaussian_options, squared, samples);
    NEXT(ad_gaussian_options, samples, blur_sigma);
    LAST(ad_gaussian_options, blur_sigma, 112);
    NEXT(ad_padim_options, struct_size, dimensions);
    NEXT(ad_padim_options, dimensions, layers);
    NEXT(ad_padim_options, layers, preprocess);
    NEXT(ad_padim_options, preprocess, seed);
    NEXT(ad_padim_options, seed, covariance);
    NEXT(ad_padim_options, covariance, reserved);
    NEXT(ad_padim_options, reserved, ridge);
    NEXT(ad_padim_options, ridge, blur_sigma);
    NEXT(ad_padim_options, blur_sigma, memory_limit);
    LAST(ad_padim_options, memory_limit, 120);
    NEXT(ad_student_options, struct_size, kind);
    NEXT(ad_student_options, kind, layers);
    NEXT(ad_student_options, layers, seed);
    NEXT(ad_student_options, seed, unet_head);
    NEXT(ad_student_options, unet_head, unet_depth);
    NEXT(ad_student_options, unet_depth, unet_convs);
    NEXT(ad_student_options, unet_convs, reserved);
    NEXT(ad_student_options, reserved, mode);
    NEXT(ad_student_options, mode, flow_blocks);
    NEXT(ad_student_options, flow_blocks, flow_hidden);
    NEXT(ad_student_options, flow_hidden, student_blocks);
    NEXT(ad_student_options, student_blocks, student_hidden);
    NEXT(ad_student_options, student_hidden, positions);
    NEXT(ad_student_options, positions, alpha);
    NEXT(ad_student_options, alpha, leaky);
    NEXT(ad_student_options, leaky, msff_out);
    NEXT(ad_student_options, msff_out, sru);
    NEXT(ad_student_options, sru, cru);
    NEXT(ad_student_options, cru, simam);
    NEXT(ad_student_options, simam, gate);
    NEXT(ad_student_options, gate, gn_groups);
    NEXT(ad_student_options, gn_groups, cru_softmax);
    NEXT(ad_student_options, cru_softmax, fmm);
    NEXT(ad_student_options, fmm, fmm_align);
    NEXT(ad_student_options, fmm_align, levels);
    NEXT(ad_student_options, levels, mask_rate);
    NEXT(ad_student_options, mask_rate, eval_mask);
    NEXT(ad_student_options, eval_mask, reserved2);
    LAST(ad_student_options, reserved2, 136);
    NEXT(ad_student_info, struct_size, kind);
    NEXT(ad_student_info, kind, architecture);
    NEXT(ad_student_info, architecture, teacher_digest);
    NEXT(ad_student_info, teacher_digest, layers);
    NEXT(ad_student_info, layers, parameter_count);
    NEXT(ad_student_info, parameter_count, epochs_trained);
    NEXT(ad_student_info, epochs_trained, seed);
    LAST(ad_student_info, seed, 56);
    NEXT(ad_stfpm_options, struct_size, epochs);
    NEXT(ad_stfpm_options, epochs, batch);
    NEXT(ad_stfpm_options, batch, optimizer);
    NEXT(ad_stfpm_options, optimizer, lr);
    NEXT(ad_stfpm_options, lr, momentum);
    NEXT(ad_stfpm_options, momentum, weight_decay);
    NEXT(ad_stfpm_options, weight_decay, seed);
    NEXT(ad_stfpm_options, seed, loss_half);
    NEXT(ad_stfpm_options, loss_half, loss_batch);
    NEXT(ad_stfpm_options, loss_batch, validation);
    NEXT(ad_stfpm_options, validation, patience);
    NEXT(ad_stfpm_options, patience, validation_share);
    NEXT(ad_stfpm_options, validation_share, split_seed);
    NEXT(ad_stfpm_options, split_seed, clip_norm);
    NEXT(ad_stfpm_options, clip_norm, layer_weights);
    NEXT(ad_stfpm_options, layer_weights, combine);
    NEXT(ad_stfpm_options, combine, combine_at);
    NEXT(ad_stfpm_options, combine_at, feature_cache);
    NEXT(ad_stfpm_options, feature_cache, memory_limit);
    NEXT(ad_stfpm_options, memory_limit, preprocess);
    NEXT(ad_stfpm_options, preprocess, pretrain_epochs);
    NEXT(ad_stfpm_options, pretrain_epochs, rec_target);
    NEXT(ad_stfpm_options, rec_target, rec_stopgrad);
    NEXT(ad_stfpm_options, rec_stopgrad, reserved2);
    NEXT(ad_stfpm_options, reserved2, pretrain_lr);
    NEXT(ad_stfpm_options, pretrain_lr, unet_lr);
    NEXT(ad_stfpm_options, unet_lr, unet_weight_decay);
    NEXT(ad_stfpm_options, unet_weight_decay, rec_weight);
    NEXT(ad_stfpm_options, rec_weight, sim_weight);
    LAST(ad_stfpm_options, sim_weight, 240);
    NEXT(ad_ast_options, struct_size, teacher_epochs);
    NEXT(ad_ast_options, teacher_epochs, student_epochs);
    NEXT(ad_ast_options, student_epochs, batch);
    NEXT(ad_ast_options, batch, lr);
    NEXT(ad_ast_options, lr, weight_decay);
    NEXT(ad_ast_options, weight_decay, clip_norm);
    NEXT(ad_ast_options, clip_norm, seed);
    NEXT(ad_ast_options, seed, mask);
    NEXT(ad_ast_options, mask, mask_norm);
    NEXT(ad_ast_options, mask_norm, score);
    NEXT(ad_ast_options, score, aggregate);
    NEXT(ad_ast_options, aggregate, max_after_upsample);
    NEXT(ad_ast_options, max_after_upsample, mask_twice);
    NEXT(ad_ast_options, mask_twice, validation_share);
    NEXT(ad_ast_options, validation_share, split_seed);
    NEXT(ad_ast_options, split_seed, feature_cache);
    NEXT(ad_ast_options, feature_cache, cache_file);
    NEXT(ad_ast_options, cache_file, cache_dir);
    NEXT(ad_ast_options, cache_dir, memory_limit);
    NEXT(ad_ast_options, memory_limit, depth_threshold);
    NEXT(ad_ast_options, depth_threshold, depth_fill);
    NEXT(ad_ast_options, depth_fill, depth_fill_border);
    NEXT(ad_ast_options, depth_fill_border, depth_corners);
    NEXT(ad_ast_options, depth_corners, depth_dilation);
    NEXT(ad_ast_options, depth_dilation, preprocess);
    LAST(ad_ast_options, preprocess, 208);
    NEXT(ad_masked_rd_options, struct_size, epochs);
    NEXT(ad_masked_rd_options, epochs, batch);
    NEXT(ad_masked_rd_options, batch, loss);
    NEXT(ad_masked_rd_options, loss, lr);
    NEXT(ad_masked_rd_options, lr, beta1);
    NEXT(ad_masked_rd_options, beta1, beta2);
    NEXT(ad_masked_rd_options, beta2, weight_decay);
    NEXT(ad_masked_rd_options, weight_decay, seed);
    NEXT(ad_masked_rd_options, seed, validation_share);
    NEXT(ad_masked_rd_options, validation_share, split_seed);
    NEXT(ad_masked_rd_options, split_seed, patience);
    NEXT(ad_masked_rd_options, patience, combine);
    NEXT(ad_masked_rd_options, combine, blur_sigma);
    NEXT(ad_masked_rd_options, blur_sigma, feature_cache);
    NEXT(ad_masked_rd_options, feature_cache, memory_limit);
    NEXT(ad_masked_rd_options, memory_limit, preprocess);
    LAST(ad_masked_rd_options, preprocess, 168);
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
        ad_gaussian_options options;
        unsigned char guard[16];
    } box;
    memset(&box, 0x5a, sizeof box);
    ad_gaussian_options_init(&box.options, offsetof(ad_gaussian_options, blur_sigma));
    const unsigned char *after = (const unsigned char *)&box + offsetof(ad_gaussian_options, blur_sigma);
    for (size_t i = 0; i < sizeof box.options.blur_sigma + sizeof box.guard; i++)
        assert_int_equal(after[i], 0x5a);
    assert_int_equal(box.options.struct_size, offsetof(ad_gaussian_options, blur_sigma));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_padding_on_64_bits),
                                       cmocka_unit_test(older_callers)};
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
