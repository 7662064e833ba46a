/**
 * mgm: mask guided matting (Yu et al., CVPR 2021).
 *
 * A photo and a rough mask go in; the alpha matte comes out.
 *
 *     struct mgm_context *ctx = NULL;
 *     struct mgm_model *model = NULL;
 *     struct mgm_session *session = NULL;
 *     if (mgm_context_create(&ctx) == MGM_OK &&
 *         mgm_model_load(ctx, "small.safetensors", &model) == MGM_OK &&
 *         mgm_session_create(ctx, model, &session) == MGM_OK) {
 *         struct mgm_matte_settings settings = mgm_matte_settings_defaults();
 *         struct mgm_matte_report report;
 *         if (mgm_matte(session, &photo, &mask, &settings, alpha, &report) == MGM_OK)
 *             puts("alpha is the matte");
 *     }
 *     puts(mgm_context_error(ctx));          // "" if all went well
 *     mgm_session_destroy(&session);
 *     mgm_model_destroy(&model);
 *     mgm_context_destroy(&ctx);
 *
 * Rules that hold everywhere:
 * - A function that can fail returns enum mgm_status; the sentence that says what was wrong, with what, and what was
 *   expected, is then in mgm_context_error().
 * - The library never prints, exits or aborts and has no global state. A context and everything made from it belong to one
 *   thread at a time; different contexts may be used in different threads at once. A loaded model belongs to none: sessions of
 *   several contexts, in as many threads, may share it, and it may outlive the context that loaded it.
 * - destroy functions take the address of the handle, accept NULL in it, and set it to NULL.
 */
#ifndef MGM_H
#define MGM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MGM_API __attribute__((visibility("default")))
#define MGM_MUST_CHECK __attribute__((warn_unused_result))
#else
#define MGM_API
#define MGM_MUST_CHECK
#endif

#define MGM_VERSION "0.1.0"

enum mgm_status {
    MGM_OK = 0,
    MGM_E_NOMEM,       /* memory ran out */
    MGM_E_INVALID,     /* an argument or a setting is outside its range */
    MGM_E_IO,          /* a file cannot be opened, read or written */
    MGM_E_FORMAT,      /* a file is not what it should be: truncated, malformed, of another kind */
    MGM_E_SHAPE,       /* sizes that must agree do not */
    MGM_E_UNSUPPORTED, /* well-formed, but not something this build can do */
    MGM_E_BACKEND,     /* the compute library failed */
};

/* ---- context: messages and resources ------------------------------------------------------------------------------- */

struct mgm_context;

MGM_MUST_CHECK MGM_API enum mgm_status mgm_context_create(struct mgm_context **out);
MGM_API void mgm_context_destroy(struct mgm_context **ctx);

/** The sentence of the last failure, "" if there was none. Borrowed; valid until the next call that uses ctx. ctx may be NULL: it could not be made. */
MGM_API const char *mgm_context_error(const struct mgm_context *ctx);

/** Threads used by computations, 1024 at most; 0 (the default): one per processor core that the process may use. */
MGM_API void mgm_context_set_threads(struct mgm_context *ctx, int threads);

/**
 * Memory that mgm_matte() may take for one photo, in bytes, an estimate: the network, its copies of the weights and all planes, but not what the
 * caller holds (photo, mask, alpha). 0 (the default): half of the machine's. What does not fit in one piece is computed in
 * panes.
 */
MGM_API void mgm_context_set_max_memory(struct mgm_context *ctx, size_t bytes);

/**
 * Where sessions that are created from now on compute: "cpu" (the default), "cuda" or "cuda:N" (N counts from 0).
 * @return MGM_E_INVALID for any other name; that a device is not there, or not built in, is told by mgm_session_create()
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_context_set_device(struct mgm_context *ctx, const char *device);

/**
 * In what the network computes from now on: "f32", "bf16", "int8", or "auto" (the default): mgm_matte() in bf16 where the
 * processor multiplies it natively, else, and for `reference`, in f32; mgm_forward() in f32. Sums and mattes are f32 always. 8 bit is for
 * quantized weights (mgm quantize); with others, a session takes the ranges that it needs from its first photo. Other devices than
 * the CPU compute in f32.
 * @return MGM_E_INVALID for any other name; that the processor lacks what was asked for is told by the first call that computes
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_context_set_precision(struct mgm_context *ctx, const char *precision);

/* ---- pictures ------------------------------------------------------------------------------------------------------- */

/** Pixels that the caller owns: interleaved, row by row, sRGB or grey, 8 or 16 bit (host byte order). */
struct mgm_image {
    int width, height; /* 1 … 1048576 */
    int channels;      /* photo: 3 (RGB); mask: 1 */
    int bits;          /* 8 or 16 */
    size_t stride;     /* bytes from one row to the next; 16 bit: even, as the address of pixels is */
    const void *pixels;
};

/* ---- model: weights and what they are -------------------------------------------------------------------------------- */

struct mgm_model;

