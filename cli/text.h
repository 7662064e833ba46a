/**
 * Text for people: lines that are filled, and the few forms that a command's details may have.
 *
 * Details are paragraphs, separated by empty lines, and lists: a line that begins with two spaces is an item, a term and,
 * after two spaces or more, what it means; lines indented further go on with it. Where else lines break does not matter:
 *
 *     "Writes one file for each:\n"
 *     "  coarse   what is rough,\n"
 *     "           and stays so\n"
 *     "  fine     what is not"
 */
#ifndef MGM_CLI_TEXT_H
#define MGM_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { TEXT_WIDTH = 80 };

/** A stretch of a longer text; not terminated. */
struct text_part {
    const char *start;
    size_t length;
};

struct text_block {
    struct text_part term; /* empty: a paragraph */
    struct text_part body;
};

/**
 * Takes the next word, what stands between spaces and line breaks, off the part. Spaces in brackets, "[--trimap DIR]", do
 * not end it.
 * @return false if there is none left
 */
bool text_next_word(struct text_part *rest, struct text_part *word);

/** Takes the next paragraph or item off details. @return false at the end */
bool text_next_block(const char **details, struct text_block *block);

/** Columns that a text in UTF-8 takes, where a character is one column wide. */
int text_columns(struct text_part part);

struct text_part text_whole(const char *text);

/**
 * Prints the words with one space between, and breaks lines before they grow longer than TEXT_WIDTH columns; ends the last
 * one.
 * @param column  where the cursor stands; if that is beyond indent, a new line is begun
 * @param indent  where all lines begin
 */
void text_fill(FILE *stream, struct text_part text, int column, int indent);

/** "png, jpg or gif" from a list that ends with NULL. */
void text_join(const char *const *words, char *text, size_t size);

#endif
