/*
 * The network in evaluation mode against oracle/net: trunk, context, heads, masks and mattes.
 * Tolerances: heads 1e-3 at most and 3e-5 on average; trunk and context, whose values are larger, relative to their length.
 * Masks and mattes equal but where an alpha within 1e-3 of a threshold may have decided otherwise, at most 0.5 % of the
 * pixels.
 */
#include "oracle.h"

#include "base/memory.h"
#include "image/morphology.h"
#include "matting/network.h"
#include "matting/refinement.h"
#include "nn/infer_plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double HEAD_MAX = 1e-3, HEAD_MEAN = 3e-5, TRUNK_RELATIVE = 1e-4, NEAR = 1e-3, SHARE = 0.005;

struct state {
    const struct oracle_case *c;
    int n, h, w;
    size_t plane;
    struct mgm_infer_plan *plan;
    float *alpha[MGM_HEAD_COUNT]; /* [n, h, w] */
};

static void check_trunk(const struct state *s, const char *name, int output, int channels)
{
    size_t pixels = s->plane / 1024, count = (size_t)s->n * pixels * (size_t)channels;
    const float *got = mgm_infer_plan_output(s->plan, output);
    float *want = oracle_f32(s->c, name), *planar = mgm_alloc(count, sizeof *planar);
    for (size_t i = 0; i < (size_t)s->n; i++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t k = 0; k < (size_t)channels; k++)
                planar[(i * (size_t)channels + k) * pixels + p] = got[(i * pixels + p) * (size_t)channels + k];
    struct difference d = difference_f32(name, planar, want, count);
    assert_true(d.relative <= TRUNK_RELATIVE);
    mgm_free(planar);
    mgm_free(want);
}

static void check_heads(struct state *s)
{
    static const char *names[] = {"alpha_os8", "alpha_os4", "alpha_os1"};
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        int stride = mgm_head_stride[head];
        s->alpha[head] = mgm_alloc((size_t)s->n * s->plane, sizeof(float));
        for (int i = 0; i < s->n; i++)
            mgm_head_to_alpha(mgm_infer_plan_output(s->plan, head) + (size_t)i * s->plane / (size_t)(stride * stride), s->h,
                              s->w, stride, s->alpha[head] + (size_t)i * s->plane);
        float *want = oracle_f32(s->c, names[head]);
        struct difference d = difference_f32(names[head], s->alpha[head], want, (size_t)s->n * s->plane);
        assert_true(d.max <= HEAD_MAX);
        assert_true(d.mean <= HEAD_MEAN);
        mgm_free(want);
    }
}

static bool near_threshold(float alpha)
{
    return fabs(alpha - 1.0 / 255) < NEAR || fabs(alpha - 254.0 / 255) < NEAR;
}

/* Where a mask made from `alpha` may rightly differ: what lies near a threshold or was excused before, dilated alike. */
static void excuse(const struct state *s, const float *alpha, int size, uint8_t *excused)
{
    for (size_t p = 0; p < s->plane; p++)
        excused[p] = excused[p] || near_threshold(alpha[p]);
    ASSERT_OK(s->c->ctx, mgm_dilate(s->c->ctx, excused, s->h, s->w, size, excused));
}

static void check_mask(const struct state *s, const char *name, const uint8_t *got, const uint8_t *want,
                       const uint8_t *excused)
{
    size_t different = difference_u8(name, got, want, s->plane);
    assert_true((double)different <= SHARE * (double)s->plane);
    for (size_t p = 0; p < s->plane; p++)
        if (got[p] != want[p] && !excused[p])
            fail_msg("%s differs at pixel %zu, far from any threshold", name, p);
}

static void check_matte(const struct state *s, const float *got, const float *want, const uint8_t *excused)
{
    size_t different = 0;
    for (size_t p = 0; p < s->plane; p++) {
        bool off = fabs(got[p] - want[p]) > HEAD_MAX;
        different += off;
        if (off && !excused[p])
            fail_msg("the matte differs by %g at pixel %zu, far from any threshold", fabs(got[p] - want[p]), p);
    }
    printf("alpha: %zu of %zu pixels differ\n", different, s->plane);
    assert_true((double)different <= SHARE * (double)s->plane);
}

static void check_fusion(const struct state *s, int picture)
{
    size_t offset = (size_t)picture * s->plane;
    float *fused = mgm_alloc(s->plane, sizeof *fused), *want = oracle_f32(s->c, "alpha");
    uint8_t *os4 = mgm_alloc(s->plane, 1), *os1 = mgm_alloc(s->plane, 1), *excused = mgm_alloc_zeroed(s->plane, 1);
    struct mgm_fusion fusion = {15, 7, fused, os4, os1};
    ASSERT_OK(s->c->ctx,
              mgm_fuse(s->c->ctx, s->alpha[0] + offset, s->alpha[1] + offset, s->alpha[2] + offset, s->h, s->w, &fusion));
    excuse(s, s->alpha[0] + offset, 15, excused);
    check_mask(s, "unknown_os4", os4, oracle_u8(s->c, "unknown_os4") + offset, excused);
    float *merged = mgm_alloc(s->plane, sizeof *merged);
    memcpy(merged, s->alpha[0] + offset, s->plane * sizeof *merged);
    mgm_refine(merged, s->alpha[1] + offset, os4, s->plane);
    excuse(s, merged, 7, excused);
    check_mask(s, "unknown_os1", os1, oracle_u8(s->c, "unknown_os1") + offset, excused);
    check_matte(s, fused, want + offset, excused);
    mgm_free(merged);
    mgm_free(fused);
    mgm_free(want);
    mgm_free(os4);
    mgm_free(os1);
    mgm_free(excused);
}

static void check_case(const struct oracle_case *c, void *argument)
{
    (void)argument;
    const struct mgm_tensor *image = oracle_tensor(c, "image");
    struct state s = {.c = c, .n = (int)image->dims[0], .h = (int)image->dims[2], .w = (int)image->dims[3]};
    s.plane = (size_t)s.h * (size_t)s.w;
    struct mgm_graph graph;
    struct mgm_params params;
    ASSERT_OK(c->ctx, mgm_network_build(c->ctx, 1, true, &graph));
    oracle_params(c, &graph, false, &params);
    struct mgm_infer_plan_settings settings = {s.n, s.h, s.w, 0};
    ASSERT_OK(c->ctx, mgm_infer_plan_create(c->ctx, &graph, &params, &settings, &s.plan));

    float *colours = oracle_f32(c, "image"), *guidance = oracle_f32(c, "guidance");
    mgm_network_pack_input(s.n, s.h, s.w, colours, guidance, mgm_infer_plan_input(s.plan));
    ASSERT_OK(c->ctx, mgm_infer_plan_run(s.plan));
    check_heads(&s);
    check_trunk(&s, "encoder_out", 3, 512);
    check_trunk(&s, "aspp_out", 4, 512);
    for (int i = 0; i < s.n; i++)
        check_fusion(&s, i);

    mgm_free(colours);
    mgm_free(guidance);
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        mgm_free(s.alpha[head]);
    mgm_infer_plan_destroy(&s.plan);
    mgm_params_release(&params);
    mgm_graph_release(&graph);
}

static void test_net(void **state)
{
    (void)state;
    oracle_each("net", check_case, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_net)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
