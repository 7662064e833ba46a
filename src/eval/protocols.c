#include "eval/protocols.h"

#include <stddef.h>
#include <string.h>

#define TRIMAPS                                                                                                             \
    {"trimap-fg", MGM_FROM_TRIMAP, MGM_GUIDANCE_TRIMAP_FG, {0}},                                                            \
    {                                                                                                                       \
        "trimap", MGM_FROM_TRIMAP, MGM_GUIDANCE_TRIMAP,                                                                     \
        {                                                                                                                   \
            0                                                                                                               \
        }                                                                                                                   \
    }
#define MASK(title, kind, size)                                                                                             \
    {                                                                                                                       \
        title, MGM_FROM_MASK, MGM_GUIDANCE_MASK,                                                                            \
        {                                                                                                                   \
            kind, size                                                                                                      \
        }                                                                                                                   \
    }
#define ALPHA(title, kind, size)                                                                                            \
    {                                                                                                                       \
        title, MGM_FROM_ALPHA, MGM_GUIDANCE_MASK,                                                                           \
        {                                                                                                                   \
            kind, size                                                                                                      \
        }                                                                                                                   \
    }

const struct mgm_protocol mgm_protocols[] = {
    {
        .name = "composition-1k",
        .title = "Composition-1k, 50 foregrounds over 20 backgrounds each (§4, Table 1)",
        .layout = MGM_LAYOUT_COMPOSITION,
        .needs_trimap = true,
        .guidances = {TRIMAPS},
        .regions = {MGM_REGION_UNKNOWN, MGM_REGION_WHOLE},
        .region_count = 2,
    },
    {
        .name = "distinction-646",
        .title = "Distinction-646, trimaps from the true mattes, dilated by 20 (§4, Table 2)",
        .layout = MGM_LAYOUT_DISTINCTION,
        .trimap_size = 20,
        .guidances = {TRIMAPS},
        .regions = {MGM_REGION_UNKNOWN, MGM_REGION_WHOLE},
        .region_count = 2,
    },
    {
        .name = "portrait",
        .title = "Real-world portraits, with masks also eroded and dilated (§5, Table 5)",
        .needs_mask = true,
        .needs_detail = true,
        .guidances = {MASK("mask", MGM_DERIVE_ERODED, 0), MASK("eroded10", MGM_DERIVE_ERODED, 10),
                      MASK("eroded20", MGM_DERIVE_ERODED, 20), MASK("eroded30", MGM_DERIVE_ERODED, 30),
                      MASK("dilated10", MGM_DERIVE_DILATED, 10), MASK("dilated20", MGM_DERIVE_DILATED, 20),
                      MASK("dilated30", MGM_DERIVE_DILATED, 30)},
        .regions = {MGM_REGION_WHOLE, MGM_REGION_DETAIL},
        .region_count = 2,
    },
    {
        .name = "portrait-720",
        .title = "Real-world portraits, scaled to a longer side of 720 (§5)",
        .needs_mask = true,
        .needs_detail = true,
        .longer_side = 720,
        .guidances = {MASK("mask", MGM_DERIVE_ERODED, 0)},
        .regions = {MGM_REGION_WHOLE, MGM_REGION_DETAIL},
        .region_count = 2,
    },
    {
        .name = "alphamatting",
        .title = "alphamatting.com, the photographs whose true mattes are known",
        .needs_trimap = true,
        .guidances = {TRIMAPS, ALPHA("coarse16", MGM_DERIVE_COARSE, 16), ALPHA("eroded10", MGM_DERIVE_ERODED, 10),
                      ALPHA("dilated10", MGM_DERIVE_DILATED, 10), ALPHA("dilated20", MGM_DERIVE_DILATED, 20)},
        .regions = {MGM_REGION_UNKNOWN, MGM_REGION_WHOLE},
        .region_count = 2,
    },
    {
        .name = "folders",
        .title = "Your own photos, with masks or trimaps where there are some",
        .trimap_size = 20,
        .guidances = {TRIMAPS, MASK("mask", MGM_DERIVE_ERODED, 0), ALPHA("coarse16", MGM_DERIVE_COARSE, 16),
                      ALPHA("eroded10", MGM_DERIVE_ERODED, 10), ALPHA("dilated10", MGM_DERIVE_DILATED, 10)},
        .regions = {MGM_REGION_UNKNOWN, MGM_REGION_WHOLE},
        .region_count = 2,
    },
    {0},
};

const struct mgm_protocol *mgm_protocol_named(const char *name)
{
    for (const struct mgm_protocol *protocol = mgm_protocols; protocol->name; protocol++)
        if (!strcmp(protocol->name, name))
            return protocol;
    return NULL;
}

int mgm_protocol_guidance_count(const struct mgm_protocol *protocol)
{
    int count = 0;
    while (count < MGM_PROTOCOL_GUIDANCES && protocol->guidances[count].name)
        count++;
    return count;
}

#define COMPOSITION         "composition-1k", MGM_REGION_UNKNOWN
#define DISTINCTION         "distinction-646", MGM_REGION_UNKNOWN
#define PORTRAIT            "portrait", MGM_REGION_WHOLE
#define PORTRAIT_DETAIL     "portrait", MGM_REGION_DETAIL
#define PORTRAIT_720        "portrait-720", MGM_REGION_WHOLE
#define PORTRAIT_720_DETAIL "portrait-720", MGM_REGION_DETAIL

