/**
 * What mgm says of itself: every option of every command in help, man page and completions; pages that man can read,
 * whatever is in them; completions that complete.
 */
#include "shell.h"
#include "workshop.h"

#include "command.h"
#include "help.h"
#include "manual.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NEEDLE = 256 };

static char *run_line(const char *line)
{
    int status;
    char *text = run_script("sh", line, &status);
    if (status != 0)
        fail_msg("%s: exit status %d: %s", line, status, text);
    return text;
}

static void expect_part(const char *text, const char *part, const char *where)
{
    if (!strstr(text, part))
        fail_msg("no '%s' in %s:\n%s", part, where, text);
}

static void expect_narrow_lines(const char *text, const char *where)
{
    for (struct text_part line = {text, 0}; *line.start; line.start += line.length + (line.start[line.length] == '\n')) {
        line.length = strcspn(line.start, "\n");
        if (text_columns(line) > 80)
            fail_msg("more than 80 columns in %s: %.*s", where, (int)line.length, line.start);
    }
}

static void expect_option_in_help(const char *help, const struct command_option *option, const char *where)
{
    char part[MAX_NEEDLE];
    int length = option->letter ? snprintf(part, sizeof part, "\n  -%c, --%s", option->letter, option->name)
                                : snprintf(part, sizeof part, "\n  --%s", option->name);
    snprintf(part + length, sizeof part - (size_t)length, " %s", option->placeholder ? option->placeholder : "");
    expect_part(help, part, where);
    const char *after = strstr(help, part) + strlen(part);
    for (int i = 0; option->kind == OPTION_CHOICE && option->choices[i]; i++)
        expect_part(after, option->choices[i], where);
}

static void test_help_tells_all(void **state)
{
    (void)state;
    const struct command_option *option;
    for (int i = 0; command_table[i]; i++) {
        const struct command *command = command_table[i];
        struct run run = run_mgm("help", command->name, NULL), same = run_mgm(command->name, "--help", NULL);
        expect_success(&run);
        expect_success(&same);
        assert_string_equal(run.out, same.out);
        expect_narrow_lines(run.out, command->name);
        expect_part(run.out, command->summary, command->name);
        for (int k = 0; (option = command_option_at(command, k)); k++)
            expect_option_in_help(run.out, option, command->name);
        for (const struct command_example *example = command->examples; example && example->purpose; example++)
            expect_part(run.out, example->line, command->name);
    }
}

static void test_overview(void **state)
{
    (void)state;
    char line[MAX_NEEDLE];
    struct run run = run_mgm("help", NULL), same = run_mgm("--help", NULL), nothing = run_mgm(NULL, NULL);
    expect_success(&run);
    assert_string_equal(run.out, same.out);
    assert_int_equal(nothing.status, 2);
    assert_string_equal(run.out, nothing.err);
    for (int i = 0; command_table[i]; i++) {
        snprintf(line, sizeof line, "\n  %-11s %s\n", command_table[i]->name, command_table[i]->summary);
        expect_part(run.out, line, "the overview");
    }
    expect_part(run.out,
                "exit status:\n  0  all went well\n  1  the work failed, or a part of it\n  2  the command line is wrong\n",
                "the overview");
}

/** An option that leaves no room for what it is for: that stands on the next line. */
static void test_long_options(void **state)
{
    (void)state;
    static const struct command_option options[] = {
        {"an-option-whose-name-goes-on-and-on-and-on-for-longer-than-seventy-columns", 'x', OPTION_TEXT, 0, "PLACE",
         "short"},
        {"leaves-one-column-freee", 0, OPTION_FLAG, .help = "too close"},
        {0},
    };
    static const struct command command = {"long", "a summary", "[options]", "", .options = options};
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    help_print_command(memory, &command);
    fclose(memory);
    expect_part(text,
                "  -x, --an-option-whose-name-goes-on-and-on-and-on-for-longer-than-seventy-columns PLACE\n"
                "                            short\n",
                "help");
    expect_part(text, "  --leaves-one-column-freee\n                            too close\n", "help");
    free(text);
}

/* ---- man pages -----------------------------------------------------------------------------------------------------------
 */

/** A text as a page has it. */
static void append_troff(char *text, const char *plain)
{
    size_t used = strlen(text);
    for (; *plain; plain++) {
        const char *escaped = *plain == '-'    ? "\\-"
                              : *plain == '\'' ? "\\(aq"
                              : *plain == '"'  ? "\\(dq"
                              : *plain == '~'  ? "\\(ti"
                                               : NULL;
        const char same[] = {*plain, '\0'};
        used += (size_t)snprintf(text + used, MAX_NEEDLE - used, "%s", escaped ? escaped : same);
        assert_true(used < MAX_NEEDLE);
    }
}

static void expect_troff(const char *page, const char *plain, const char *where)
{
    char part[MAX_NEEDLE] = "";
    append_troff(part, plain);
    expect_part(page, part, where);
}

static void expect_option_in_page(const char *page, const struct command_option *option, const char *where)
{
    char part[MAX_NEEDLE] = "\\fB\\-\\-";
    append_troff(part, option->name);
    strcat(part, option->placeholder ? "\\fR \\fI" : "\\fR\n");
    append_troff(part, option->placeholder ? option->placeholder : "");
    const char *options = strstr(page, "\n.SH OPTIONS\n");
    expect_part(options, part, where);
    for (int i = 0; option->kind == OPTION_CHOICE && option->choices[i]; i++)
        expect_troff(strstr(options, part), option->choices[i], where);
}

static char *page_of(const char *command)
{
    char line[MAX_NEEDLE];
    snprintf(line, sizeof line, "mgm help --man %s", command);
    return run_line(line);
}

