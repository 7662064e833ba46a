#include "shell.h"
#include "workshop.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

bool is_installed(const char *name)
{
    char line[128];
    snprintf(line, sizeof line, "command -v %s >/dev/null 2>&1", name);
    return system(line) == 0;
}

/** The program's folder comes first in PATH. */
static void find_program(void)
{
    static bool done;
    char program[1024], path[8192];
    const char *before = getenv("PATH");
    assert_non_null(getenv("MGM_PROGRAM"));
    if (done)
        return;
    snprintf(program, sizeof program, "%s", getenv("MGM_PROGRAM"));
    snprintf(path, sizeof path, "%s:%s", dirname(program), before ? before : "");
    assert_int_equal(setenv("PATH", path, 1), 0);
    done = true;
}

char *run_script(const char *shell, const char *script, int *status)
{
    char line[512], *text = NULL, piece[4096];
    size_t size = 0;
    find_program();
    write_text("script", script);
    snprintf(line, sizeof line, "cd '%s' && %s ./script 2>&1", in_workshop(""), shell);
    FILE *pipe = popen(line, "r"), *memory = open_memstream(&text, &size);
    assert_true(pipe && memory);
    for (size_t count; (count = fread(piece, 1, sizeof piece, pipe)) > 0;)
        assert_int_equal(fwrite(piece, 1, count, memory), count);
    fclose(memory);
    const int ended = pclose(pipe);
    *status = WIFEXITED(ended) ? WEXITSTATUS(ended) : -1;
    return text;
}

char *expect_script(const char *script, int expected, const char *part)
{
    int status;
    char *text = run_script("sh", script, &status);
    if (status != expected || !strstr(text, part))
        fail_msg("status %d, expected %d and '%s':\n%s", status, expected, part, text);
    return text;
}
