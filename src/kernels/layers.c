/* SPDX-License-Identifier: MIT
 *
 * Kernels of layers that are no activations: PReLU, whose slopes are weights, the gradient of Maximum and Minimum, and Dropout.
 */
#include "kernels/functions.h"
#include "kernels/level.h"
#include "kernels/rows.h"

/* ---- PReLU ------------------------------------------------------------------------------------------------------- */

/* A slope of 0 times -inf is 0 here. Source: He et al., "Delving deep into rectifiers", ICCV 2015. */
LAM_INLINE lam_vec prelu(lam_vec x, lam_vec slope) {
  lam_vec flat = vec_select(vec_is_nan(x), x, vec_zero());
  lam_vec below = vec_select(vec_equal(slope, vec_zero()), flat, vec_mul(slope, x));
  return vec_select(vec_less(vec_zero(), x), x, below);
}
LAM_INLINE lam_vec prelu_slope(lam_vec dy, lam_vec x, lam_vec slope) {
  return vec_select(vec_less(vec_zero(), x), dy, vec_select(vec_is_nan(x), x, vec_mul(dy, slope)));
}

void LAM_KERNEL(prelu)(float *y, size_t ldy, const float *x, size_t ldx, const float *slopes, size_t rows, size_t columns) {
  map_binary(prelu, y, ldy, x, ldx, slopes, 0, rows, columns);
}

void LAM_KERNEL(prelu_backward)(float *dx, size_t lddx, const float *dy, size_t lddy, const float *x, size_t ldx,
                                const float *slopes, size_t rows, size_t columns) {
  size_t full = row_full(columns), rest = columns - full;
  for (; rows; --rows, dx += lddx, dy += lddy, x += ldx) {
    for (size_t j = 0; j < full; j += LAM_LANES)
      vec_store(dx + j, prelu_slope(vec_load(dy + j), vec_load(x + j), vec_load(slopes + j)));
    vec_store_n(dx + full, prelu_slope(vec_load_n(dy + full, rest), vec_load_n(x + full, rest), vec_load_n(slopes + full, rest)),
                rest);
  }
}

/* The gradient of the slopes: sums of dy x over the rows where x < 0, one chain a column. */
LAM_INLINE lam_vec prelu_step(lam_vec sum, lam_vec dy, lam_vec x) {
  return vec_select(vec_less(vec_zero(), x), sum, vec_fma(dy, x, sum));
}
void LAM_KERNEL(prelu_slopes)(float *dslopes, const float *dy, size_t lddy, const float *x, size_t ldx, size_t rows,
                              size_t columns) {
  for (size_t j = 0; j < columns; j += LAM_LANES) {
    size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
    lam_vec sum = vec_zero();
    for (size_t i = 0; i < rows; ++i) sum = prelu_step(sum, vec_load_n(dy + i * lddy + j, n), vec_load_n(x + i * ldx + j, n));
    vec_store_n(dslopes + j, sum, n);
  }
}

/* ---- Maximum and Minimum ----------------------------------------------------------------------------------------- */

/* Where x is y, one of the inputs that y was chosen from, dx = rest and nothing is left for the inputs behind it. */
void LAM_KERNEL(pass_equal)(float *dx, size_t lddx, float *rest, size_t ldrest, const float *x, size_t ldx, const float *y,
                            size_t ldy, size_t rows, size_t columns) {
  for (; rows; --rows, dx = dx ? dx + lddx : NULL, rest += ldrest, x += ldx, y += ldy) {
    for (size_t j = 0; j < columns; j += LAM_LANES) {
      size_t n = columns - j < LAM_LANES ? columns - j : LAM_LANES;
      lam_vec left = vec_load_n(rest + j, n);
      lam_mask here = vec_equal(vec_load_n(x + j, n), vec_load_n(y + j, n));
      if (dx) vec_store_n(dx + j, vec_select(here, left, vec_zero()), n);
      vec_store_n(rest + j, vec_select(here, vec_zero(), left), n);
    }
  }
}

/* ---- Dropout ----------------------------------------------------------------------------------------------------- */

enum { BLOCKS = 16 };

/* 16 blocks of Philox4x32-10 side by side, as lam_random_bits (src/base/random.c), whose source is told there. */
static void random_words(uint32_t words[4 * BLOCKS], uint64_t block, uint64_t stream, uint64_t seed) {
  uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS], k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  for (size_t i = 0; i < BLOCKS; ++i) {
    c0[i] = (uint32_t)(block + i);
    c1[i] = (uint32_t)((block + i) >> 32);
    c2[i] = (uint32_t)stream;
    c3[i] = (uint32_t)(stream >> 32);
  }
  for (int round = 0; round < 10; ++round) {
    for (size_t i = 0; i < BLOCKS; ++i) {
      uint64_t product0 = UINT64_C(0xD2511F53) * c0[i], product1 = UINT64_C(0xCD9E8D57) * c2[i];
      c0[i] = (uint32_t)(product1 >> 32) ^ c1[i] ^ k0;
      c1[i] = (uint32_t)product1;
      c2[i] = (uint32_t)(product0 >> 32) ^ c3[i] ^ k1;
      c3[i] = (uint32_t)product0;
    }
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  for (size_t i = 0; i < BLOCKS; ++i) {
    words[4 * i] = c0[i];
    words[4 * i + 1] = c1[i];
    words[4 * i + 2] = c2[i];
    words[4 * i + 3] = c3[i];
  }
}

/* Element i stays, divided by 1 - rate, where number first + i of the stream is at least the rate. A number is a word's upper 24
 * bits over 2^24: comparing integers gives what comparing floats would. */
void LAM_KERNEL(dropout)(float *y, const float *x, float rate, uint64_t seed, uint64_t stream, uint64_t first, size_t count) {
  uint32_t words[4 * BLOCKS], limit = (uint32_t)(rate * 0x1p24f);
  limit += (float)limit < rate * 0x1p24f;
  float scale = 1.0f / (1.0f - rate);
  for (size_t i = 0, skip = first % 4; i < count; skip = 0) {
    size_t n = 4 * BLOCKS - skip < count - i ? 4 * BLOCKS - skip : count - i;
    random_words(words, (first + i) / 4, stream, seed);
    for (size_t j = 0; j < n; ++j) y[i + j] = words[skip + j] >> 8 >= limit ? x[i + j] * scale : 0.0f;
    i += n;
  }
}