static void expect_sections(const char *page, const char *const *sections, const char *where)
{
    const char *at = page;
    char part[MAX_NEEDLE];
    for (int i = 0; sections[i]; i++) {
        snprintf(part, sizeof part, "\n.SH %s\n", sections[i]);
        expect_part(at, part, where);
        at = strstr(at, part);
    }
    expect_part(page,
                ".TP\n\\fB0\\fR\nall went well\n.TP\n\\fB1\\fR\nthe work failed, or a part of it\n"
                ".TP\n\\fB2\\fR\nthe command line is wrong\n",
                where);
}

static void test_pages_tell_all(void **state)
{
    (void)state;
    static const char *const sections[] = {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "SEE ALSO", NULL};
    const struct command_option *option;
    for (int i = 0; command_table[i]; i++) {
        const struct command *command = command_table[i];
        char *page = page_of(command->name);
        expect_sections(page, sections, command->name);
        for (int k = 0; (option = command_option_at(command, k)); k++)
            expect_option_in_page(page, option, command->name);
        for (const struct command_example *example = command->examples; example && example->purpose; example++)
            expect_troff(strstr(page, ".SH EXAMPLES\n"), example->line, command->name);
        free(page);
    }
}

static void test_page_of_the_program(void **state)
{
    (void)state;
    static const char *const sections[] = {"NAME",        "SYNOPSIS",    "DESCRIPTION", "COMMANDS", "OPTIONS",
                                           "EXIT STATUS", "ENVIRONMENT", "EXAMPLES",    "SEE ALSO", NULL};
    char part[MAX_NEEDLE], *page = page_of("");
    expect_sections(page, sections, "mgm(1)");
    expect_part(page, "\\fBMGM_MODELS\\fR", "mgm(1)");
    for (int i = 0; command_table[i]; i++) {
        snprintf(part, sizeof part, ".TP\n\\fBmgm\\-%s\\fR(1)\n", command_table[i]->name);
        expect_part(page, part, "mgm(1)");
    }
    free(page);
}

/** Complains of a page, on stdout; the missing date is meant to be missing. */
static const char *checker(void)
{
    if (is_installed("groff"))
        return "groff -man -ww -z -Tutf8 page 2>&1 && groff -man -ww -z -Tascii page 2>&1";
    return is_installed("mandoc") ? "mandoc -T lint -W warning page 2>&1 | grep -v 'missing date' || true" : NULL;
}

static void test_pages_are_accepted(void **state)
{
    (void)state;
    char line[2 * MAX_NEEDLE];
    const char *check = checker();
    if (!check)
        skip();
    for (int i = -1; i < 0 || command_table[i]; i++) {
        const char *name = i < 0 ? "" : command_table[i]->name;
        snprintf(line, sizeof line, "mgm help --man %s >page && %s", name, check);
        char *complaints = run_line(line);
        if (complaints[0])
            fail_msg("page of '%s': %s", name, complaints);
        free(complaints);
    }
}

/* What would be a request, an escape, or another character, if it were not escaped. */
#define HOSTILE "'quoted' .SH \\fB \\n(.x \"twice\" ` ^ ~ --x-y 3 × 4"
static const struct command_option hostile_options[] = {
    {"odd", 0, OPTION_TEXT, 0, ".SH", ".TP is no request, " HOSTILE},
    {0},
};
static const struct command_example hostile_examples[] = {{"'t is an example:", ".sh -c 'a\\b' \"$x\" ~/^`-"}, {0}};
static const struct command hostile = {"odd",
                                       "summary",
                                       "[options]",
                                       ".SH details\n'SH details, " HOSTILE "\n  .term  'body\n  -x  .ft R",
                                       .options = hostile_options,
                                       .examples = hostile_examples,
                                       .max_operands = 1};

static void test_any_text_is_shown_as_it_is(void **state)
{
    (void)state;
    static const char *const requests[] = {".TH ",  ".nh\n",   ".ad l\n", ".SH ",  ".PP\n",
                                           ".TP\n", ".RS 4\n", ".RE\n",   ".nf\n", ".fi\n"};
    static const char *const shown[] = {".SH details 'SH details, " HOSTILE,
                                        ".term  'body",
                                        "-x     .ft R",
                                        "--odd .SH",
                                        ".TP is no request, " HOSTILE,
                                        "'t is an example:",
                                        ".sh -c 'a\\b' \"$x\" ~/^`-"};
    FILE *file = fopen(in_workshop("page"), "w");
    assert_non_null(file);
    manual_write_command(file, &hostile, command_table);
    fclose(file);
    char *page = run_line("cat page");
    int sections = 0;
    for (const char *line = page; *line; line += strcspn(line, "\n") + 1) {
        bool known = *line != '.' && *line != '\'';
        for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
            known |= strncmp(line, requests[i], strlen(requests[i])) == 0;
        sections += strncmp(line, ".SH ", 4) == 0;
        if (!known)
            fail_msg("a request that is none: %.*s", (int)strcspn(line, "\n"), line);
    }
    assert_int_equal(sections, 7);
    assert_null(strpbrk(page, "`^~'")); /* which would become typographic */
    free(page);
    if (!is_installed("groff"))
        return;
    char *rendered = run_line("groff -man -ww -Tutf8 -P-c -P-b -P-u -rLL=500n page");
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        expect_part(rendered, shown[i], "the rendered page");
    free(rendered);
}

int main(void)
{
#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, workshop_open, workshop_close)
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(test_help_tells_all),
        IN_WORKSHOP(test_overview),
        IN_WORKSHOP(test_long_options),
        IN_WORKSHOP(test_pages_tell_all),
        IN_WORKSHOP(test_page_of_the_program),
        IN_WORKSHOP(test_pages_are_accepted),
        IN_WORKSHOP(test_any_text_is_shown_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
