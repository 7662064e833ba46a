#include "help.h"
#include "text.h"

enum { OPTION_COLUMN = 28, MAX_TEXT = 1024 };

const char help_summary[] = "cuts photos out along rough masks";

const struct exit_status help_exit_statuses[] = {
    {STATUS_OK, "all went well"},
    {STATUS_FAILED, "the work failed, or a part of it"},
    {STATUS_USAGE, "the command line is wrong"},
    {0},
};

void help_explain_option(const struct command_option *option, char *text, size_t size)
{
    char list[MAX_TEXT];
    if (option->kind == OPTION_CHOICE) {
        text_join(option->choices, list, sizeof list);
        snprintf(text, size, "%s: %s", option->help, list);
    } else {
        snprintf(text, size, "%s", option->help);
    }
}

static void print_option(FILE *stream, const struct command_option *option)
{
    char text[MAX_TEXT];
    int column = option->letter ? fprintf(stream, "  -%c, --%s", option->letter, option->name)
                                : fprintf(stream, "  --%s", option->name);
    if (option->placeholder) {
        fprintf(stream, " %s", option->placeholder);
        column += 1 + text_columns(text_whole(option->placeholder));
    }
    help_explain_option(option, text, sizeof text);
    /* two columns between the two at least */
    text_fill(stream, text_whole(text), column + 2 > OPTION_COLUMN ? TEXT_WIDTH : column, OPTION_COLUMN);
}

static void print_blocks(FILE *stream, const char *details)
{
    struct text_block block;
    int items = 0, widest = 0;
    for (const char *rest = details; text_next_block(&rest, &block);)
        widest = text_columns(block.term) > widest ? text_columns(block.term) : widest;
    while (text_next_block(&details, &block)) {
        if (block.term.length == 0) {
            fputc('\n', stream);
            text_fill(stream, block.body, 0, 0);
            items = 0;
            continue;
        }
        if (items++ == 0)
            fputc('\n', stream);
        fprintf(stream, "  %.*s", (int)block.term.length, block.term.start);
        text_fill(stream, block.body, 2 + text_columns(block.term), 4 + widest);
    }
}

static void print_examples(FILE *stream, const struct command_example *example)
{
    if (!example || !example->purpose)
        return;
    fputs("\nexamples:\n", stream);
    for (; example->purpose; example++) {
        text_fill(stream, text_whole(example->purpose), 0, 2);
        fprintf(stream, "      %s\n", example->line); /* never broken: it is to be copied */
    }
}

void help_print_command(FILE *stream, const struct command *command)
{
    const struct command_option *option;
    const int column = fprintf(stream, "usage: mgm %s ", command->name);
    text_fill(stream, text_whole(command->synopsis), column, column);
    fputc('\n', stream);
    text_fill(stream, text_whole(command->summary), 0, 0);
    print_blocks(stream, command->details);
    fputs("\noptions:\n", stream);
    for (int i = 0; (option = command_option_at(command, i)); i++)
        print_option(stream, option);
    print_examples(stream, command->examples);
}

void help_print_overview(FILE *stream, const struct command *const *table)
{
    fprintf(stream, "mgm %s.\n\nusage: mgm COMMAND …\n\n", help_summary);
    for (; *table; table++)
        text_fill(stream, text_whole((*table)->summary), fprintf(stream, "  %-11s ", (*table)->name), 14);
    fputs("\nmgm help COMMAND says how a command is used, mgm --version prints the version.\n\nexit status:\n", stream);
    for (const struct exit_status *entry = help_exit_statuses; entry->meaning; entry++)
        fprintf(stream, "  %d  %s\n", entry->status, entry->meaning);
}
