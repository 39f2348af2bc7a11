/* SPDX-License-Identifier: MIT
 *
 * The vector in four NEON registers (AArch64). See vec.h for what each function means.
 */
#ifndef LAM_KERNELS_VEC_NEON_H
#define LAM_KERNELS_VEC_NEON_H

#include <arm_neon.h>

typedef struct lam_vec {
  float32x4_t q[4];
} lam_vec;
typedef struct lam_ints {
  int32x4_t q[4];
} lam_ints;
typedef struct lam_mask {
  uint32x4_t q[4];
} lam_mask; /* a lane is all ones or all zeros */

/* What all four quarters undergo; e is an expression in i. A function cannot take an intrinsic as its argument. */
#define LAM_QUARTERS(type, e)                                                                                                    \
  type r;                                                                                                                        \
  for (int i = 0; i < 4; ++i) r.q[i] = e;                                                                                        \
  return r

LAM_INLINE lam_mask mask_first(size_t n) {
  static const uint32_t lane[LAM_LANES] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
  LAM_QUARTERS(lam_mask, vcltq_u32(vld1q_u32(lane + 4 * i), vdupq_n_u32((uint32_t)n)));
}
LAM_INLINE lam_mask mask_and(lam_mask a, lam_mask b) { LAM_QUARTERS(lam_mask, vandq_u32(a.q[i], b.q[i])); }

LAM_INLINE lam_vec vec_splat(float a) { LAM_QUARTERS(lam_vec, vdupq_n_f32(a)); }
LAM_INLINE lam_vec vec_load(const float *p) { LAM_QUARTERS(lam_vec, vld1q_f32(p + 4 * i)); }
LAM_INLINE void vec_store(float *p, lam_vec v) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, v.q[i]);
}
LAM_INLINE lam_vec vec_load_n(const float *p, size_t n) {
  float lanes[LAM_LANES] = { 0 };
  memcpy(lanes, p, n * sizeof *p);
  return vec_load(lanes);
}
LAM_INLINE void vec_store_n(float *p, lam_vec v, size_t n) {
  float lanes[LAM_LANES];
  vec_store(lanes, v);
  memcpy(p, lanes, n * sizeof *p);
}
LAM_INLINE lam_vec vec_load_bytes(const uint8_t *p) {
  uint8x16_t bytes = vld1q_u8(p);
  uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
  return (lam_vec){ { vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(low))),
                      vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))), vcvtq_f32_u32(vmovl_u16(vget_high_u16(high))) } };
}
LAM_INLINE lam_vec vec_load_bytes_n(const uint8_t *p, size_t n) {
  uint8_t bytes[LAM_LANES] = { 0 };
  memcpy(bytes, p, n);
  return vec_load_bytes(bytes);
}

LAM_INLINE lam_vec vec_add(lam_vec a, lam_vec b) { LAM_QUARTERS(lam_vec, vaddq_f32(a.q[i], b.q[i])); }
LAM_INLINE lam_vec vec_sub(lam_vec a, lam_vec b) { LAM_QUARTERS(lam_vec, vsubq_f32(a.q[i], b.q[i])); }
LAM_INLINE lam_vec vec_mul(lam_vec a, lam_vec b) { LAM_QUARTERS(lam_vec, vmulq_f32(a.q[i], b.q[i])); }
LAM_INLINE lam_vec vec_div(lam_vec a, lam_vec b) { LAM_QUARTERS(lam_vec, vdivq_f32(a.q[i], b.q[i])); }
LAM_INLINE lam_vec vec_sqrt(lam_vec a) { LAM_QUARTERS(lam_vec, vsqrtq_f32(a.q[i])); }
LAM_INLINE lam_vec vec_fma(lam_vec a, lam_vec b, lam_vec c) { LAM_QUARTERS(lam_vec, vfmaq_f32(c.q[i], a.q[i], b.q[i])); }
LAM_INLINE lam_vec vec_fnma(lam_vec a, lam_vec b, lam_vec c) { LAM_QUARTERS(lam_vec, vfmsq_f32(c.q[i], a.q[i], b.q[i])); }
/* Not vmaxq and vminq, which treat NaNs and zeros otherwise. */
LAM_INLINE lam_vec vec_max(lam_vec a, lam_vec b) { LAM_QUARTERS(lam_vec, vbslq_f32(vcgtq_f32(a.q[i], b.q[i]), a.q[i], b.q[i])); }
LAM_INLINE lam_vec vec_min(lam_vec a, lam_vec b) { LAM_QUARTERS(lam_vec, vbslq_f32(vcltq_f32(a.q[i], b.q[i]), a.q[i], b.q[i])); }