const struct mgm_published mgm_published[] = {
    {COMPOSITION, "Learning Based Matting", {113.9, 48, 91.6, 122.2}, NULL},
    {COMPOSITION, "Closed-Form Matting", {168.1, 91, 126.9, 167.9}, NULL},
    {COMPOSITION, "KNN Matting", {175.4, 103, 124.1, 176.4}, NULL},
    {COMPOSITION, "Deep Image Matting", {50.4, 14, 31.0, 50.8}, NULL},
    {COMPOSITION, "IndexNet Matting", {45.8, 13, 25.9, 43.7}, NULL},
    {COMPOSITION, "AdaMatting", {41.7, 10.2, 16.9, -1}, NULL},
    {COMPOSITION, "Context-Aware Matting", {35.8, 8.2, 17.3, 33.2}, NULL},
    {COMPOSITION, "GCA Matting", {35.3, 9.1, 16.9, 32.5}, NULL},
    {COMPOSITION, "the paper, trimap-fg", {31.5, 6.8, 13.5, 27.3}, "trimap-fg"},
    {COMPOSITION, "the paper, trimap", {32.1, 7.0, 14.0, 27.9}, "trimap"},
    {COMPOSITION, "its released weights, trimap-fg", {31.76, 7.18, 13.41, 27.83}, "trimap-fg"},
    {"composition-1k", MGM_REGION_WHOLE, "the paper's PRN, trimap (Table 4)", {32.3, 2.5, -1, -1}, "trimap"},

    {DISTINCTION, "Deep Image Matting", {48.73, 11.2, 42.60, 49.55}, NULL},
    {DISTINCTION, "  refined by the paper", {36.58, 7.2, 27.37, 35.08}, NULL},
    {DISTINCTION, "IndexNet Matting", {46.95, 9.4, 40.56, 46.80}, NULL},
    {DISTINCTION, "  refined by the paper", {35.82, 5.8, 25.75, 34.23}, NULL},
    {DISTINCTION, "Context-Aware Matting", {36.32, 7.1, 29.49, 35.43}, NULL},
    {DISTINCTION, "  refined by the paper", {35.04, 5.4, 24.55, 33.35}, NULL},
    {DISTINCTION, "GCA Matting", {39.64, 8.2, 32.16, 38.77}, NULL},
    {DISTINCTION, "  refined by the paper", {35.93, 5.7, 25.94, 34.35}, NULL},

    {PORTRAIT, "Deep Image Matting", {28.5, 11.7, -1, -1}, NULL},
    {PORTRAIT, "GCA Matting", {29.2, 12.7, -1, -1}, NULL},
    {PORTRAIT, "IndexNet Matting", {28.5, 11.5, -1, -1}, NULL},
    {PORTRAIT, "Context-Aware Matting", {27.4, 10.7, -1, -1}, NULL},
    {PORTRAIT, "Late Fusion Matting", {78.6, 39.8, -1, -1}, NULL},
    {PORTRAIT, "the paper", {26.8, 9.3, -1, -1}, "mask"},
    {PORTRAIT, "its released weights", {28.64, 9.39, -1, -1}, "mask"},
    {PORTRAIT, "the paper, eroded10", {27.1, -1, -1, -1}, "eroded10"},
    {PORTRAIT, "the paper, eroded20", {27.2, -1, -1, -1}, "eroded20"},
    {PORTRAIT, "the paper, eroded30", {27.4, -1, -1, -1}, "eroded30"},
    {PORTRAIT, "the paper, dilated10", {27.0, -1, -1, -1}, "dilated10"},
    {PORTRAIT, "the paper, dilated20", {27.4, -1, -1, -1}, "dilated20"},
    {PORTRAIT, "the paper, dilated30", {28.1, -1, -1, -1}, "dilated30"},
    {PORTRAIT_DETAIL, "Deep Image Matting", {19.1, 74.6, -1, -1}, NULL},
    {PORTRAIT_DETAIL, "GCA Matting", {19.7, 82.3, -1, -1}, NULL},
    {PORTRAIT_DETAIL, "IndexNet Matting", {18.8, 72.7, -1, -1}, NULL},
    {PORTRAIT_DETAIL, "Context-Aware Matting", {18.2, 66.2, -1, -1}, NULL},
    {PORTRAIT_DETAIL, "Late Fusion Matting", {24.2, 88.3, -1, -1}, NULL},
    {PORTRAIT_DETAIL, "the paper", {17.4, 55.1, -1, -1}, "mask"},
    {PORTRAIT_DETAIL, "its released weights", {16.95, 55.57, -1, -1}, "mask"},

    /* of 100 of the photos; which, was not published */
    {PORTRAIT_720, "a low-resolution method (BSHM), 100 photos", {10.66, 15.5, -1, -1}, NULL},
    {PORTRAIT_720, "the paper, 100 photos", {8.01, 9.5, -1, -1}, "mask"},
    {PORTRAIT_720_DETAIL, "a low-resolution method (BSHM), 100 photos", {7.60, 91.0, -1, -1}, NULL},
    {PORTRAIT_720_DETAIL, "the paper, 100 photos", {5.94, 63.7, -1, -1}, "mask"},
    {0},
};
