/** Foregrounds that are drawn into a cache, with several threads. For store.c. */
#ifndef MGM_TRAIN_STORE_DRAW_H
#define MGM_TRAIN_STORE_DRAW_H

#include "train/cache.h"

/**
 * Draws what is missing.
 * @return MGM_E_FORMAT if what is there was drawn from other photographs or by another version of the program
 */
MGM_MUST_CHECK enum mgm_status mgm_store_draw(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                              const struct mgm_foreground_store_settings *settings,
                                              struct mgm_foreground_cache *cache);

#endif
