/**
 * Pages that need nothing but themselves: text, tables, pictures and charts in one HTML file, without scripts. A page is built
 * in memory and appears as a file when it is whole.
 */
#ifndef MGM_CLI_HTML_H
#define MGM_CLI_HTML_H

#include "image/image.h"

#include <glib.h>

void html_begin(GString *page, const char *title);
void html_end(GString *page);

/** Text that may come from outside: what means something to HTML does so no longer, what is not UTF-8 is replaced. */
void html_text(GString *page, const char *text);

/** Formatted, as HTML: arguments must be harmless. */
void html_add(GString *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * A picture with a caption, as JPEG within the page.
 * @param side  it is scaled down to this longer side
 */
MGM_MUST_CHECK enum mgm_status html_picture(struct mgm_context *ctx, GString *page, const struct mgm_bitmap *picture,
                                            int side, const char *caption);

struct html_series {
    const char *name;
    int count;
    const double *x, *y; /* x ascending; points whose y is NaN, or not above 0 on a logarithmic axis, are left out */
};

enum { HTML_SERIES_MAX = 8 };

/** Lines over one axis, as SVG. Many points become means of neighbours. */
void html_chart(GString *page, const char *title, const struct html_series *series, int count, bool logarithmic);

/** @return MGM_E_IO */
MGM_MUST_CHECK enum mgm_status html_write(struct mgm_context *ctx, const GString *page, const char *path);

#endif
