#include "export/onnx.h"
#include "image/morphology.h"

struct mgm_onnx_settings mgm_onnx_settings_defaults(void)
{
    const struct mgm_matte_settings matte = mgm_matte_settings_defaults();
    return (struct mgm_onnx_settings){
        .opset = MGM_ONNX_OPSET_MIN, .dilate_os4 = matte.dilate_os4, .dilate_os1 = matte.dilate_os1};
}

static bool is_size(int side)
{
    return side > 0 && side <= MGM_ONNX_SIDE_MAX && side % MGM_ONNX_SIZE_MULTIPLE == 0;
}

enum mgm_status mgm_onnx_settings_check(struct mgm_context *ctx, const struct mgm_onnx_settings *s)
{
    if (s->opset < MGM_ONNX_OPSET_MIN || s->opset > MGM_ONNX_OPSET_MAX)
        return mgm_fail(ctx, MGM_E_INVALID, "opset %d: must be %d to %d", s->opset, MGM_ONNX_OPSET_MIN, MGM_ONNX_OPSET_MAX);
    if ((s->h || s->w) && !(is_size(s->h) && is_size(s->w)))
        return mgm_fail(ctx, MGM_E_INVALID, "%d×%d pixels: height and width must be multiples of %d, up to %d", s->h, s->w,
                        MGM_ONNX_SIZE_MULTIPLE, MGM_ONNX_SIDE_MAX);
    if (s->dilate_os4 < 1 || s->dilate_os4 > MGM_ELLIPSE_MAX || s->dilate_os1 < 1 || s->dilate_os1 > MGM_ELLIPSE_MAX)
        return mgm_fail(ctx, MGM_E_INVALID, "dilation by %d and %d: must be 1 to %d", s->dilate_os4, s->dilate_os1,
                        MGM_ELLIPSE_MAX);
    return MGM_OK;
}
