#include "text.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\n';
}

struct text_part text_whole(const char *text)
{
    return (struct text_part){text, strlen(text)};
}

bool text_next_word(struct text_part *rest, struct text_part *word)
{
    int depth = 0;
    while (rest->length && is_blank(*rest->start))
        rest->start++, rest->length--;
    *word = (struct text_part){rest->start, 0};
    while (rest->length && (!is_blank(*rest->start) || (depth > 0 && *rest->start == ' '))) {
        depth += (*rest->start == '[') - (*rest->start == ']');
        rest->start++, rest->length--, word->length++;
    }
    return word->length > 0;
}

/** Where the block that begins here ends: at an empty line, at an item, and an item also where less is indented. */
static const char *find_end(const char *start, bool item)
{
    const char *end = start + strcspn(start, "\n");
    while (*end) {
        const size_t indent = strspn(end + 1, " ");
        const bool ends = item ? indent < 3 : indent == 2;
        if (ends || end[1 + indent] == '\n' || !end[1 + indent])
            break;
        end += 1 + strcspn(end + 1, "\n");
    }
    return end;
}

bool text_next_block(const char **details, struct text_block *block)
{
    const char *start = *details + strspn(*details, "\n");
    const size_t indent = strspn(start, " ");
    *block = (struct text_block){0};
    if (!*start)
        return false;
    start += indent;
    const char *end = *details = find_end(start, indent > 0);
    if (indent) {
        const char *gap = strstr(start, "  ");
        block->term = (struct text_part){start, (size_t)((gap && gap < end ? gap : end) - start)};
        start += block->term.length;
    }
    block->body = (struct text_part){start, (size_t)(end - start)};
    return true;
}

int text_columns(struct text_part part)
{
    int columns = 0;
    for (size_t i = 0; i < part.length; i++)
        columns += (part.start[i] & 0xC0) != 0x80; /* every byte of a character but its first is 10xxxxxx */
    return columns;
}

void text_fill(FILE *stream, struct text_part text, int column, int indent)
{
    struct text_part word;
    bool first = true; /* word of its line */
    if (column > indent) {
        fputc('\n', stream);
        column = 0;
    }
    while (text_next_word(&text, &word)) {
        const int columns = text_columns(word);
        if (!first && column + 1 + columns > TEXT_WIDTH) {
            fputc('\n', stream);
            column = 0;
            first = true;
        }
        const int space = first ? indent - column : 1;
        fprintf(stream, "%*s%.*s", space, "", (int)word.length, word.start);
        column += space + columns;
        first = false;
    }
    fputc('\n', stream);
}

void text_join(const char *const *words, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; words[i] && used < size; i++) {
        const char *before = i == 0 ? "" : words[i + 1] ? ", " : " or ";
        used += (size_t)snprintf(text + used, size - used, "%s%s", before, words[i]);
    }
}
