/**
 * A model as an ONNX file, which other runtimes execute: the network with its norms folded in (nn/fused_conv.h), what makes mattes
 * of its heads, and progressive refinement (Eq. 2–3), in standard operators. docs/onnx.md describes the file.
 */
#ifndef MGM_EXPORT_ONNX_H
#define MGM_EXPORT_ONNX_H

#include "matting/model.h"

/* Versions of the operator set. What is written means the same in all of them. */
enum { MGM_ONNX_OPSET_MIN = 13, MGM_ONNX_OPSET_MAX = 22 };
enum { MGM_ONNX_SIZE_MULTIPLE = 32, MGM_ONNX_SIDE_MAX = 1 << 20 };

struct mgm_onnx_settings {
    int opset;
    int h, w;                   /* of the input, multiples of 32; 0, both: any, decided by whoever runs the network */
    int dilate_os4, dilate_os1; /* as in mgm_matte_settings */
};

/** Opset 13, any size, dilation as of mgm_matte_settings_defaults(). */
struct mgm_onnx_settings mgm_onnx_settings_defaults(void);

/** @return MGM_E_INVALID for what is out of range */
MGM_MUST_CHECK enum mgm_status mgm_onnx_settings_check(struct mgm_context *ctx, const struct mgm_onnx_settings *settings);

/**
 * Writes the file; it appears when it is whole.
 *   inputs   image [n, 3, h, w] (normalised), guidance [n, 1, h, w]
 *   outputs  alpha_os8, alpha_os4, alpha_os1, alpha, all [n, 1, h, w]; as those of mgm_forward()
 * n is 1 where the size is given, else any.
 * @return MGM_E_INVALID for settings out of range; MGM_E_UNSUPPORTED if this build knows no ONNX; MGM_E_FORMAT as of
 *         mgm_fold_conv(); MGM_E_IO; MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_onnx_export(struct mgm_context *ctx, const struct mgm_model *model,
                                               const struct mgm_onnx_settings *settings, const char *path);

#endif
