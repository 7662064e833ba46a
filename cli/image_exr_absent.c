#include "image_exr.h"

enum mgm_status image_exr_encode(struct mgm_context *ctx, const char *path, const struct mgm_image *image, void **bytes,
                                 size_t *size)
{
    (void)image;
    *bytes = NULL;
    *size = 0;
    return mgm_fail(ctx, MGM_E_UNSUPPORTED,
                    "%s: this mgm was built without OpenEXR (libopenexr-dev) and cannot write exr files", path);
}
