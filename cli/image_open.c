#include "image_open.h"

#include "image_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char DAMAGED[] = "is no picture that can be read, or is damaged";

static const char *const extensions[] = {".png", ".jpg", ".jpeg", ".tif",  ".tiff", ".webp", ".bmp", ".gif",
                                         ".ppm", ".pgm", ".pnm",  ".heic", ".heif", ".avif", ".jxl"};

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

/** ImageMagick reads what nobody else does, and far too many kinds: it gets what begins as a BMP does, and nothing else. */
static VipsImage *load_bmp(VipsSource *source)
{
    VipsImage *image = NULL;
    const unsigned char *start = vips_source_sniff(source, 2);
    if (!start || memcmp(start, "BM", 2) != 0) {
        vips_error_clear();
        return NULL;
    }
    VipsBlob *blob = vips_source_map_blob(source);
    if (!blob)
        return NULL;
    size_t size;
    const void *bytes = vips_blob_get(blob, &size);
    if (vips_magickload_buffer((void *)bytes, size, &image, "fail_on", VIPS_FAIL_ON_ERROR, "memory", TRUE, NULL) != 0)
        image = NULL;
    vips_area_unref(VIPS_AREA(blob)); /* the pixels have been read: ImageMagick decodes at once */
    return image;
}

/* Through a source, not a name: libvips reads options out of names ("a[1].png"). */
static VipsImage *load(const char *path)
{
    VipsSource *source = strcmp(path, IMAGE_FILE_STANDARD) == 0 ? vips_source_new_from_descriptor(STDIN_FILENO)
                                                                : vips_source_new_from_file(path);
    if (!source)
        return NULL;
    VipsImage *image = NULL;
    if (vips_foreign_find_load_source(source)) {
        image = vips_image_new_from_source(source, "", "fail_on", VIPS_FAIL_ON_ERROR, "memory", TRUE, NULL);
    } else {
        vips_error_clear();
        image = load_bmp(source);
    }
    g_object_unref(source);
    return image;
}

static int set_upright(VipsImage **image)
{
    IMAGE_STEP(image, vips_autorot);
    return 0;
}

static enum mgm_status check_readable(struct mgm_context *ctx, const char *path)
{
    struct stat status;
    if (strcmp(path, IMAGE_FILE_STANDARD) == 0)
        return MGM_OK;
    if (stat(path, &status) != 0)
        return mgm_fail(ctx, MGM_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (S_ISDIR(status.st_mode))
        return mgm_fail(ctx, MGM_E_IO, "%s: is a folder, not a picture", path);
    if (access(path, R_OK) != 0)
        return mgm_fail(ctx, MGM_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (S_ISREG(status.st_mode) && status.st_size == 0)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: is empty, not a picture", path);
    return MGM_OK;
}

enum mgm_status image_open(struct mgm_context *ctx, const char *path, VipsImage **out)
{
    *out = NULL;
    TRY(image_file_start(ctx));
    TRY(check_readable(ctx, path));
    VipsImage *image = load(path);
    path = image_file_name(path);
    if (!image)
        return image_fail(ctx, MGM_E_FORMAT, path, DAMAGED);
    /* Only the header has been read: a small file that unfolds to a huge picture is caught here. */
    const int width = vips_image_get_width(image), height = vips_image_get_height(image);
    enum mgm_status status = MGM_OK;
    if ((double)width * height > IMAGE_FILE_MAX_MEGAPIXELS * 1e6)
        status = mgm_fail(ctx, MGM_E_UNSUPPORTED, "%s: is %d×%d pixels; pictures of at most %d million pixels are read",
                          path, width, height, IMAGE_FILE_MAX_MEGAPIXELS);
    else if (set_upright(&image) != 0)
        status = image_fail(ctx, MGM_E_FORMAT, path, DAMAGED);
    if (status != MGM_OK)
        image_drop(&image);
    *out = image;
    return status;
}

/** With nobody else reading, what stands in libvips's list of errors afterwards is about this picture. */
static enum mgm_status read_alone(struct mgm_context *ctx, const char *path, image_reader read, image_releaser release,
                                  void *out)
{
    vips_error_clear();
    TRY(read(ctx, path, out));
    if (!vips_error_buffer()[0])
        return MGM_OK;
    release(out);
    return image_fail(ctx, MGM_E_FORMAT, image_file_name(path), DAMAGED);
}

enum mgm_status image_read_whole(struct mgm_context *ctx, const char *path, image_reader read, image_releaser release,
                                 void *out)
{
    static GRWLock lock;
    enum mgm_status status = MGM_OK;
    TRY(image_file_start(ctx));
    bool alone = strcmp(path, IMAGE_FILE_STANDARD) == 0; /* which cannot be read twice */
    if (!alone) {
        g_rw_lock_reader_lock(&lock);
        const gint before = g_atomic_int_get(&warnings);
        status = read(ctx, path, out);
        alone = status == MGM_OK && g_atomic_int_get(&warnings) != before; /* of this picture, or of somebody else's */
        g_rw_lock_reader_unlock(&lock);
        if (alone)
            release(out);
    }
    if (alone) {
        g_rw_lock_writer_lock(&lock);
        status = read_alone(ctx, path, read, release, out);
        g_rw_lock_writer_unlock(&lock);
    }
    return status;
}
