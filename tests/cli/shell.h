/** For tests that need a shell: scripts that run in the workshop's folder, where `mgm` is the program under test. */
#ifndef MGM_TESTS_SHELL_H
#define MGM_TESTS_SHELL_H

#include <stdbool.h>

/** Whether a program of that name can be run. */
bool is_installed(const char *name);

/**
 * Runs a script.
 * @param shell   "sh", "bash"
 * @param status  receives its exit status
 * @return what it printed on stdout and stderr; release with free
 */
char *run_script(const char *shell, const char *script, int *status);

/** Runs a script in sh; it must end with that status, and print that part. @return what it printed; release with free */
char *expect_script(const char *script, int expected, const char *part);

#endif
