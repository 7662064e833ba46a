/* mgm train, killed: at any moment, twenty times, and what it comes to is what it would have been, bit by bit. */
#include "workshop.h"

#include "weights/safetensors.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KILLS = 20, INTERVAL = 3 };

static struct mgm_context *ctx;

static int open_with_data(void **state)
{
    if (workshop_open(state) != 0 || mgm_context_create(&ctx) != MGM_OK)
        return -1;
    mkdir(in_workshop("data"), 0777);
    mkdir(in_workshop("data/photos"), 0777);
    make_picture("data/photos/a.png", MOTIF_COLOURS, 160, 120, 3, 8, 0);
    make_picture("data/photos/b.png", MOTIF_SOFT, 120, 160, 3, 8, 0);
    /* two crop sizes, so that the boundary between them is crossed; all kinds of masks */
    write_text("tiny.cfg", "iterations = 120;\n"
                           "model : { width = 0.125; precision = \"f32\"; };\n"
                           "crops = ( { until = 0.5; size = 64; batch = 2; }, { until = 1.0; size = 96; batch = 1; } );\n"
                           "curriculum : { ground_truth = 0.2; mixed = 0.6; };\n"
                           "foregrounds : { count = 6; size = 96; cache = \"cache\"; };\n"
                           "average = 0.9; second_look = 0.4; workers = 2; ahead = 2;\n"
                           "checkpoint : { interval = 3; };\n"
                           "validation : { interval = 50; count = 1; size = 64; };\n"
                           "data = \"data\";\n");
    return 0;
}

static int close_all(void **state)
{
    mgm_context_destroy(&ctx);
    return workshop_close(state);
}

/** Starts a run of the program that resumes if it can. */
static pid_t start(const char *folder)
{
    char config[512], run[512];
    snprintf(config, sizeof config, "%s", in_workshop("tiny.cfg"));
    snprintf(run, sizeof run, "%s", in_workshop(folder));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int nothing = open("/dev/null", O_WRONLY);
        dup2(nothing, STDOUT_FILENO);
        dup2(nothing, STDERR_FILENO);
        execl(getenv("MGM_PROGRAM"), "mgm", "train", config, "--run", run, "--threads", "1", "--resume", (char *)NULL);
        _exit(127);
    }
    return child;
}

static struct mgm_safetensors *open_checkpoint(const char *folder)
{
    char name[64];
    struct mgm_safetensors *file = NULL;
    snprintf(name, sizeof name, "%s/checkpoint.safetensors", folder);
    if (access(in_workshop(name), F_OK) != 0)
        return NULL;
    if (mgm_safetensors_open(ctx, in_workshop(name), &file) != MGM_OK)
        fail_msg("%s", mgm_context_error(ctx));
    return file;
}

/** −1: there is no checkpoint yet. What is there must be whole. */
static long iteration_of(const char *folder)
{
    struct mgm_safetensors *file = open_checkpoint(folder);
    const long iteration = file ? atol(mgm_safetensors_metadata(file, "iteration")) : -1;
    mgm_safetensors_close(&file);
    return iteration;
}

/** The last line of the log that tells of progress; −1 if there is none. */
static long last_reported(const char *folder)
{
    char name[64], line[4096];
    long iteration = -1;
    snprintf(name, sizeof name, "%s/log.jsonl", folder);
    FILE *log = fopen(in_workshop(name), "r");
    while (log && fgets(line, sizeof line, log)) {
        cJSON *object = cJSON_Parse(line);
        const cJSON *item = cJSON_GetObjectItem(object, "iteration");
        iteration = item ? (long)item->valuedouble : iteration;
        cJSON_Delete(object);
    }
    if (log)
        fclose(log);
    return iteration;
}

static void expect_same_checkpoints(const char *a, const char *b)
{
    struct mgm_safetensors *left = open_checkpoint(a), *right = open_checkpoint(b);
    assert_true(left && right && mgm_safetensors_count(left) == mgm_safetensors_count(right));
    for (int i = 0; i < mgm_safetensors_count(left); i++) {
        const struct mgm_tensor *tensor = mgm_safetensors_at(left, i), *other = mgm_safetensors_find(right, tensor->name);
        if (!other || other->bytes != tensor->bytes || memcmp(other->data, tensor->data, tensor->bytes) != 0)
            fail_msg("%s is not the same", tensor->name);
    }
    static const char *const keys[] = {"iteration", "sample", "steps"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *want = mgm_safetensors_metadata(left, keys[i]), *got = mgm_safetensors_metadata(right, keys[i]);
        assert_true(!want == !got && (!want || !strcmp(want, got)));
    }
    mgm_safetensors_close(&left);
    mgm_safetensors_close(&right);
}

static void finish(const char *folder)
{
    int status = -1;
    const pid_t child = start(folder);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(iteration_of(folder), 120);
}

/** Changes with every checkpoint that is written; 0: there is none. */
static ino_t checkpoint_number(void)
{
    struct stat facts;
    return stat(in_workshop("killed/checkpoint.safetensors"), &facts) == 0 ? facts.st_ino : 0;
}

/** Waits until the run has written a checkpoint, so that kills do not all come before anything has happened. */
static bool wait_for_checkpoint(pid_t child)
{
    const ino_t before = checkpoint_number();
    for (int i = 0; i < 30000 && checkpoint_number() == before; i++) {
        siginfo_t over = {0};
        if (waitid(P_PID, (id_t)child, &over, WEXITED | WNOHANG | WNOWAIT) == 0 && over.si_pid == child)
            return false;
        usleep(1000);
    }
    return checkpoint_number() != before;
}

static void test_killed_at_any_moment(void **state)
{
    (void)state;
    unsigned seed = 20210619;
    long reached = -1;
    int amid = 0;
    for (int kills = 0; kills < KILLS; kills++) {
        int status;
        const pid_t child = start("killed");
        if (kills % 2)
            amid += wait_for_checkpoint(child);
        usleep((unsigned)rand_r(&seed) % (kills % 2 ? 30000 : 400000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0)); /* or it was done */
        const long iteration = iteration_of("killed"), reported = last_reported("killed");
        assert_true(iteration >= reached && iteration >= reported - INTERVAL);
        reached = iteration;
    }
    assert_true(amid >= 3 && reached >= 3 * INTERVAL);
    finish("killed");
    finish("whole");
    expect_same_checkpoints("whole", "killed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed_at_any_moment, open_with_data, close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
