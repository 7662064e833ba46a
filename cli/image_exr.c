#include "image_exr.h"

#include "base/memory.h"
#include "image/colour.h"
#include "weights/half.h"

#include <OpenEXR/openexr.h>
#include <string.h>

/* In the order of the alphabet, which is that of the file. */
static const char *const names[] = {"A", "B", "G", "R"};

struct buffer {
    unsigned char *bytes;
    size_t size, room;
};

/** @return whether the buffer holds that much now; what is new in it is zero */
static bool reach(struct buffer *buffer, size_t size)
{
    if (size > buffer->room) {
        const size_t room = size + size / 2;
        unsigned char *larger = mgm_alloc_zeroed(room, 1);
        if (!larger)
            return false;
        if (buffer->size)
            memcpy(larger, buffer->bytes, buffer->size);
        mgm_free(buffer->bytes);
        buffer->bytes = larger;
        buffer->room = room;
    }
    buffer->size = size > buffer->size ? size : buffer->size;
    return true;
}

static int64_t write_bytes(exr_const_context_t file, void *user, const void *bytes, uint64_t size, uint64_t offset,
                           exr_stream_error_func_ptr_t fail)
{
    struct buffer *buffer = user;
    if (!reach(buffer, (size_t)(offset + size))) {
        fail(file, EXR_ERR_OUT_OF_MEMORY, "not enough memory");
        return -1;
    }
    memcpy(buffer->bytes + offset, bytes, (size_t)size);
    return (int64_t)size;
}

/** Nobody should print but the program. */
static void be_silent(exr_const_context_t file, exr_result_t code, const char *message)
{
    (void)file;
    (void)code;
    (void)message;
}

static float value_at(const struct mgm_image *image, size_t index)
{
    return image->bits == 16 ? (float)((const uint16_t *)image->pixels)[index] / 65535
                             : (float)((const uint8_t *)image->pixels)[index] / 255;
}

/** Rows from `top` on, as halves: A B G R of each pixel, or those of them that there are. */
static void convert_rows(const struct mgm_image *image, int top, int rows, uint16_t *dst)
{
    const size_t channels = (size_t)image->channels, count = (size_t)rows * (size_t)image->width;
    const size_t first = (size_t)top * (size_t)image->width;
    for (size_t i = 0; i < count; i++) {
        const size_t at = (first + i) * channels;
        const float alpha = channels == 3 ? 1 : value_at(image, at + channels - 1);
        if (channels != 3)
            *dst++ = mgm_half_from_float(alpha);
        for (size_t c = 3; c-- > 0 && channels >= 3;)
            *dst++ = mgm_half_from_float(mgm_srgb_to_linear(value_at(image, at + c)) * alpha);
    }
}

static exr_result_t describe(exr_context_t file, const struct mgm_image *image)
{
    int part;
    exr_result_t result = exr_add_part(file, "cutout", EXR_STORAGE_SCANLINE, &part);
    if (result == EXR_ERR_SUCCESS)
        result = exr_initialize_required_attr_simple(file, part, image->width, image->height, EXR_COMPRESSION_ZIP);
    for (int i = image->channels == 3; i < (image->channels == 1 ? 1 : 4) && result == EXR_ERR_SUCCESS; i++)
        result = exr_add_channel(file, part, names[i], EXR_PIXEL_HALF, EXR_PERCEPTUALLY_LOGARITHMIC, 1, 1);
    return result == EXR_ERR_SUCCESS ? exr_write_header(file) : result;
}

static exr_result_t write_chunk(exr_context_t file, exr_encode_pipeline_t *pipeline, int y, const uint16_t *rows,
                                int channels, int width)
{
    exr_chunk_info_t chunk;
    exr_result_t result = exr_write_scanline_chunk_info(file, 0, y, &chunk);
    if (result == EXR_ERR_SUCCESS)
        result = y ? exr_encoding_update(file, 0, &chunk, pipeline) : exr_encoding_initialize(file, 0, &chunk, pipeline);
    for (int c = 0; c < channels && result == EXR_ERR_SUCCESS; c++) {
        exr_coding_channel_info_t *channel = &pipeline->channels[c];
        channel->encode_from_ptr = (const uint8_t *)(rows + c);
        channel->user_pixel_stride = 2 * channels;
        channel->user_line_stride = 2 * channels * width;
        channel->user_bytes_per_element = 2;
        channel->user_data_type = EXR_PIXEL_HALF;
    }
    if (result == EXR_ERR_SUCCESS && y == 0)
        result = exr_encoding_choose_default_routines(file, 0, pipeline);
    return result == EXR_ERR_SUCCESS ? exr_encoding_run(file, 0, pipeline) : result;
}

static exr_result_t write_rows(exr_context_t file, const struct mgm_image *image)
{
    exr_encode_pipeline_t pipeline = EXR_ENCODE_PIPELINE_INITIALIZER;
    int32_t lines = 0;
    exr_result_t result = exr_get_scanlines_per_chunk(file, 0, &lines);
    if (result != EXR_ERR_SUCCESS)
        return result;
    uint16_t *rows = mgm_alloc((size_t)lines * (size_t)image->width, (size_t)image->channels * sizeof *rows);
    if (!rows)
        return EXR_ERR_OUT_OF_MEMORY;
    for (int y = 0; y < image->height && result == EXR_ERR_SUCCESS; y += lines) {
        convert_rows(image, y, image->height - y < lines ? image->height - y : lines, rows);
        result = write_chunk(file, &pipeline, y, rows, image->channels, image->width);
    }
    (void)exr_encoding_destroy(file, &pipeline);
    mgm_free(rows);
    return result;
}

enum mgm_status image_exr_encode(struct mgm_context *ctx, const char *path, const struct mgm_image *image, void **bytes,
                                 size_t *size)
{
    struct buffer buffer = {0};
    exr_context_t file = NULL;
    exr_context_initializer_t settings = EXR_DEFAULT_CONTEXT_INITIALIZER;
    settings.user_data = &buffer;
    settings.write_fn = write_bytes;
    settings.error_handler_fn = be_silent;
    *bytes = NULL;
    exr_result_t result = exr_start_write(&file, path, EXR_WRITE_FILE_DIRECTLY, &settings);
    if (result == EXR_ERR_SUCCESS)
        result = describe(file, image);
    if (result == EXR_ERR_SUCCESS)
        result = write_rows(file, image);
    const exr_result_t finished = file ? exr_finish(&file) : EXR_ERR_SUCCESS; /* writes the table of chunks */
    result = result == EXR_ERR_SUCCESS ? finished : result;
    if (result != EXR_ERR_SUCCESS) {
        mgm_free(buffer.bytes);
        return mgm_fail(ctx, result == EXR_ERR_OUT_OF_MEMORY ? MGM_E_NOMEM : MGM_E_IO, "%s: cannot be encoded: %s", path,
                        exr_get_default_error_message(result));
    }
    *bytes = buffer.bytes;
    *size = buffer.size;
    return MGM_OK;
}