struct mgm_model_facts {
    double width;        /* 1 is the paper's network; inner channel counts scale with it */
    size_t parameters;   /* values, spectral-norm vectors included, batch-norm statistics not */
    const char *name;    /* from the metadata, or the file's name; borrowed from the model */
    const char *license; /* from the metadata, or ""; borrowed from the model */
};

/**
 * Reads weights of the matting network from a safetensors file, from a set of them (path is that of its index,
 * NAME.safetensors.index.json), or from a checkpoint of PyTorch's, of which nothing is executed (32- or 16-bit floats).
 * Without metadata the width is inferred from the shapes.
 * @return MGM_E_IO; MGM_E_FORMAT (none of these, truncated, shards that do not fit together, a width that is none);
 *         MGM_E_SHAPE (another architecture, or values that cannot be: the message names the first offending tensor);
 *         MGM_E_UNSUPPORTED (the metadata name another architecture, or the checkpoint asks for more than tensors)
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_model_load(struct mgm_context *ctx, const char *path, struct mgm_model **out);
MGM_API void mgm_model_destroy(struct mgm_model **model);
MGM_API struct mgm_model_facts mgm_model_facts(const struct mgm_model *model);

/* ---- session: a model made ready to run ------------------------------------------------------------------------------ */

struct mgm_session;

/**
 * @param ctx    borrowed, like
 * @param model  both must outlive the session
 * @return MGM_E_UNSUPPORTED if the context's device is not there, or this build knows none of its kind
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_session_create(struct mgm_context *ctx, const struct mgm_model *model,
                                                          struct mgm_session **out);
MGM_API void mgm_session_destroy(struct mgm_session **session);

/** What the mask says (§4: the same network takes all of them). */
enum mgm_guidance {
    MGM_GUIDANCE_AUTO,      /* all within 8 (of 255) of either end: MASK; besides these only 127 … 129: TRIMAP; else ALPHA */
    MGM_GUIDANCE_MASK,      /* at or above half of the range: foreground */
    MGM_GUIDANCE_ALPHA,     /* a soft matte, taken as it is */
    MGM_GUIDANCE_TRIMAP,    /* 0 background, 128 (8 bit) unknown = 0.5, 255 foreground */
    MGM_GUIDANCE_TRIMAP_FG, /* a trimap of which only the certain foreground is used, as a mask */
};

/** "mask", "trimap-fg", … ; "auto" for MGM_GUIDANCE_AUTO. */
MGM_API const char *mgm_guidance_name(enum mgm_guidance guidance);

/** How a photo is put before the network, whose field of view is small against the things in a large photo. */
enum mgm_method {
    MGM_METHOD_AUTO,    /* PYRAMID above 0.33 megapixels (3 if guided by a trimap or a soft matte), else, and for `reference`,
                           PIECE; PANES where PIECE would not fit into memory */
    MGM_METHOD_PIECE,   /* as it is, in one piece, as the paper does */
    MGM_METHOD_PANES,   /* in overlapping panes whose results agree with one piece's to about 1/255 (docs/large.md) */
    MGM_METHOD_PYRAMID, /* made smaller (0.26 megapixels) first; that matte guides panes of the photo where it is uncertain */
};

/** "auto", "piece", "panes", "pyramid". */
MGM_API const char *mgm_method_name(enum mgm_method method);

struct mgm_matte_settings {
    enum mgm_guidance guidance;
    enum mgm_method method;
    int dilate_os4; /* size of the ellipse that widens the uncertain region, stride 8 → 4: 1 … 255, default 15 (§3.1) */
    int dilate_os1; /* the same, stride 4 → 1; default 7 */
    /* As the published code does it: AUTO means MASK, 32 more reflected pixels on every side, alpha in steps of 1/255,
       truncated. Default false. */
    bool reference;
    bool largest_component; /* keep only the largest 8-connected part of alpha > 0.05; for portraits. Default false. */
};

MGM_API struct mgm_matte_settings mgm_matte_settings_defaults(void);

struct mgm_matte_report {
    enum mgm_guidance guidance; /* what was decided, never AUTO */
    double uncertain_os4;       /* share of the photo's pixels refined at stride 4, 0 … 1 */
    double uncertain_os1;       /* and at stride 1 */
    double network_seconds;     /* from the prepared network input to the fused matte */
    enum mgm_method method; /* what was decided, never AUTO */
    int panes;              /* parts of the photo that the network saw, those of smaller copies included */
    int network_width, network_height; /* of the padded photo, or of each part, that the network saw */
    bool calibrated; /* "int8" with weights that were not quantized: their ranges were found on this photo, which took time */
};

