/**
 * Models by name. Those that come with mgm are files NAME.safetensors, with their cards NAME.md beside them, in $MGM_MODELS
 * (alone, if it is set); else beside the installed program (../share/mgm/models), in the folder it was configured to be
 * installed to, and in the source tree it was built from. Of two with one name the first in this order is meant.
 */
#ifndef MGM_CLI_MODELS_H
#define MGM_CLI_MODELS_H

#include "base/context.h"

/** What is used when none is named. */
#define DEFAULT_MODEL            "small"
#define DEFAULT_FOREGROUND_MODEL "foreground"

/** What --model is for, in every command that takes one. */
#define MODEL_OPTION_HELP "an installed model's name (mgm info lists them), or a weights file (small)"

enum { MODELS_MOST = 64, MODEL_NAME_MOST = 64 };

struct model_names {
    int count;
    char names[MODELS_MOST][MODEL_NAME_MOST];
};

/**
 * What an installed model's card says first, in one line: its first sentence that is no heading.
 * @return text, "" if there is no card
 */
const char *model_card_line(const char *name, char *text, size_t size);

/** All that are installed, matting models or others, sorted. */
void models_list(struct model_names *out);

/**
 * The weights file that is meant.
 * @param named  a word without . and / is the name of an installed model, anything else a path; NULL: DEFAULT_MODEL
 * @param path   receives it
 * @return MGM_E_IO, naming what is installed, if there is no model of that name; a path is not looked at
 */
MGM_MUST_CHECK enum mgm_status model_find(struct mgm_context *ctx, const char *named, char *path, size_t size);

/** The same for DEFAULT_FOREGROUND_MODEL. */
MGM_MUST_CHECK enum mgm_status foreground_model_find(struct mgm_context *ctx, char *path, size_t size);

#endif
