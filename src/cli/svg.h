/* SPDX-License-Identifier: MIT
 *
 * A small writer of SVG, shared by the drawings: a style that follows the reader's light or dark setting, and text that cannot
 * break the markup whatever it says.
 */
#ifndef LAM_CLI_SVG_H
#define LAM_CLI_SVG_H

#include <stdio.h>

/* Begins a drawing of this many pixels. `title` is shown on hovering and read aloud; `style` is CSS beside the shared one, which
 * has the classes paper, line (axes), grid, text; of texts soft, small, strong, middle, end. */
void svg_begin(FILE *file, double width, double height, const char *title, const char *style);
void svg_end(FILE *file);

/* A formatted text, of at most 255 bytes, at a place; `classes` as in HTML, or "". */
void svg_text(FILE *file, double x, double y, const char *classes, const char *format, ...) __attribute__((format(printf, 5, 6)));
void svg_line(FILE *file, double x1, double y1, double x2, double y2, const char *classes);
/* Writes text for markup: & < > " ' escaped, U+FFFD for bytes that are no UTF-8 and characters that XML has no place for. */
void svg_escape(FILE *file, const char *text);

#endif
