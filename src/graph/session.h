/* SPDX-License-Identifier: MIT
 *
 * Sessions from the inside, for predict, which runs one over a dataset.
 */
#ifndef LAM_GRAPH_SESSION_H
#define LAM_GRAPH_SESSION_H

#include "graph/plan.h"

struct lam_session {
  lam_object object;
  lam_model *model;
  lam_plan *plan; /* of a block of rows */
  size_t max_rows, block;
  char message[512];
};

/* A call with many rows goes through the network in blocks of `block`. */
lam_session *lam_session_open(lam_model *model, size_t max_rows, lam_output_kind kind, const struct lam_gemm *gemm);
/* The classes by an output of the rows whose forward operations have run. */
void lam_session_tell_classes(const lam_session *session, const lam_step *step, size_t output, int32_t *classes);

#endif
