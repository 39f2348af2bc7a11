/* SPDX-License-Identifier: MIT
 *
 * The vector: 16 floats, whatever the instruction set. Each vec_*.h builds lam_vec, lam_ints and lam_mask from its own registers;
 * this file picks one by -DLAM_ISA_* and adds what can be said in terms of them. Every operation gives the same bits everywhere:
 * fma rounds once, max and min are compare-and-select, folds run in one fixed tree, sqrt and division are IEEE.
 *
 * A kernel source includes this file and is compiled once per instruction set. All in it is static but the functions that
 * LAM_KERNEL names, or the linker might keep the copy of one instruction set for all.
 *
 * What each vec_*.h provides, for lanes i = 0..15:
 *   vec_splat(a)                a in every lane              vec_load(p), vec_store(p, v)
 *   vec_load_n(p, n)            the first n lanes, the others 0; nothing beyond p[n - 1] is touched; n may be 0..16
 *   vec_store_n(p, v, n)        the first n lanes, likewise
 *   vec_load_bytes(p)           16 bytes as floats           vec_load_bytes_n(p, n)
 *   vec_add sub mul div (a, b)  vec_sqrt(a)                  vec_fma(a, b, c) = a b + c       vec_fnma(a, b, c) = c - a b
 *   vec_max(a, b) = a > b ? a : b                            vec_min(a, b) = a < b ? a : b    (b where either is a NaN)
 *   vec_scale(a, n)             a 2^n, rounded once, for integral n in [-200, 200] and |a| <= 2 (1024 where n <= 0) or a NaN;
 *                               where n < 0 and a 2^(n/2) is denormal, a 2^n must be 0
 *   vec_bits(a), vec_from_bits(i)                            the same 32 bits seen as integers, as floats
 *   ints_splat add sub and or xor                            vec_from_ints(i): conversion
 *   ints_from_exponent(i)       i >> 23, arithmetic          ints_to_exponent(i) = i << 23
 *   vec_less(a, b), vec_equal(a, b), vec_is_nan(a)           masks; mask_first(n): lanes below n; mask_and(a, b)
 *   vec_select(m, a, b)         m ? a : b                    ints_select(m, a, b)
 *   vec_sum(a)                  lanes i and i + 8, then + 4, + 2, + 1
 *   vec_max_lane(a)             in the same tree
 */
#ifndef LAM_KERNELS_VEC_H
#define LAM_KERNELS_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "fast-math changes results: build without it"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ != 0
#error "floats must be computed as floats (on x86: SSE, not the x87)"
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off") /* in gnu mode gcc would fuse even intrinsics */
#endif

#define LAM_LANES 16
/* Loops over vectors are fast only where every step of them is inlined; compilers give up on long bodies unless told. Sanitized
 * arrays of the portable level would take them minutes a file that way, and need no speed. */
#if defined(LAM_ISA_PORTABLE) && defined(__SANITIZE_ADDRESS__)
#define LAM_INLINE static __attribute__((noinline, unused))
#else
#define LAM_INLINE static inline __attribute__((always_inline))
#endif
/* The name of a kernel at this instruction set: lam_relu_avx2. */
#define LAM_PASTE_(name, isa) lam_##name##_##isa
#define LAM_PASTE(name, isa) LAM_PASTE_(name, isa)
#define LAM_KERNEL(name) LAM_PASTE(name, LAM_ISA)

#if defined(LAM_ISA_AVX512)
#include "kernels/vec_avx512.h"
#elif defined(LAM_ISA_AVX2)
#include "kernels/vec_avx2.h"
#elif defined(LAM_ISA_NEON)
#include "kernels/vec_neon.h"
#elif defined(LAM_ISA_PORTABLE)
#include "kernels/vec_portable.h"
#else
#error "compile with one of -DLAM_ISA_AVX512, _AVX2, _NEON, _PORTABLE"
#endif

LAM_INLINE lam_vec vec_zero(void) { return vec_splat(0.0f); }

/* The first n lanes from memory, the others from `rest`: the neutral element of what follows. */
LAM_INLINE lam_vec vec_load_n_or(const float *p, size_t n, lam_vec rest) {
  return vec_select(mask_first(n), vec_load_n(p, n), rest);
}

/* Unrolls a loop before registers are given out. The two compilers ask for it in different words. Portable vectors are loops
 * themselves, whose unrolling would only keep the compiler busy. */
#if defined(LAM_ISA_PORTABLE)
#define LAM_UNROLL
#elif defined(__clang__)
#define LAM_UNROLL _Pragma("clang loop unroll(full)")
#else
#define LAM_UNROLL _Pragma("GCC unroll 16")
#endif

/* max(0, x) leaves a NaN and -0 as they are; adding 0 turns -0 into 0. */
LAM_INLINE lam_vec vec_relu(lam_vec x) { return vec_add(vec_max(vec_zero(), x), vec_zero()); }

LAM_INLINE lam_vec vec_abs(lam_vec a) { return vec_from_bits(ints_and(vec_bits(a), ints_splat(0x7fffffff))); }

LAM_INLINE lam_vec vec_neg(lam_vec a) { return vec_from_bits(ints_xor(vec_bits(a), ints_splat(INT32_MIN))); }

/* |a| with the sign of b; a must not be negative. */
LAM_INLINE lam_vec vec_with_sign(lam_vec a, lam_vec b) {
  return vec_from_bits(ints_or(vec_bits(a), ints_and(vec_bits(b), ints_splat(INT32_MIN))));
}

#endif
