/* SPDX-License-Identifier: MIT
 *
 * Files that a program itself writes, the same for every program of the project.
 */
#ifndef LAM_CLI_OUTPUT_H
#define LAM_CLI_OUTPUT_H

#include <stddef.h>
#include <stdio.h>

/* Finds out before the work whether `path` can be written; changes nothing. `option` is the option that named it. */
int check_writable(const char *option, const char *path);
/* The same for a drawing, which does not go to standard output; NULL: there is none to be written. */
int check_drawing(const char *option, const char *path);
/* A number, or null where it is not finite. */
void json_number(FILE *file, double value);
void json_text(FILE *file, const char *before, const char *text);
void json_field(FILE *file, const char *before, const char *name, double value);
/* Hands `write` a stream; a file at `path` is replaced as a whole or stays as it was. "-" is standard output. */
int write_file(const char *path, void (*write)(FILE *file, const void *user), const void *user);
/* Memory that lasts until the program ends; ends it with a sentence where there is none. */
void *program_memory(size_t count, size_t size);

#endif
