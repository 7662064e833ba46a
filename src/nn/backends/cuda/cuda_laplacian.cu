/*
 * The Laplacian pyramid's loss. Definition and derivation: train/loss_laplacian.c. The CPU filters rows, then columns of
 * each row; here every value gathers its 9 or 25 neighbours at once, so that nothing has to be kept in between. The taps of
 * rows and of columns are the same, borders included.
 */
#include "nn/backends/cuda/launch.h"

namespace
{

/* Of one value, along one axis: where it gathers from, and how much. Unused taps have weight 0 and a valid place. */
template <int COUNT> struct taps {
    int at[COUNT];
    float weight[COUNT];
};

MGM_DEVICE int clamp_to(int at, int count)
{
    return at < 0 ? 0 : at >= count ? count - 1 : at;
}

/* Value `at` of the halved axis, from `count` values: [1 4 6 4 1] / 16, reflected. */
struct down_taps {
    enum { COUNT = 5 };

    MGM_DEVICE taps<5> operator()(int at, int count) const
    {
        const float weight[5] = {1.0f / 16, 4.0f / 16, 6.0f / 16, 4.0f / 16, 1.0f / 16};
        taps<5> t;
        for (int k = 0; k < 5; k++) {
            const int from = 2 * at - 2 + k;
            t.at[k] = from < 0 ? -from : from >= count ? 2 * count - 2 - from : from;
            t.weight[k] = weight[k];
        }
        return t;
    }
};

/* Value `at` of the doubled axis, from `count` values: zeros inserted, then the filter; reflected after the insertion. */
struct up_taps {
    enum { COUNT = 3 };

    MGM_DEVICE taps<3> operator()(int at, int count) const
    {
        const int k = at / 2;
        const bool even = at % 2 == 0;
        taps<3> t;
        t.at[0] = k ? k - 1 : 1;
        t.at[1] = k;
        t.at[2] = clamp_to(k + 1, count);
        t.weight[0] = even ? 0.125f : 0;
        t.weight[1] = even ? 0.75f : 0.5f;
        t.weight[2] = even ? 0.125f : 0.5f;
        return t;
    }
};

/* The adjoint of up: value `at` of the small axis, from `count` values of the doubled one. */
struct up_adjoint_taps {
    enum { COUNT = 5 };

    MGM_DEVICE taps<5> operator()(int at, int count) const
    {
        const bool last = at == count / 2 - 1;
        taps<5> t;
        for (int k = 0; k < 5; k++)
            t.at[k] = clamp_to(2 * at - 2 + k, count);
        t.weight[0] = at == 0 ? 0 : at == 1 ? 0.25f : 0.125f;
        t.weight[1] = at == 0 ? 0 : 0.5f;
        t.weight[2] = last ? 0.875f : 0.75f;
        t.weight[3] = last ? 1 : 0.5f;
        t.weight[4] = last ? 0 : 0.125f;
        return t;
    }
};

/* The adjoint of down: value `at` of the large axis, from `count` values of the halved one. */
struct down_adjoint_taps {
    enum { COUNT = 3 };

    MGM_DEVICE taps<3> operator()(int at, int count) const
    {
        const int k = at / 2;
        const bool even = at % 2 == 0, last = k == count - 1;
        taps<3> t;
        for (int i = 0; i < 3; i++)
            t.at[i] = clamp_to(k - 1 + i, count);
        t.weight[0] = (!even || k == 0 ? 0 : k == 1 ? 2.0f : 1.0f) / 16;
        t.weight[1] = (even ? (last ? 7.0f : 6.0f) : (k == 0 ? 8.0f : 4.0f)) / 16;
        t.weight[2] = (last ? 0 : even ? 1.0f : 4.0f) / 16;
        return t;
    }
};

/* dst [n, h, w] = keep · dst + factor · (gathered from src [n, src_h, src_w]). */
template <typename TAPS> struct gather_level {
    const float *src;
    float *dst;
    int h, w, src_h, src_w;
    float keep, factor;

    MGM_DEVICE void operator()(size_t i) const
    {
        const mgm_quotient column = mgm_divide(i, (size_t)w), row = mgm_divide(column.whole, (size_t)h);
        const float *plane = src + row.whole * (size_t)src_h * (size_t)src_w;
        const auto y = TAPS()((int)row.rest, src_h), x = TAPS()((int)column.rest, src_w);
        float sum = 0;
        for (int k = 0; k < TAPS::COUNT; k++) {
            const float *from = plane + (size_t)y.at[k] * (size_t)src_w;
            float across = 0;
            for (int j = 0; j < TAPS::COUNT; j++)
                across += x.weight[j] * from[x.at[j]];
            sum += y.weight[k] * across;
        }
        dst[i] = (keep != 0 ? keep * dst[i] : 0) + factor * sum;
    }
};

struct subtract_planes {
    const float *a, *b;
    float *dst;

