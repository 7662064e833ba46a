/* Elliptical structuring elements, dilations and erosions against oracle/morphology: equal. */
#include "oracle.h"

#include "base/memory.h"
#include "image/morphology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* kernels[k - 1][:k, :k] is the ellipse of size k. */
static void check_ellipses(const struct oracle_case *c)
{
    const struct mgm_tensor *kernels = oracle_tensor(c, "kernels");
    const uint8_t *want = oracle_u8(c, "kernels");
    int count = (int)kernels->dims[0], side = (int)kernels->dims[1];
    assert_true(count >= 1 && count <= side && side <= MGM_ELLIPSE_MAX);
    for (int size = 1; size <= count; size++) {
        int left[MGM_ELLIPSE_MAX], right[MGM_ELLIPSE_MAX];
        mgm_ellipse(size, left, right);
        for (int row = 0; row < size; row++)
            for (int column = 0; column < size; column++) {
                int got = column >= left[row] && column < right[row];
                if (got != want[((size - 1) * side + row) * side + column])
                    fail_msg("the ellipse of size %d has %d at row %d, column %d", size, got, row, column);
            }
    }
}

static void check_result(const struct oracle_case *c, const char *name)
{
    const struct mgm_tensor *input = oracle_tensor(c, "input");
    int h = (int)input->dims[0], w = (int)input->dims[1], size = atoi(strchr(name, '_') + 1);
    const uint8_t *want = oracle_u8(c, name), *src = oracle_u8(c, "input");
    uint8_t *got = mgm_alloc((size_t)h * (size_t)w, 1);
    assert_non_null(got);
    if (name[0] == 'd')
        ASSERT_OK(c->ctx, mgm_dilate(c->ctx, src, h, w, size, got));
    else
        ASSERT_OK(c->ctx, mgm_erode(c->ctx, src, h, w, size, got));
    size_t wrong = 0;
    for (size_t i = 0; i < (size_t)h * (size_t)w; i++)
        wrong += got[i] != (want[i] != 0);
    if (wrong)
        fail_msg("%s: %zu pixels differ", name, wrong);
    mgm_free(got);
}

static void check_case(const struct oracle_case *c, void *argument)
{
    int *checked = argument;
    check_ellipses(c);
    for (int i = 0; i < mgm_safetensors_count(c->file); i++) {
        const char *name = mgm_safetensors_at(c->file, i)->name;
        if (strncmp(name, "dilate_", 7) != 0 && strncmp(name, "erode_", 6) != 0)
            continue;
        check_result(c, name);
        ++*checked;
    }
}

static void test_morphology(void **state)
{
    (void)state;
    int checked = 0;
    oracle_each("morphology", check_case, &checked);
    printf("%d dilations and erosions equal\n", checked);
    assert_true(checked > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_morphology)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
