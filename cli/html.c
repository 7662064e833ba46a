#include "html.h"

#include "image_open.h"

#include "image/resize.h"
#include "weights/output_file.h"

static const char style[] =
    ":root{color-scheme:light dark;--line:#8884;--dim:#777;--bar:#8882}"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1200px;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin:2.2rem 0 .5rem;border-bottom:1px solid var(--line)}"
    "p{margin:.3rem 0}.dim{color:var(--dim)}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0}"
    "th,td{padding:.15rem .8rem;text-align:right;border-bottom:1px solid var(--line)}"
    "th:first-child,td:first-child{text-align:left}tr.published td{color:var(--dim)}tr.itself td{color:var(--dim)}"
    "tr.itself td:first-child{padding-left:2rem}"
    ".row{display:flex;overflow-x:auto;gap:.6rem;margin:.4rem 0 1.4rem}"
    "figure{margin:0;min-width:5rem}figure img{display:block;max-width:100%;height:auto;box-sizing:border-box;border:1px solid var(--line)}"
    "figcaption{font-size:.8rem;color:var(--dim)}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(480px,1fr));gap:1rem}"
    ".chart{width:100%;height:auto;background:var(--bar);border-radius:6px}"
    ".chart text{font-size:11px;fill:currentColor}.chart .title{font-size:13px;font-weight:600}"
    ".chart .grid{stroke:var(--line);stroke-width:1}.chart polyline{fill:none;stroke-width:1.6}";

void html_add(GString *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_string_append_vprintf(page, format, arguments);
    va_end(arguments);
}

void html_text(GString *page, const char *text)
{
    char *valid = g_utf8_make_valid(text, -1), *escaped = g_markup_escape_text(valid, -1);
    g_string_append(page, escaped);
    g_free(escaped);
    g_free(valid);
}

void html_begin(GString *page, const char *title)
{
    html_add(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    html_text(page, title);
    html_add(page, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    html_text(page, title);
    html_add(page, "</h1>\n");
}

void html_end(GString *page)
{
    html_add(page, "</body>\n</html>\n");
}

static enum mgm_status encode(struct mgm_context *ctx, const struct mgm_bitmap *picture, char **text)
{
    void *bytes = NULL;
    size_t size = 0;
    const size_t length = (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels;
    TRY(image_file_start(ctx));
    VipsImage *image = vips_image_new_from_memory(picture->data, length, picture->width, picture->height, picture->channels,
                                                  VIPS_FORMAT_UCHAR);
    const int failed = !image || vips_jpegsave_buffer(image, &bytes, &size, "Q", 85, NULL);
    image_drop(&image);
    if (failed)
        return image_fail(ctx, MGM_E_IO, "a picture of a page", "cannot be encoded");
    *text = g_base64_encode(bytes, size);
    g_free(bytes);
    return MGM_OK;
}

enum mgm_status html_picture(struct mgm_context *ctx, GString *page, const struct mgm_bitmap *picture, int side,
                             const char *caption)
{
    const int longer = picture->width > picture->height ? picture->width : picture->height;
    struct mgm_bitmap smaller = {0};
    char *text = NULL;
    if (longer > side) {
        const int width = picture->width * side / longer, height = picture->height * side / longer;
        TRY(mgm_resize_bitmap(ctx, picture, width > 0 ? width : 1, height > 0 ? height : 1, &smaller));
        picture = &smaller;
    }
    const enum mgm_status status = encode(ctx, picture, &text);
    if (status == MGM_OK) {
        html_add(page, "<figure><img width=\"%d\" height=\"%d\" alt=\"", picture->width, picture->height);
        html_text(page, caption);
        html_add(page, "\" src=\"data:image/jpeg;base64,%s\"><figcaption>", text);
        html_text(page, caption);
        html_add(page, "</figcaption></figure>\n");
    }
    g_free(text);
    mgm_bitmap_release(&smaller);
    return status;
}

enum mgm_status html_write(struct mgm_context *ctx, const GString *page, const char *path)
{
    struct mgm_output_file file;
    TRY(mgm_output_file_open(ctx, path, &file));
    enum mgm_status status = mgm_output_file_write(&file, page->str, page->len);
    if (status == MGM_OK)
        return mgm_output_file_finish(&file);
    mgm_output_file_discard(&file);
    return status;
}
