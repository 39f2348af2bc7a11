/* SPDX-License-Identifier: MIT
 *
 * Rows of data as pictures, and PNG.
 */
#ifndef LAM_CLI_PICTURE_H
#define LAM_CLI_PICTURE_H

#include <lamina.h>
#include <stdio.h>

/* Rows that are pictures have two axes, or three of which an outer one is 1. */
bool picture_size(lam_shape shape, size_t *height, size_t *width);
/* An element of a row as the data have it, unscaled. */
double picture_element(const lam_array *array, const void *row, size_t index);
/* The smallest and the largest finite of `count` elements; 0 and 0 where there is none. */
void picture_range(const lam_array *array, const void *row, size_t count, double *least, double *most);

/* Writes a picture of one byte a pixel as a data URI: data:image/png;base64,... The bytes count greys from black, or are indices
 * into a palette of 256 colours: `palette` is 256 times red, green, blue, opacity. */
void png_data_uri(FILE *file, const unsigned char *pixels, size_t width, size_t height, const unsigned char *palette);

#endif
