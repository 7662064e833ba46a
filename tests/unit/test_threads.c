/**
 * Two threads, each with a context and a session of its own, of models from the same weights file or of one model: what they
 * compute at the same time is what they compute one after the other. .ci/run has this test watched by the thread sanitizer.
 */
#include "oracle.h"
#include "tiny_model.h"

#include "matting/model.h"
#include "mgm.h"
#include "weights/weights.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 2, PICTURES = 4, MAX_SIDE = 80, ROUNDS = 3 };

/* OpenMP's own threads are not built for the sanitizer, which would take their waiting for nothing. */
#ifdef __SANITIZE_THREAD__
enum { MOST_INNER_THREADS = 1 };
#else
enum { MOST_INNER_THREADS = 3 };
#endif

static char path[] = "/tmp/mgm-threads-XXXXXX";
static pthread_barrier_t start;

struct worker {
    int number, inner_threads;
    bool waits;                     /* for the other one, to begin together */
    const struct mgm_model *shared; /* NULL: it loads one for itself */
    float alpha[PICTURES][MAX_SIDE * MAX_SIDE];
    char error[256]; /* "": all went well; cmocka's checks belong to the main thread */
};

/* Every thread has pictures of its own, of several sizes, and takes the settings in turn. */
static enum mgm_status matte_one(struct mgm_session *session, int worker, int picture, float *alpha)
{
    static const int sides[PICTURES] = {40, 64, 33, 72};
    const int w = sides[picture] + worker, h = sides[PICTURES - 1 - picture] - worker;
    uint8_t *photo = calloc((size_t)h * (size_t)w, 4), *mask = photo + 3 * h * w;
    if (!photo)
        return MGM_E_NOMEM;
    for (int i = 0; i < 3 * h * w; i++)
        photo[i] = (uint8_t)(i * (37 + 10 * worker + picture));
    for (int i = 0; i < h * w; i++)
        mask[i] = i % w > w / (2 + worker) ? 255 : 0;
    const struct mgm_image photo_image = {w, h, 3, 8, (size_t)w * 3, photo}, mask_image = {w, h, 1, 8, (size_t)w, mask};
    struct mgm_matte_settings settings = mgm_matte_settings_defaults();
    settings.reference = picture % 2;
    settings.largest_component = picture % 3 == 0;
    const enum mgm_status status = mgm_matte(session, &photo_image, &mask_image, &settings, alpha, NULL);
    free(photo);
    return status;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct mgm_context *ctx = NULL;
    struct mgm_model *own = NULL;
    struct mgm_session *session = NULL;
    if (worker->waits)
        pthread_barrier_wait(&start);
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK) {
        mgm_context_set_threads(ctx, worker->inner_threads);
        if (!worker->shared)
            status = mgm_model_load(ctx, path, &own);
    }
    if (status == MGM_OK)
        status = mgm_session_create(ctx, worker->shared ? worker->shared : own, &session);
    for (int i = 0; i < PICTURES && status == MGM_OK; i++)
        status = matte_one(session, worker->number, i, worker->alpha[i]);
    if (status != MGM_OK)
        snprintf(worker->error, sizeof worker->error, "status %d: %s", status, mgm_context_error(ctx));
    mgm_session_destroy(&session);
    mgm_model_destroy(&own);
    mgm_context_destroy(&ctx);
    return NULL;
}

static struct worker *create_workers(const struct mgm_model *shared, int inner_threads, bool together)
{
    struct worker *workers = calloc(THREADS, sizeof *workers);
    assert_non_null(workers);
    for (int i = 0; i < THREADS; i++) {
        workers[i].number = i;
        workers[i].inner_threads = inner_threads;
        workers[i].waits = together;
        workers[i].shared = shared;
    }
    return workers;
}

static void work_together(struct worker *workers)
{
    pthread_t threads[THREADS];
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&start);
}

static void compare(const struct worker *together, const struct worker *alone)
{
    for (int i = 0; i < THREADS; i++) {
        assert_string_equal(together[i].error, "");
        assert_string_equal(alone[i].error, "");
        assert_memory_equal(together[i].alpha, alone[i].alpha, sizeof alone[i].alpha);
    }
    assert_memory_not_equal(alone[0].alpha, alone[1].alpha, sizeof alone[0].alpha);
}

/* Together first, so that nothing is prepared yet that both need. */
static void check_together(const struct mgm_model *shared)
{
    for (int inner = 1; inner <= MOST_INNER_THREADS; inner++) {
        struct worker *together[ROUNDS], *alone = create_workers(shared, inner, false);
        for (int round = 0; round < ROUNDS; round++) {
            together[round] = create_workers(shared, inner, true);
            work_together(together[round]);
        }
        for (int i = 0; i < THREADS; i++)
            work(&alone[i]);
        for (int round = 0; round < ROUNDS; round++) {
            compare(together[round], alone);
            free(together[round]);
        }
        free(alone);
    }
}

static void test_two_sessions(void **state)
{
    (void)state;
    check_together(NULL);
}

/* As it is with many parameters: they are there while somebody makes a plan, and read again from the file. */
static void test_one_model(void **state)
{
    (void)state;
    struct mgm_context *ctx = NULL;
    struct mgm_model *model = NULL;
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    ASSERT_OK(ctx, mgm_model_load(ctx, path, &model));
    ASSERT_OK(ctx, mgm_weights_open(ctx, path, &model->file));
    mgm_context_destroy(&ctx);
    check_together(model);
    assert_null(model->params.values);
    mgm_model_destroy(&model);
}

static int set_up(void **state)
{
    (void)state;
    const int file = mkstemp(path);
    if (file < 0 || close(file) != 0)
        return -1;
    write_tiny_model(path, TINY_SAFETENSORS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_sessions),
        cmocka_unit_test(test_one_model),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
