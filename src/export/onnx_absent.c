/* Instead of the export, where what it needs was not there when the program was built. */
#include "export/onnx.h"

enum mgm_status mgm_onnx_export(struct mgm_context *ctx, const struct mgm_model *model,
                                const struct mgm_onnx_settings *settings, const char *path)
{
    (void)model;
    TRY(mgm_onnx_settings_check(ctx, settings));
    return mgm_fail(
        ctx, MGM_E_UNSUPPORTED,
        "%s: this mgm was built without ONNX; building it with needs protobuf-c, its compiler protoc-c, and ONNX's "
        "onnx.proto (Debian: libprotobuf-c-dev protobuf-c-compiler libonnx-dev)",
        path);
}
