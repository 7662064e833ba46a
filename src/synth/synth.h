/**
 * Drawn foregrounds: pictures whose alpha and colour are exact because they are rendered, from a seed.
 * Everything returned is straight (not premultiplied): colour is meaningful wherever alpha > 0, and continued smoothly beyond.
 */
#ifndef MGM_SYNTH_SYNTH_H
#define MGM_SYNTH_SYNTH_H

#include "image/image.h"

/** Families of foregrounds. Each has its own file in this folder. */
enum mgm_synth_kind {
    MGM_SYNTH_GROOM,      /* hair or fur from the strand files, over a body that it grows from */
    MGM_SYNTH_FUR,        /* a body covered with generated fur: plush, animals */
    MGM_SYNTH_HAIR,       /* head-and-shoulders silhouettes with generated hair: straight, wavy, curly, fly-aways */
    MGM_SYNTH_SOLID,      /* smooth silhouettes with sharp, defocused or motion-blurred edges, and holes */
    MGM_SYNTH_PLANT,      /* foliage, grass, branches */
    MGM_SYNTH_LATTICE,    /* nets, lace, fences, baskets */
    MGM_SYNTH_FEATHER,    /* feathers, thistle, dandelion */
    MGM_SYNTH_GLASS,      /* partial coverage: glass-like, veils, smoke around a body */
    MGM_SYNTH_CARD,       /* the hair cards and particles of the data folder */
    MGM_SYNTH_OBJECT,     /* the photographed objects of the data folder */
    MGM_SYNTH_KIND_COUNT,
};

/** What the kinds are called, by their number; NULL follows. */
extern const char *const mgm_synth_kind_names[MGM_SYNTH_KIND_COUNT + 1];

/** What drawing draws on: photographs for colours, strand files, cards, particles, objects. Loaded once, then read only. */
struct mgm_synth_library;

/**
 * @param folder  holds photos/, strands/, cards/, particles/, objects/; one that is absent is done without (kinds that need
 *                it are not drawn), photos/ excepted
 */
MGM_MUST_CHECK enum mgm_status mgm_synth_library_load(struct mgm_context *ctx, const char *folder, mgm_read_picture read,
                                                      struct mgm_synth_library **out);
/**
 * Which of the strands, cards, particles and objects a library has: every third of each (index 2, 5, … by name) is held out. What is
 * drawn from the held-out part nothing has been trained on that was drawn from the other.
 */
enum mgm_synth_part {
    MGM_SYNTH_WHOLE,
    MGM_SYNTH_TRAINING, /* without what is held out; with all photographs, which whoever lays foregrounds over them divides */
    MGM_SYNTH_HELD_OUT, /* only that, and only the held-out photographs */
};

/** As mgm_synth_library_load(), which loads the whole: only a part of it. Of another part nothing is read. */
MGM_MUST_CHECK enum mgm_status mgm_synth_library_load_part(struct mgm_context *ctx, const char *folder,
                                                           enum mgm_synth_part part, mgm_read_picture read,
                                                           struct mgm_synth_library **out);

/** How many of what there is one is held out of: the last one of so many; where there are fewer, the last one of all. */
enum { MGM_PHOTOS_HELD_OUT = 12, MGM_MATERIALS_HELD_OUT = 3 };

/** @param every  one of the above, or another number of that kind @param count  how many there are */
bool mgm_is_held_out(int index, int count, int every);

void mgm_synth_library_destroy(struct mgm_synth_library **library);

typedef enum mgm_status (*mgm_synth_write_picture)(void *argument, struct mgm_context *ctx, const char *path,
                                                   const struct mgm_bitmap *picture);
/**
 * Writes the library's pictures, shrunk as it keeps them, into photos/ (.jpg), cards/, particles/ and objects/ (.png) of a
 * folder, which must be there. Loaded from there, a library draws the same, but for what JPEG takes from the photographs.
 */
MGM_MUST_CHECK enum mgm_status mgm_synth_library_write(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                                       const char *folder, mgm_synth_write_picture write, void *argument);

/** The photographs (RGB), for backgrounds. Borrowed. */
int mgm_synth_library_photo_count(const struct mgm_synth_library *library);
const struct mgm_bitmap *mgm_synth_library_photo(const struct mgm_synth_library *library, int index);

struct mgm_foreground {
    enum mgm_synth_kind kind;
    struct mgm_bitmap colour; /* RGB [size, size], straight */
    struct mgm_bitmap alpha;  /* [size, size] */
};

/**
 * Draws foreground number `index` of the series `seed`: the same one on every call and thread.
 * @param size  height and width in pixels, 64 … 2048
 * @param kind  MGM_SYNTH_KIND_COUNT: drawn at random
 */
MGM_MUST_CHECK enum mgm_status mgm_synth_draw(struct mgm_context *ctx, const struct mgm_synth_library *library, uint64_t seed,
                                              uint64_t index, enum mgm_synth_kind kind, int size,
                                              struct mgm_foreground *out);

/** A background that is drawn too: far out of focus. @param out  RGB [size, size], allocated here */
MGM_MUST_CHECK enum mgm_status mgm_synth_backdrop(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                                  uint64_t seed, uint64_t index, int size, struct mgm_bitmap *out);
void mgm_foreground_release(struct mgm_foreground *foreground);

#endif