LAM_INLINE lam_ints vec_bits(lam_vec a) { LAM_QUARTERS(lam_ints, vreinterpretq_s32_f32(a.q[i])); }
LAM_INLINE lam_vec vec_from_bits(lam_ints a) { LAM_QUARTERS(lam_vec, vreinterpretq_f32_s32(a.q[i])); }
LAM_INLINE lam_vec vec_from_ints(lam_ints a) { LAM_QUARTERS(lam_vec, vcvtq_f32_s32(a.q[i])); }
LAM_INLINE lam_ints ints_splat(int32_t a) { LAM_QUARTERS(lam_ints, vdupq_n_s32(a)); }
LAM_INLINE lam_ints ints_load(const int32_t *p) { LAM_QUARTERS(lam_ints, vld1q_s32(p + 4 * i)); }
LAM_INLINE void ints_store(int32_t *p, lam_ints a) {
  for (int i = 0; i < 4; ++i) vst1q_s32(p + 4 * i, a.q[i]);
}
LAM_INLINE lam_ints ints_add(lam_ints a, lam_ints b) { LAM_QUARTERS(lam_ints, vaddq_s32(a.q[i], b.q[i])); }
LAM_INLINE lam_ints ints_sub(lam_ints a, lam_ints b) { LAM_QUARTERS(lam_ints, vsubq_s32(a.q[i], b.q[i])); }
LAM_INLINE lam_ints ints_and(lam_ints a, lam_ints b) { LAM_QUARTERS(lam_ints, vandq_s32(a.q[i], b.q[i])); }
LAM_INLINE lam_ints ints_or(lam_ints a, lam_ints b) { LAM_QUARTERS(lam_ints, vorrq_s32(a.q[i], b.q[i])); }
LAM_INLINE lam_ints ints_xor(lam_ints a, lam_ints b) { LAM_QUARTERS(lam_ints, veorq_s32(a.q[i], b.q[i])); }
LAM_INLINE lam_ints ints_from_exponent(lam_ints a) { LAM_QUARTERS(lam_ints, vshrq_n_s32(a.q[i], 23)); }
LAM_INLINE lam_ints ints_to_exponent(lam_ints a) { LAM_QUARTERS(lam_ints, vshlq_n_s32(a.q[i], 23)); }

/* 2^n for integral n in [-126, 127]. */
LAM_INLINE float32x4_t vec_power_of_two(float32x4_t n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23));
}
/* Two multiplications: the first is exact, since n/2 is far from either end of the exponents, so only the second rounds. */
LAM_INLINE float32x4_t vec_scale_quarter(float32x4_t a, float32x4_t n) {
  float32x4_t first = vrndnq_f32(vmulq_n_f32(n, 0.5f));
  return vmulq_f32(vmulq_f32(a, vec_power_of_two(first)), vec_power_of_two(vsubq_f32(n, first)));
}
LAM_INLINE lam_vec vec_scale(lam_vec a, lam_vec n) { LAM_QUARTERS(lam_vec, vec_scale_quarter(a.q[i], n.q[i])); }

LAM_INLINE lam_mask vec_less(lam_vec a, lam_vec b) { LAM_QUARTERS(lam_mask, vcltq_f32(a.q[i], b.q[i])); }
LAM_INLINE lam_mask vec_equal(lam_vec a, lam_vec b) { LAM_QUARTERS(lam_mask, vceqq_f32(a.q[i], b.q[i])); }
LAM_INLINE lam_mask vec_is_nan(lam_vec a) { LAM_QUARTERS(lam_mask, vmvnq_u32(vceqq_f32(a.q[i], a.q[i]))); }
LAM_INLINE lam_vec vec_select(lam_mask m, lam_vec a, lam_vec b) { LAM_QUARTERS(lam_vec, vbslq_f32(m.q[i], a.q[i], b.q[i])); }
LAM_INLINE lam_ints ints_select(lam_mask m, lam_ints a, lam_ints b) { LAM_QUARTERS(lam_ints, vbslq_s32(m.q[i], a.q[i], b.q[i])); }

LAM_INLINE float vec_sum(lam_vec a) {
  float32x4_t b = vaddq_f32(vaddq_f32(a.q[0], a.q[2]), vaddq_f32(a.q[1], a.q[3]));
  float32x2_t c = vadd_f32(vget_low_f32(b), vget_high_f32(b));
  return vget_lane_f32(c, 0) + vget_lane_f32(c, 1);
}
LAM_INLINE float vec_max_lane(lam_vec a) {
  float lanes[LAM_LANES];
  vec_store(lanes, a);
  for (int half = 8; half; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
  }
  return lanes[0];
}

#undef LAM_QUARTERS
#endif
