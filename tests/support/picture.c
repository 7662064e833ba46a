#include "picture.h"

#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vips/vips.h>

struct test_picture read_test_picture(const char *folder, const char *name, int channels)
{
    char path[4096];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (vips_init("test") != 0)
        fail_msg("libvips cannot be started");
    VipsImage *image = vips_image_new_from_file(path, NULL);
    if (!image)
        fail_msg("%s: %s", path, vips_error_buffer());
    assert_int_equal(vips_image_get_format(image), VIPS_FORMAT_UCHAR);
    assert_int_equal(vips_image_get_bands(image), channels);
    void *memory = vips_image_write_to_memory(image, &size);
    struct test_picture picture = {vips_image_get_width(image), vips_image_get_height(image), channels, malloc(size)};
    assert_true(memory && picture.values);
    memcpy(picture.values, memory, size);
    g_free(memory);
    g_object_unref(image);
    return picture;
}
