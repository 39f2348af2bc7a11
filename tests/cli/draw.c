/* SPDX-License-Identifier: MIT
 *
 * Hands the program's drawings numbers that no training has: a helper of test_drawings.py. `draw curve FILE` reads loss,
 * accuracy, val_loss and val_accuracy of each epoch; `draw text FILE` writes standard input as a text of a drawing.
 */
#include "cli/plot.h"
#include "cli/svg.h"
#include <string.h>

static void write_text(FILE *file, const void *text) {
  svg_begin(file, 100, 100, text, "");
  svg_text(file, 10, 10, "", "%s", (const char *)text);
  svg_end(file);
}

int main(int count, char **arguments) {
  static lam_epoch epochs[5000];
  static char text[4096];
  if (count != 3) return 2;
  if (strcmp(arguments[1], "text") == 0) {
    text[fread(text, 1, sizeof text - 1, stdin)] = 0;
    return write_file(arguments[2], write_text, text);
  }
  size_t n = 0;
  for (lam_epoch e = { 0 }; n < 5000 && scanf("%lf %lf %lf %lf", &e.loss, &e.accuracy, &e.val_loss, &e.val_accuracy) == 4; n++)
    epochs[n] = e;
  return plot_curve(arguments[2], epochs, n);
}
