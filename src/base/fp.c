/* SPDX-License-Identifier: MIT
 *
 * The floating-point mode. The host may have set flush-to-zero (linking with -ffast-math does), another rounding or traps; the
 * library's results must not depend on that, nor the host's on the library. The register is written only where it differs.
 */
#include "base/context.h"

#if defined(__SSE2__)
#include <xmmintrin.h>

/* MXCSR rules all our arithmetic: all exceptions masked, round to nearest, no flush-to-zero, no denormals-are-zero. Its low six
 * bits only report; leaving puts them back too, so that the host sees no exception of ours. The x87's control word is here
 * because fesetround sets both and the C library's conversions of text look at it. */
enum { DEFAULT_MXCSR = 0x1F80, REPORTS = 0x3F, DEFAULT_X87 = 0x037F };

static uint16_t read_x87(void) {
  uint16_t word;
  __asm__ volatile("fnstcw %0" : "=m"(word));
  return word;
}

static void write_x87(uint16_t word) { __asm__ volatile("fldcw %0" : : "m"(word)); }

lam_fp_mode lam_fp_enter(void) {
  uint32_t mxcsr = _mm_getcsr();
  uint16_t x87 = read_x87();
  if ((mxcsr & ~(uint32_t)REPORTS) != DEFAULT_MXCSR) _mm_setcsr(DEFAULT_MXCSR);
  if (x87 != DEFAULT_X87) write_x87(DEFAULT_X87);
  return (lam_fp_mode){ (uint64_t)x87 << 32 | mxcsr };
}

void lam_fp_leave(lam_fp_mode mode) {
  uint32_t mxcsr = (uint32_t)mode.saved;
  uint16_t x87 = (uint16_t)(mode.saved >> 32);
  if (_mm_getcsr() != mxcsr) _mm_setcsr(mxcsr);
  if (read_x87() != x87) write_x87(x87);
}

#elif defined(__aarch64__)

/* FPCR: bits 26 to 19 are default NaN, flush-to-zero, rounding and half flush-to-zero, 15 to 8 enable traps, the low three are
 * other ways to flush; all zero is the default. */
#define MODE_BITS UINT64_C(0x07F89F07)

static uint64_t read_mode(void) {
  uint64_t mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
}

static void write_mode(uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode)); }

lam_fp_mode lam_fp_enter(void) {
  uint64_t saved = read_mode();
  if (saved & MODE_BITS) write_mode(saved & ~MODE_BITS);
  return (lam_fp_mode){ saved };
}

void lam_fp_leave(lam_fp_mode mode) {
  if (read_mode() != mode.saved) write_mode(mode.saved);
}

#else
#include <fenv.h>

/* Portable C can only change the rounding. */
lam_fp_mode lam_fp_enter(void) {
  int saved = fegetround();
  if (saved != FE_TONEAREST) fesetround(FE_TONEAREST);
  return (lam_fp_mode){ (uint64_t)saved };
}

void lam_fp_leave(lam_fp_mode mode) {
  if (fegetround() != (int)mode.saved) fesetround((int)mode.saved);
}
#endif
