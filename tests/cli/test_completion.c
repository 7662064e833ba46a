/** The completion scripts know every option and choice of every command, and bash's really completes. */
#include "shell.h"
#include "workshop.h"

#include "command.h"
#include "completion.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NEEDLE = 256 };

static char *script_for(const char *shell)
{
    char line[MAX_NEEDLE];
    int status;
    snprintf(line, sizeof line, "mgm help --completion %s", shell);
    char *text = run_script("sh", line, &status);
    assert_int_equal(status, 0);
    return text;
}

/** The part of the script that is about one command; release with free. */
static char *section_of(const char *script, const char *shell, const char *command)
{
    char begin[MAX_NEEDLE];
    const bool fish = strcmp(shell, "fish") == 0;
    snprintf(begin, sizeof begin, fish ? "-n __mgm_begins -a %s " : "\n    %s)\n", command);
    const char *start = strstr(script, begin);
    if (!start)
        fail_msg("%s: nothing about %s in:\n%s", shell, command, script);
    const char *end = strstr(start + 1, fish ? "\n\n" : "\n        ;;\n");
    return strndup(start, end ? (size_t)(end - start) : strlen(start));
}

static bool is_part_of_name(char c)
{
    return c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/** That the word is there, not only a longer one. @param before  what stands directly before it */
static void expect_word(const char *section, const char *before, const char *word, const char *shell)
{
    char part[MAX_NEEDLE];
    snprintf(part, sizeof part, "%s%s", before, word);
    for (const char *at = section; (at = strstr(at, part)); at++) {
        if (!is_part_of_name(at[strlen(part)]))
            return;
    }
    fail_msg("%s: no '%s' in:\n%s", shell, part, section);
}

static void test_scripts_know_all(void **state)
{
    (void)state;
    const struct command_option *option;
    char letter[2] = "";
    for (int s = 0; completion_shells[s]; s++) {
        const char *shell = completion_shells[s];
        const bool fish = strcmp(shell, "fish") == 0;
        char *script = script_for(shell);
        for (int i = 0; command_table[i]; i++) {
            char *section = section_of(script, shell, command_table[i]->name);
            for (int k = 0; (option = command_option_at(command_table[i], k)); k++) {
                expect_word(section, fish ? " -l " : "--", option->name, shell);
                letter[0] = option->letter;
                if (option->letter)
                    expect_word(section, fish ? " -s " : "-", letter, shell);
                for (int c = 0; option->kind == OPTION_CHOICE && option->choices[c]; c++)
                    expect_word(section, "", option->choices[c], shell);
            }
            free(section);
        }
        free(script);
    }
}

/** Apostrophes, brackets and colons in what an option is for do not end what they stand in. */
static void test_any_text_is_quoted(void **state)
{
    (void)state;
    static const struct command_option options[] = {{"odd", 'o', OPTION_TEXT, 0, "A:B", "[it's]: a \\ `b` $(c) \"d\""}, {0}};
    static const struct command odd = {"odd", "it's: \\ odd", "", "", .options = options, .max_operands = 1};
    static const struct command *const table[] = {&odd, NULL};
    for (int s = 0; completion_shells[s]; s++) {
        char line[MAX_NEEDLE];
        int status;
        FILE *file = fopen(in_workshop("made"), "w");
        assert_non_null(file);
        completion_write(file, completion_shells[s], table);
        fclose(file);
        if (!is_installed(completion_shells[s]))
            continue;
        snprintf(line, sizeof line, "%s -n made", completion_shells[s]);
        char *text = run_script("sh", line, &status);
        if (status != 0 || text[0])
            fail_msg("%s: %s", completion_shells[s], text);
        free(text);
    }
}

/** bash is told the words of a line, and answers with the words that could be meant, "|", and what it leaves to the shell.
 */
static const char driver[] = "compopt() { asked=\"$*\"; }\n" /* outside of a completion the real one only complains */
                             "source <(mgm help --completion bash)\n"
                             "try() {\n"
                             "    COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)) asked= COMPREPLY=(old)\n"
                             "    _mgm\n"
                             "    echo \"${COMPREPLY[*]}|$asked\"\n"
                             "}\n";

static void test_bash_completes(void **state)
{
    (void)state;
    static const struct {
        const char *words, *answer;
    } cases[] = {
        {"mgm ma", "matte|"},
        {"mgm --ver", "--version|"},
        {"mgm convert --", "--f16 --max-shard --help|"},
        {"mgm nothing ''", "|"},
        {"mgm synth --ki", "--kind|"},
        {"mgm synth --kind f", "fur feather|"},
        {"mgm synth --kind =", "groom fur hair solid plant lattice feather glass card object|"},
        {"mgm synth --kind = g", "groom glass|"},
        {"mgm synth --data ''", "|-o dirnames"},
        {"mgm synth --data = x", "|-o dirnames"},
        {"mgm synth ''", "|-o dirnames"},
        {"mgm synth --count ''", "|"},
        {"mgm info mo", "|-o default"},
        {"mgm info --json mo", "|-o default"},
        {"mgm forward -i ''", "|-o default"},
        {"mgm forward ''", "|"},
        {"mgm help tr", "train|"},
        {"mgm help --completion ''", "bash zsh fish|"},
    };
    int status;
    if (!is_installed("bash"))
        skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char script[1024], expected[MAX_NEEDLE];
        snprintf(script, sizeof script, "%stry %s\n", driver, cases[i].words);
        snprintf(expected, sizeof expected, "%s\n", cases[i].answer);
        char *text = run_script("bash", script, &status);
        if (status != 0 || strcmp(text, expected) != 0)
            fail_msg("[%s] is completed to %s, not to %s", cases[i].words, text, cases[i].answer);
        free(text);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    const int files = count_files();
    struct run run = run_mgm("help", "--completion", "csh", NULL);
    expect_failure(&run, 2, "mgm help: --completion takes bash, zsh or fish, not 'csh'\n", files);
    run = run_mgm("help", "--completion", "bash", "matte", NULL);
    expect_failure(&run, 2, "--completion is for all commands, and goes alone", files);
    run = run_mgm("help", "--completion", "bash", "--man", NULL);
    expect_failure(&run, 2, "--completion is for all commands, and goes alone", files);
    run = run_mgm("help", "--man", "paint", NULL);
    expect_failure(&run, 2, "mgm: there is no command 'paint'; 'mgm help' lists them\n", files);
    run = run_mgm("help", "matte", "info", NULL);
    expect_failure(&run, 2, "'info' is one argument too many", files);
}

int main(void)
{
#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, workshop_open, workshop_close)
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(test_scripts_know_all),
        IN_WORKSHOP(test_any_text_is_quoted),
        IN_WORKSHOP(test_bash_completes),
        IN_WORKSHOP(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
