/** What struct mgm_synth_library holds: for the files of this folder. */
#ifndef MGM_SYNTH_LIBRARY_H
#define MGM_SYNTH_LIBRARY_H

#include "synth/strands.h"
#include "synth/synth.h"

enum { SYNTH_PHOTO_SIDE = 1024, SYNTH_CARD_SIDE = 1024, SYNTH_NAME_MAX = 64 };

struct picture_list {
    int count;
    struct mgm_bitmap *pictures;
    char (*names)[SYNTH_NAME_MAX]; /* file names, for telling kinds apart */
};

struct mgm_synth_library {
    struct picture_list photos;    /* RGB, long side at most SYNTH_PHOTO_SIDE */
    struct picture_list cards;     /* RGBA */
    struct picture_list particles; /* RGBA */
    struct picture_list objects;   /* RGBA */
    int strand_count;
    struct mgm_strands *strands;
    char (*strand_names)[SYNTH_NAME_MAX];
};

#endif
