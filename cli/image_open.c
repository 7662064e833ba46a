#include "image_open.h"

#include "image_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const extensions[] = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp",  ".gif",
                                         ".ppm", ".pgm", ".pbm",  ".pnm", ".heic", ".heif", ".avif", ".jxl"};

bool image_file_has_extension(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && dot != name && i < sizeof extensions / sizeof *extensions; i++)
        if (strcasecmp(dot, extensions[i]) == 0)
            return true;
    return false;
}

static gint warnings; /* that libvips has logged, in any thread */

static void count_warning(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer data)
{
    (void)domain, (void)level, (void)message, (void)data;
    g_atomic_int_inc(&warnings);
}

/**
 * libvips knows many more kinds of files than photographs come in, some of which run interpreters (SVG, PDF) or were never
 * meant for files of strangers: it marks them itself. All of those stay shut but two plain ones, and ImageMagick for BMP
 * (below).
 */
static void allow_loaders(void)
{
    static const char *const allowed[] = {"VipsForeignLoadJxl", "VipsForeignLoadPpm", "VipsForeignLoadMagick",
                                          "VipsForeignLoadMagick7"};
    vips_block_untrusted_set(TRUE);
    vips_operation_block_set("VipsForeignLoadMatrix", TRUE); /* any text with numbers */
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (g_type_from_name(allowed[i]))
            vips_operation_block_set(allowed[i], FALSE);
}

static gpointer start_vips(gpointer data)
{
    (void)data;
    if (vips_init("mgm") != 0)
        return NULL;
    allow_loaders();
    vips_cache_set_max(0); /* every file is read once */
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, count_warning, NULL);
    return GINT_TO_POINTER(1);
}

/** libvips keeps its own lines of explanation; the first says what was wrong. */
enum mgm_status image_fail(struct mgm_context *ctx, enum mgm_status status, const char *path, const char *what)
{
    char reason[256];
    snprintf(reason, sizeof reason, "%s", vips_error_buffer());
    vips_error_clear();
    reason[strcspn(reason, "\n")] = '\0';
    return reason[0] ? mgm_fail(ctx, status, "%s: %s (%s)", path, what, reason)
                     : mgm_fail(ctx, status, "%s: %s", path, what);
}

enum mgm_status image_file_start(struct mgm_context *ctx)
{
    static GOnce once = G_ONCE_INIT;
    if (!g_once(&once, start_vips, NULL))
        return image_fail(ctx, MGM_E_UNSUPPORTED, "libvips", "cannot be started");
    return MGM_OK;
}

void image_drop(VipsImage **image)
{
    if (*image)
        g_object_unref(*image);
    *image = NULL;
}

int image_replace(VipsImage **image, VipsImage *result, int failed)
{
    if (failed)
        return -1;
    image_drop(image);
    *image = result;
    return 0;
}

enum mgm_status image_fail_damaged(struct mgm_context *ctx, const char *path)
{
    return image_fail(ctx, MGM_E_FORMAT, image_file_name(path), "is no picture that can be read, or is damaged");
}

/* ---- decoding ----------------------------------------------------------------------------------------------------------
 */

static enum mgm_status check_size(struct mgm_context *ctx, const char *path, double width, double height)
{
    if (width * height <= IMAGE_FILE_MAX_MEGAPIXELS * 1e6)
        return MGM_OK;
    return mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: is %.0f×%.0f pixels; pictures of at most %d million pixels are read",
                    image_file_name(path), width, height, IMAGE_FILE_MAX_MEGAPIXELS);
}

