/* The table of operations, failures and scratch memory: what needs no device of its own. */
#include "nn/backends/cuda/cuda.h"

#include <stdarg.h>
#include <stdio.h>

const struct mgm_backend_ops mgm_cuda_ops = {
    .name = "cuda",
    .host_memory = false,
    .blocked = false,
    .destroy = mgm_cuda_destroy,
    .alloc = mgm_cuda_alloc,
    .release = mgm_cuda_release,
    .clear = mgm_cuda_clear,
    .copy = mgm_cuda_copy,
    .upload = mgm_cuda_upload,
    .download = mgm_cuda_download,
    .finish = mgm_cuda_finish,
    .conv_create_training = mgm_cuda_conv_create_training,
    .conv_create_inference = mgm_cuda_conv_create_inference,
    .conv_destroy = mgm_cuda_conv_destroy,
    .conv_is_reference = mgm_cuda_conv_is_reference,
    .conv_set_weights = mgm_cuda_conv_set_weights,
    .conv_forward = mgm_cuda_conv_forward,
    .conv_backward_data = mgm_cuda_conv_backward_data,
    .conv_backward_weights = mgm_cuda_conv_backward_weights,
    .spectral_iterate = mgm_cuda_spectral_iterate,
    .spectral_backward = mgm_cuda_spectral_backward,
    .divide = mgm_cuda_divide,
    .transpose_weights = mgm_cuda_transpose_weights,
    .transpose_weights_backward = mgm_cuda_transpose_weights_backward,
    .norm_forward = mgm_cuda_norm_forward,
    .norm_backward = mgm_cuda_norm_backward,
    .average_pool = mgm_cuda_average_pool,
    .average_pool_backward = mgm_cuda_average_pool_backward,
    .upsample = mgm_cuda_upsample,
    .upsample_backward = mgm_cuda_upsample_backward,
    .sum_pixels = mgm_cuda_sum_pixels,
    .repeat_pixels = mgm_cuda_repeat_pixels,
    .copy_channels_in = mgm_cuda_copy_channels_in,
    .copy_channels_out = mgm_cuda_copy_channels_out,
    .shuffle = mgm_cuda_shuffle,
    .shuffle_backward = mgm_cuda_shuffle_backward,
    .gather = mgm_cuda_gather,
    .accumulate = mgm_cuda_accumulate,
    .convert_from_f32 = mgm_cuda_convert_from_f32,
    .convert_to_f32 = mgm_cuda_convert_to_f32,
    .add_bias = mgm_cuda_add_bias,
    .bias_gradient = mgm_cuda_bias_gradient,
    .single_conv = mgm_cuda_single_conv,
    .single_conv_backward = mgm_cuda_single_conv_backward,
    .pack = mgm_cuda_pack,
    .head_forward = mgm_cuda_head_forward,
    .head_backward = mgm_cuda_head_backward,
    .uncertain = mgm_cuda_uncertain,
    .merge = mgm_cuda_merge,
    .unmerge = mgm_cuda_unmerge,
    .mask_counts = mgm_cuda_mask_counts,
    .losses = mgm_cuda_losses,
    .sum_of_squares = mgm_cuda_sum_of_squares,
    .adam = mgm_cuda_adam,
    .average = mgm_cuda_average,
    .join = mgm_cuda_join,
    .share = mgm_cuda_share,
};

void mgm_cuda_keep(struct mgm_cuda *cuda, enum mgm_status status, const char *format, ...)
{
    if (cuda->failure != MGM_OK)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cuda->sentence, sizeof cuda->sentence, format, arguments);
    va_end(arguments);
    cuda->failure = status;
}

enum mgm_status mgm_cuda_report(struct mgm_cuda *cuda)
{
    const enum mgm_status failure = cuda->failure;
    cuda->failure = MGM_OK;
    return failure == MGM_OK ? MGM_OK : mgm_fail(cuda->base.ctx, failure, "%s", cuda->sentence);
}

void *mgm_cuda_scratch(struct mgm_cuda *cuda, enum mgm_cuda_scratch which, size_t bytes)
{
#ifdef MGM_CUDA_EMULATED
    const size_t LEAST = 1; /* what writes too far shows */
#else
    const size_t LEAST = 1 << 16; /* small operations do not make the memory grow step by step */
#endif
    if (cuda->scratch[which].values && cuda->scratch[which].bytes >= bytes)
        return cuda->scratch[which].values;
    bytes = bytes < LEAST ? LEAST : bytes;
    mgm_cuda_release(&cuda->base, cuda->scratch[which].values); /* waits for what still uses it */
    cuda->scratch[which].values = NULL;
    cuda->scratch[which].bytes = 0;
    /* A failure that is still to be reported would otherwise be taken for this allocation's. */
    void *values = NULL;
    if (cuda->failure != MGM_OK)
        return NULL;
    const enum mgm_status status = mgm_cuda_alloc(&cuda->base, bytes, &values);
    if (status != MGM_OK) {
        mgm_cuda_keep(cuda, status, "%s", cuda->base.ctx ? cuda->base.ctx->error : "not enough memory on the CUDA device");
        return NULL;
    }
    cuda->scratch[which].values = values;
    cuda->scratch[which].bytes = bytes;
    return values;
}

void mgm_cuda_scratch_release(struct mgm_cuda *cuda)
{
    for (int i = 0; i < MGM_CUDA_SCRATCH_COUNT; i++) {
        mgm_cuda_release(&cuda->base, cuda->scratch[i].values);
        cuda->scratch[i].values = NULL;
        cuda->scratch[i].bytes = 0;
    }
}