    MGM_DEVICE void operator()(size_t i) const
    {
        dst[i] = a[i] - b[i];
    }
};

struct add_plane {
    const float *src;
    float *dst;

    MGM_DEVICE void operator()(size_t i) const
    {
        dst[i] += src[i];
    }
};

/* Σ|level| · mask, and the level turned into its derivative. */
struct absolute_level {
    typedef double sum;
    enum { COUNT = 1 };
    float *level;
    const uint8_t *mask; /* of the finest level */
    size_t w, step;
    float scale;

    MGM_DEVICE void operator()(size_t, size_t i, size_t, double *sums) const
    {
        const mgm_quotient column = mgm_divide(i, w); /* rows of all pictures: their height is a multiple of step, too */
        const float g = (float)mask[(column.whole * w * step + column.rest) * step], d = level[i];
        sums[0] += (double)(fabsf(d) * g);
        level[i] = scale * g * (float)((d > 0) - (d < 0));
    }
};

struct store_level_sum {
    double *dst;

    MGM_DEVICE void operator()(size_t, size_t, const double *totals) const
    {
        *dst = totals[0];
    }
};

struct pyramid {
    struct mgm_cuda *cuda;
    int n, h, w;
    float *level[MGM_BACKEND_LEVELS + 1];
};

size_t level_count(const pyramid &p, int level)
{
    return (size_t)p.n * (size_t)(p.h >> level) * (size_t)(p.w >> level);
}

template <typename TAPS> void gather(const pyramid &p, int from, int to, float keep, float factor)
{
    const gather_level<TAPS> f = {p.level[from], p.level[to], p.h >> to, p.w >> to, p.h >> from, p.w >> from, keep, factor};
    mgm_cuda_each(p.cuda, level_count(p, to), f);
}

} // namespace

void mgm_cuda_laplacian(struct mgm_cuda *cuda, const struct mgm_backend_losses *losses)
{
    pyramid p = {cuda, losses->n, losses->h, losses->w, {}};
    const int top = MGM_BACKEND_LEVELS;
    size_t total = 0;
    for (int i = 0; i <= top; i++)
        total += level_count(p, i);
    p.level[0] = (float *)mgm_cuda_scratch(cuda, MGM_CUDA_PLANES, total * sizeof(float));
    if (!p.level[0])
        return;
    for (int i = 0; i < top; i++)
        p.level[i + 1] = p.level[i] + level_count(p, i);
    mgm_cuda_each(cuda, level_count(p, 0), subtract_planes{losses->alpha, losses->truth, p.level[0]});
    for (int i = 0; i < top; i++) {
        const absolute_level absolute = {p.level[i], losses->mask, (size_t)(p.w >> i), (size_t)1 << i,
                                         losses->scale_laplacian[i]};
        gather<down_taps>(p, i, i + 1, 0, 1);
        gather<up_taps>(p, i + 1, i, 1, -1);
        mgm_cuda_reduce(cuda, 1, level_count(p, i), 1, absolute, store_level_sum{losses->sums + 2 + i});
    }
    for (int i = top - 1; i >= 0; i--) {
        gather<up_adjoint_taps>(p, i, i + 1, i == top - 1 ? 0 : 1, -1); /* no low-pass residual: the top starts at 0 */
        gather<down_adjoint_taps>(p, i + 1, i, 1, 1);
    }
    mgm_cuda_each(cuda, level_count(p, 0), add_plane{p.level[0], losses->gradient});
}
