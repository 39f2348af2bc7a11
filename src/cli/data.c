/* SPDX-License-Identifier: MIT
 *
 * `lamina data`: what a data set holds, and pictures of its rows.
 */
#include "cli/cli.h"
#include "cli/picture.h"
#include "data/dataset.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

static const char *type_name(lam_type type) {
  return type == LAM_UINT8 ? "bytes" : type == LAM_INT32 ? "32-bit integers" : "floats";
}

static size_t row_size(const lam_array *array) {
  size_t count;
  (void)lam_shape_count(array->shape, &count);
  return count;
}

/* ---- in words ---- */

/* " from 0 to 255, mean 72.94" of all elements */
static void print_range(const lam_dataset *data, const lam_array *array) {
  double least = (double)INFINITY, most = -least, sum = 0;
  size_t count = row_size(array), rows = lam_dataset_rows(data);
  for (size_t i = 0; i < rows; i++) {
    const void *row = lam_dataset_row(data, array, i);
    for (size_t j = 0; j < count; j++) {
      double value = picture_element(array, row, j);
      least = fmin(least, value);
      most = fmax(most, value);
      sum += value;
    }
  }
  printf(" from %.6g to %.6g, mean %.6g", least, most, sum / ((double)rows * (double)count));
}

static void print_classes(const lam_dataset *data) {
  size_t classes = lam_dataset_classes(data);
  size_t *count = program_memory(classes, sizeof *count);
  for (size_t i = 0; i < lam_dataset_rows(data); i++) {
    uint32_t row = (uint32_t)i;
    int32_t label;
    lam_dataset_gather_labels(data, 0, &row, 1, &label);
    if (label >= 0) count[label]++;
  }
  printf("  targets: %zu classes\n", classes);
  for (size_t i = 0; i < classes; i++)
    printf("    class %-4zu %7zu rows  %5.1f %%%s%s\n", i, count[i], 100.0 * (double)count[i] / (double)lam_dataset_rows(data),
           lam_dataset_class_name(data, i) ? "  " : "", lam_dataset_class_name(data, i) ? lam_dataset_class_name(data, i) : "");
}

static void print_part(const char *name, const lam_dataset *data) {
  const lam_array *input = lam_dataset_input(data, 0), *target = lam_dataset_target(data, 0);
  char shape[96];
  float scale, offset;
  lam_array_scaling(input, 0.0f, 0.0f, &scale, &offset);
  printf("%s: %zu rows\n  inputs: %s of shape %s", name, lam_dataset_rows(data), type_name(input->type),
         lam_shape_text(shape, input->shape));
  print_range(data, input);
  printf("\n  a network sees %.6g x value", (double)scale);
  printf(offset != 0.0f ? " + %.6g\n" : "\n", (double)offset);
  if (lam_dataset_classes(data)) {
    print_classes(data);
  } else if (target) {
    printf("  targets: %s of shape %s", type_name(target->type), lam_shape_text(shape, target->shape));
    print_range(data, target);
    putchar('\n');
  } else
    puts("  targets: none");
}

/* ---- in pictures ---- */

/* The range of all elements of the picture, so that each is seen in full. */
static int grey(const lam_array *array, const void *row, size_t index, double least, double most, int levels) {
  double value = most > least ? (picture_element(array, row, index) - least) / (most - least) : 0;
  int level = (int)(value * levels);
  return level < levels ? level : levels - 1;
}

/* Two lines of the picture in one of the terminal: the upper half of each character is drawn in one grey over the other. */
static void draw_blocks(const lam_array *array, const void *row, size_t height, size_t width, double least, double most) {
  for (size_t y = 0; y < height; y += 2) {
    for (size_t x = 0; x < width; x++) {
      int upper = 232 + grey(array, row, y * width + x, least, most, 24);
      int lower = y + 1 < height ? 232 + grey(array, row, (y + 1) * width + x, least, most, 24) : 232;
      printf("\033[38;5;%dm\033[48;5;%dm\u2580", upper, lower);
    }
    puts("\033[0m");
  }
}

static void draw_letters(const lam_array *array, const void *row, size_t height, size_t width, double least, double most) {
  static const char ramp[] = " .:-=+*#%@";
  for (size_t y = 0; y < height; y++) {
    for (size_t x = 0; x < width; x++) {
      char c = ramp[grey(array, row, y * width + x, least, most, (int)sizeof ramp - 1)];
      printf("%c%c", c, c);
    }
    putchar('\n');
  }
}

static int draw(const lam_dataset *data, size_t pictures) {
  const lam_array *input = lam_dataset_input(data, 0);
  size_t height, width;
  char text[96];
  if (!picture_size(input->shape, &height, &width))
    return failed("--draw: rows of shape %s are not pictures", lam_shape_text(text, input->shape));
  for (size_t i = 0; i < pictures && i < lam_dataset_rows(data); i++) {
    const void *row = lam_dataset_row(data, input, i);
    double least, most;
    picture_range(input, row, height * width, &least, &most);
    printf("row %zu", i);
    if (lam_dataset_classes(data)) {
      uint32_t at = (uint32_t)i;
      int32_t label;
      lam_dataset_gather_labels(data, 0, &at, 1, &label);
      printf(", class %d", (int)label);
    }
    putchar('\n');
    (isatty(STDOUT_FILENO) ? draw_blocks : draw_letters)(input, row, height, width, least, most);
  }
  return EXIT_OK;
}

int run_data(const settings *options) {
  source opened;
  int code = check_source(options);
  if (code) return code;
  lam_context *context = open_context(options);
  code = lam_error_status(context) ? library_failed(context) : open_source(context, options, &opened);
  if (!code && options->draw) {
    code = draw(opened.train, options->draw);
  } else if (!code) {
    print_part(opened.test ? "train" : "all", opened.train);
    if (opened.test) print_part("test", opened.test);
  }
  lam_context_destroy(context);
  return code;
}
