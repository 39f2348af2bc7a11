/* SPDX-License-Identifier: MIT
 *
 * What is seen of a training that runs: Keras's progress line on a terminal, one plain line an epoch elsewhere.
 */
#ifndef LAM_CLI_PROGRESS_H
#define LAM_CLI_PROGRESS_H

#include <lamina.h>
#include <stdio.h>

typedef struct progress {
  FILE *stream; /* NULL: nothing is printed */
  bool bar;     /* the stream is a terminal */
  double epoch_begin, first_step_end, last_drawn;
  int width; /* columns of the line as it stands */
  bool open; /* the line is not ended yet */
} progress;

progress progress_on(FILE *stream);
void progress_update(progress *shown, const lam_progress *now);
/* Ends a line that a stop has left open. */
void progress_end(progress *shown);

#endif
