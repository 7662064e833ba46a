/* A folder of made-up photographs, enough to draw foregrounds from and to hold some out. */
#ifndef MGM_TESTS_SAMPLE_FIXTURE_H
#define MGM_TESTS_SAMPLE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/context.h"
#include "synth/synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PHOTOS = 24 };

struct fixture {
    char folder[64];
    struct mgm_context ctx;
    struct mgm_synth_library *library;
    struct mgm_foreground_store *store;
};

/* A pattern of its own for each file name. */
static enum mgm_status read_made_up(struct mgm_context *ctx, const char *path, int channels, struct mgm_bitmap *out)
{
    unsigned salt = 17;
    for (const char *c = strrchr(path, '/'); *c; c++)
        salt = salt * 31 + (unsigned char)*c;
    TRY(mgm_bitmap_create(ctx, 220, 180, channels, out));
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            for (int c = 0; c < channels; c++)
                out->data[(y * out->width + x) * channels + c] =
                    (uint8_t)(salt * (unsigned)(c + 1) + (unsigned)x * (salt % 3) + (unsigned)(y / 16 * 40));
    return MGM_OK;
}

static inline void photo_path(const struct fixture *f, int index, char path[128])
{
    snprintf(path, 128, "%s/photos/p%02d.jpg", f->folder, index);
}

static inline int fixture_create(struct fixture **out)
{
    struct fixture *f = calloc(1, sizeof *f);
    char path[128];
    if (!f)
        return -1;
    strcpy(f->folder, "/tmp/mgm-sample-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    snprintf(path, sizeof path, "%s/photos", f->folder);
    mkdir(path, 0700);
    for (int i = 0; i < PHOTOS; i++) {
        photo_path(f, i, path);
        FILE *file = fopen(path, "wb");
        if (!file)
            return -1;
        fclose(file);
    }
    f->ctx.threads = 1;
    *out = f;
    return mgm_synth_library_load(&f->ctx, f->folder, read_made_up, &f->library) == MGM_OK ? 0 : -1;
}

static inline int fixture_destroy(struct fixture *f)
{
    char path[128];
    mgm_synth_library_destroy(&f->library);
    for (int i = 0; i < PHOTOS; i++) {
        photo_path(f, i, path);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/photos", f->folder);
    rmdir(path);
    rmdir(f->folder);
    free(f);
    return 0;
}

#endif