static int32_t little_endian(const unsigned char *bytes)
{
    return (int32_t)((uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24);
}

/**
 * ImageMagick reads what nobody else does, and far too many kinds: it gets what begins as a BMP does, and nothing else. It
 * decodes at once, so the size is looked up in the header (BITMAPINFOHEADER and its successors; the older one has 16-bit
 * sides).
 */
static enum mgm_status load_bmp(struct mgm_context *ctx, const char *path, VipsSource *source, VipsImage **out)
{
    const unsigned char *start = vips_source_sniff(source, 26);
    size_t size;
    if (!start || memcmp(start, "BM", 2) != 0)
        return image_fail_damaged(ctx, path);
    if (little_endian(start + 14) >= 40)
        TRY(check_size(ctx, path, fabs((double)little_endian(start + 18)), fabs((double)little_endian(start + 22))));
    VipsBlob *blob = vips_source_map_blob(source);
    if (!blob)
        return image_fail_damaged(ctx, path);
    const void *bytes = vips_blob_get(blob, &size);
    const int failed = vips_magickload_buffer((void *)bytes, size, out, "fail_on", VIPS_FAIL_ON_ERROR, "memory", TRUE, NULL);
    vips_area_unref(VIPS_AREA(blob));
    return failed ? image_fail_damaged(ctx, path) : MGM_OK;
}

/** Whether the loader decodes a picture whole, or fails: what it leaves in libvips's list of errors means nothing then. */
static bool decodes_at_once(const char *loader)
{
    return strstr(loader, "Heif") || strstr(loader, "Jxl");
}

/** Whether libvips's list of errors has anything that may have cost pixels: what phones are known to write wrongly has not.
 */
static bool tells_of_damage(const char *list)
{
    static const char harmless[] = "Invalid SOS parameters for sequential JPEG";
    while (*list) {
        const size_t length = strcspn(list, "\n");
        if (length > 0 && !memmem(list, length, harmless, sizeof harmless - 1))
            return true;
        list += length + (list[length] != '\0');
    }
    return false;
}

/** All pixels in memory. @param whole  receives false if the picture may have holes that nobody complained of */
static enum mgm_status decode(struct mgm_context *ctx, const char *path, VipsSource *source, bool *whole, VipsImage **out)
{
    const char *loader = vips_foreign_find_load_source(source);
    *whole = true;
    if (!loader) {
        vips_error_clear();
        return load_bmp(ctx, path, source, out);
    }
    *out = vips_image_new_from_source(source, "", "fail_on", VIPS_FAIL_ON_ERROR, "memory", TRUE, NULL);
    if (!*out)
        return image_fail_damaged(ctx, path);
    /* Only the header has been read: a small file that unfolds to a huge picture is caught here. */
    TRY(check_size(ctx, path, vips_image_get_width(*out), vips_image_get_height(*out)));
    vips_error_clear();
    VipsImage *pixels = vips_image_copy_memory(*out);
    if (image_replace(out, pixels, pixels == NULL) != 0)
        return image_fail_damaged(ctx, path);
    *whole = !tells_of_damage(vips_error_buffer()) || decodes_at_once(loader);
    return MGM_OK;
}

/**
 * Where the end of a file is missing, libvips may fill up with black, and tell nobody but its log and its list of errors,
 * which all threads share. So when anything was logged meanwhile, the picture is decoded again with nobody else reading.
 */
static enum mgm_status decode_whole(struct mgm_context *ctx, const char *path, VipsSource *source, VipsImage **out)
{
    static GRWLock lock;
    bool whole;
    g_rw_lock_reader_lock(&lock);
    const gint before = g_atomic_int_get(&warnings);
    enum mgm_status status = decode(ctx, path, source, &whole, out);
    const bool suspicious = status == MGM_OK && g_atomic_int_get(&warnings) != before;
    g_rw_lock_reader_unlock(&lock);
    if (!suspicious)
        return status;
    image_drop(out);
    g_rw_lock_writer_lock(&lock);
    status = vips_source_rewind(source) == 0 ? decode(ctx, path, source, &whole, out) : image_fail_damaged(ctx, path);
    if (status == MGM_OK && !whole)
        status = image_fail_damaged(ctx, path);
    g_rw_lock_writer_unlock(&lock);
    return status;
}

/* ---- opening -----------------------------------------------------------------------------------------------------------
 */

static enum mgm_status check_readable(struct mgm_context *ctx, const char *path, bool *is_file)
{
    struct stat status;
    const bool standard = strcmp(path, IMAGE_FILE_STANDARD) == 0;
    const char *name = image_file_name(path);
    if ((standard ? fstat(STDIN_FILENO, &status) : stat(path, &status)) != 0)
        return mgm_fail(ctx, MGM_E_IO, "%s: cannot be read: %s", name, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return mgm_fail(ctx, MGM_E_IO, "%s: is a folder, not a picture", name);
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode))
        return mgm_fail(ctx, MGM_E_IO, "%s: is a device, not a picture", name);
    if (!standard && access(path, R_OK) != 0)
        return mgm_fail(ctx, MGM_E_IO, "%s: cannot be read: %s", name, strerror(errno));
    if (S_ISREG(status.st_mode) && status.st_size == 0)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: is empty, not a picture", name);
    *is_file = S_ISREG(status.st_mode);
    return MGM_OK;
}

/** The same source, read whole into memory: what comes through a pipe comes once. */
static VipsSource *hold(VipsSource *pipe)
{
    VipsBlob *blob = vips_source_map_blob(pipe);
    VipsSource *source = blob ? vips_source_new_from_blob(blob) : NULL;
    if (blob)
        vips_area_unref(VIPS_AREA(blob));
    g_object_unref(pipe);
    return source;
}

/* Through a source, not a name: libvips reads options out of names ("a[1].png"). */
static VipsSource *open_source(const char *path, bool is_file)
{
    VipsSource *source = strcmp(path, IMAGE_FILE_STANDARD) == 0 ? vips_source_new_from_descriptor(STDIN_FILENO)
                                                                : vips_source_new_from_file(path);
    return source && !is_file ? hold(source) : source;
}

static int set_upright(VipsImage **image)
{
    IMAGE_STEP(image, vips_autorot);
    return 0;
}

/** A PNM file says itself what is white, which need not be 255 or 65535. */
static int stretch_range(VipsImage **image)
{
    const VipsBandFormat format = vips_image_get_format(*image);
    const int full = format == VIPS_FORMAT_UCHAR ? 255 : format == VIPS_FORMAT_USHORT ? 65535 : 0;
    int white = 0;
    if (!full || !vips_image_get_typeof(*image, "ppm-max-value") ||
        vips_image_get_int(*image, "ppm-max-value", &white) != 0 || white < 1 || white >= full)
        return 0;
    IMAGE_STEP(image, vips_linear1, (double)full / white, 0.5);
    IMAGE_STEP(image, vips_cast, format);
    return 0;
}

enum mgm_status image_open(struct mgm_context *ctx, const char *path, VipsImage **out)
{
    bool is_file = false;
    *out = NULL;
    TRY(image_file_start(ctx));
    TRY(check_readable(ctx, path, &is_file));
    VipsSource *source = open_source(path, is_file);
    if (!source)
        return image_fail_damaged(ctx, path);
    enum mgm_status status = decode_whole(ctx, path, source, out);
    g_object_unref(source);
    if (status == MGM_OK && (stretch_range(out) != 0 || set_upright(out) != 0))
        status = image_fail_damaged(ctx, path);
    if (status != MGM_OK)
        image_drop(out);
    return status;
}