/**
 * Computes the alpha matte of photo along mask.
 * Source: §3.1 (progressive refinement, Eq. 2–3).
 * @param photo   RGB, 8 or 16 bit, any size from 1×1
 * @param mask    one channel, the photo's size, any guidance; must not be empty (all background)
 * @param settings  must be there: mgm_matte_settings_defaults() makes them
 * @param alpha   caller-allocated; f32 [height, width], 0 … 1
 * @param report  may be NULL
 * @return MGM_E_SHAPE if the sizes differ; MGM_E_INVALID for an empty mask, a picture or settings out of range;
 *         MGM_E_FORMAT if the weights give values that are not finite; MGM_E_NOMEM, too, if the photo does not fit into what
 *         mgm_context_set_max_memory() allows. On error alpha and report are unspecified.
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_matte(struct mgm_session *session, const struct mgm_image *photo,
                                                 const struct mgm_image *mask, const struct mgm_matte_settings *settings,
                                                 float *alpha, struct mgm_matte_report *report);

/**
 * Makes a session ready for photos of a size, while these are still being read, say: mgm_matte() does by itself what has not been done
 * before, and keeps it for the next photo of the same size. May be called in another thread, as long as that has ctx to itself.
 * @param settings  as mgm_matte() will get them, never NULL; guidance AUTO is taken for a mask
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_session_make_ready(struct mgm_session *session, int width, int height,
                                                              const struct mgm_matte_settings *settings);

/** The network's answers to one batch, all f32 or u8 [n, 1, h, w], caller-allocated. Any pointer may be NULL. */
struct mgm_forward_result {
    float *alpha_os8, *alpha_os4, *alpha_os1;  /* the three heads, upsampled, (tanh + 1) / 2 */
    uint8_t *unknown_os4, *unknown_os1;        /* 1 where the coarser matte is uncertain (Eq. 2), dilated */
    float *alpha;                              /* fused (Eq. 3) */
    double network_seconds;
};

/**
 * Runs the bare network, unpadded, with the default dilations.
 * @param image     f32 [n, 3, h, w], RGB in [0, 1] normalised with ImageNet's mean and standard deviation
 * @param guidance  f32 [n, 1, h, w] in [0, 1]
 * @param result    the struct itself must be there
 * @return MGM_E_SHAPE unless h and w are multiples of 32 and n is at least 1; else as mgm_matte()
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_forward(struct mgm_session *session, int n, int h, int w, const float *image,
                                                   const float *guidance, struct mgm_forward_result *result);

/* ---- foreground colours ----------------------------------------------------------------------------------------------- */

/**
 * Reads weights of the colour network (§3.2), as mgm_model_load() reads those of the matting network.
 * @return MGM_E_UNSUPPORTED if the metadata do not name this architecture
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_foreground_model_load(struct mgm_context *ctx, const char *path,
                                                                 struct mgm_model **out);

struct mgm_foreground_session;

/**
 * Colours are computed on the CPU, whatever the context's device is, and not in 8 bit.
 * @param model  of mgm_foreground_model_load(); borrowed, must outlive the session. NULL: no network, but a classical estimate
 *               (that of Germer et al. 2020, "Fast Multi-Level Foreground Estimation", gone further to its minimum)
 * @return MGM_E_INVALID for a model of the matting network
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_foreground_session_create(struct mgm_context *ctx, const struct mgm_model *model,
                                                                     struct mgm_foreground_session **out);
MGM_API void mgm_foreground_session_destroy(struct mgm_foreground_session **session);

/** How colours are estimated without a model. */
enum mgm_foreground_method {
    MGM_FOREGROUND_FAST,        /* multi-level estimation, gone further to its minimum than was published */
    MGM_FOREGROUND_MULTI_LEVEL, /* the same as it was published */
    MGM_FOREGROUND_FINE,        /* the first, and then what varies is divided by how much foreground and background vary nearby */
};

struct mgm_foreground_settings {
    bool keep_hidden; /* photo's own values where alpha is 0, instead of black. Default false */
    enum mgm_foreground_method method; /* without a model. Default MGM_FOREGROUND_FAST */
};

MGM_API struct mgm_foreground_settings mgm_foreground_settings_defaults(void);

struct mgm_foreground_report {
    double mixed;    /* share of the pixels with alpha between 0 and 1, 0 … 1 */
    double computed; /* pixels that the network computed, margins included, for each of the photo's; 0 without one */
    double seconds;
};

/**
 * Removes the old background from a photo's colours: F of alpha · F + (1 − alpha) · B = photo, on values as they are encoded.
 * Source: §3.2. Where alpha is 1 the photo's own values are kept; where it is 0 they are cleared, so that nobody finds the
 * background in a file whose alpha hides it.
 * @param photo    RGB, 8 or 16 bit, any size from 1×1, of any RGB colour space
 * @param alpha    f32 [height, width], 0 … 1; round it to the steps of the file first, as only exactly 0 and 1 count as hidden and opaque
 * @param colours  caller-allocated; RGB, the photo's bits, rows without gaps; not the photo's own pixels
 * @param settings NULL: the defaults
 * @param report   may be NULL
 * @return MGM_E_INVALID for a picture out of range, alpha that is none; MGM_E_FORMAT if the weights give values that are not finite;
 *         MGM_E_NOMEM. On error colours and report are unspecified.
 */
MGM_MUST_CHECK MGM_API enum mgm_status mgm_foreground(struct mgm_foreground_session *session, const struct mgm_image *photo,
                                                      const float *alpha, const struct mgm_foreground_settings *settings,
                                                      void *colours, struct mgm_foreground_report *report);

#ifdef __cplusplus
}
#endif
#endif
