/* SPDX-License-Identifier: MIT
 *
 * Matrix product in its plainest form, to be replaced by the register-tiled one: each output is one chain of fused multiply-adds
 * in increasing k, then C = alpha sum + beta C, where beta = 0 never reads C.
 */
#include "kernels/level.h"

LAM_INLINE lam_vec load_columns(const float *b, size_t ldb, int transb, size_t p, size_t j, size_t n) {
  if (!transb) return vec_load_n(b + p * ldb + j, n);
  float lanes[LAM_LANES] = { 0 };
  for (size_t i = 0; i < n; ++i) lanes[i] = b[(j + i) * ldb + p];
  return vec_load(lanes);
}

void LAM_KERNEL(gemm)(int transa, int transb, size_t m, size_t n, size_t k, float alpha, const float *a, size_t lda,
                      const float *b, size_t ldb, float beta, float *c, size_t ldc) {
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; j += LAM_LANES) {
      size_t width = n - j < LAM_LANES ? n - j : LAM_LANES;
      lam_vec sum = vec_zero();
      for (size_t p = 0; p < k; ++p) {
        sum = vec_fma(vec_splat(transa ? a[p * lda + i] : a[i * lda + p]), load_columns(b, ldb, transb, p, j, width), sum);
      }
      sum = vec_mul(vec_splat(alpha), sum);
      float *out = c + i * ldc + j;
      vec_store_n(out, beta == 0.0f ? sum : vec_fma(vec_splat(beta), vec_load_n(out, width), sum), width);
    }
  }
}
