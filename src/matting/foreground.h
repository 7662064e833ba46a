/** What the colour network gives, and what follows from it (§3.2). The public part is in mgm.h. */
#ifndef MGM_MATTING_FOREGROUND_H
#define MGM_MATTING_FOREGROUND_H

/**
 * The network gives two colours for each pixel, as differences from the photo's C: what foreground and background might be,
 * C + fg and C + bg. Both are moved, as little as possible, until they compose the photo, α·F + (1 − α)·B = C:
 *
 *     F = C + (1 − α) / (α² + (1 − α)²) · ((1 − α)·fg − α·bg)
 *
 * So where alpha is 1 F is C, whatever the network says; where it is small F is what the network says; and texture that
 * neither colour explains is shared out by alpha. A network of few channels is bad at such products, and is spared them.
 */
struct mgm_foreground_mix {
    float fg, bg; /* F = C + fg · network's fg + bg · network's bg */
};

static inline struct mgm_foreground_mix mgm_foreground_mix(float alpha)
{
    const float rest = 1 - alpha, scale = rest / (alpha * alpha + rest * rest);
    return (struct mgm_foreground_mix){scale * rest, -scale * alpha};
}

/** Channels of the network's output: fg of red, green, blue, then bg of them. */
enum { MGM_FOREGROUND_OUTPUTS = 6 };

#endif
