/* SPDX-License-Identifier: MIT
 *
 * Curves in complex numbers, by their definitions; which branch of one holds, the real part says.
 */
#include "complex_step.h"

#include "blas/gemm.h"
#include "support.h"
#include <math.h>

typedef double complex number;

static number logistic(number z) { return creal(z) < 0 ? cexp(z) / (1 + cexp(z)) : 1 / (1 + cexp(-z)); }
static number softplus(number z) { return creal(z) < 0 ? clog(1 + cexp(z)) : z + clog(1 + cexp(-z)); }

/* erfc(z) / 2. To the right by its continued fraction; elsewhere from erf = 2/sqrt(pi) e^(-z^2) sum_n 2^n z^(2n+1) / (2n+1)!!,
 * whose terms have one sign for real z. Source: Abramowitz, Stegun, "Handbook of mathematical functions", 7.1.6 and 7.1.14. */
static number half_erfc(number z) {
  number term = z, sum = 0, fraction = z;
  if (creal(z) < -1.5) return 1 - half_erfc(-z);
  if (creal(z) > 1.5) {
    for (int n = 200; n > 0; n--) fraction = z + n / 2.0 / fraction;
    return 0.28209479177387814347 * cexp(-z * z) / fraction;
  }
  for (int n = 0; n < 400; n++) {
    sum += term;
    term *= 2 * z * z / (2 * n + 3);
  }
  return 0.5 - 0.56418958354775628695 * cexp(-z * z) * sum;
}

static number between(number z, double low, double high, number inside) {
  return creal(z) <= low ? 0 : creal(z) >= high ? 1 : inside;
}

static number rectifier(number z, const double *p) { return creal(z) <= p[2] ? p[0] * (z - p[2]) : creal(z) < p[1] ? z : p[1]; }

static number activation(lam_activation a, const double *p, number z) {
  number s, hard = between(z, -3, 3, (z + 3) / 6), ramp = between(z, -1, 1, (z + 1) / 2);
  switch (a) {
  case LAM_LINEAR: return z;
  case LAM_RELU:
  case LAM_RELU6:
  case LAM_LEAKY_RELU: return rectifier(z, p);
  case LAM_SIGMOID: return logistic(z);
  case LAM_TANH: return ctanh(z);
  case LAM_ELU:
  case LAM_SELU:
  case LAM_CELU: return creal(z) > 0 ? p[1] * z : p[0] * (cexp(p[2] * z) - 1);
  case LAM_GELU: return z * half_erfc(-z * 0.70710678118654752440);
  case LAM_GELU_TANH: return z * logistic(1.59576912160573071176 * (z + 0.044715 * z * z * z));
  case LAM_SILU: return z * logistic(z);
  case LAM_MISH: return z * ctanh(softplus(z));
  case LAM_SOFTPLUS: return softplus(z);
  case LAM_SOFTSIGN: return creal(z) < 0 ? z / (1 - z) : z / (1 + z);
  case LAM_HARD_SIGMOID: return hard;
  case LAM_HARD_SILU: return z * hard;
  case LAM_LOG_SIGMOID: return -softplus(-z);
  case LAM_EXPONENTIAL: return cexp(z);
  case LAM_HARD_TANH: return 2 * ramp - 1;
  case LAM_HARD_SHRINK: return fabs(creal(z)) > p[0] ? z : 0;
  case LAM_SOFT_SHRINK: return creal(z) > p[0] ? z - p[0] : creal(z) < -p[0] ? z + p[0] : 0;
  case LAM_TANH_SHRINK: return z - ctanh(z);
  case LAM_THRESHOLD: return creal(z) > p[0] ? z : p[1];
  case LAM_SQUAREPLUS: s = csqrt(z * z + p[0]); return creal(z) > 0 ? (z + s) / 2 : p[0] / 2 / (s - z);
  case LAM_SPARSE_PLUS: return creal(z) >= 1 ? z : ramp * ramp;
  case LAM_SPARSE_SIGMOID: return ramp;
  default: fail_msg("no complex activation %d", (int)a); return 0;
  }
}

static number elementary(lam_curve_name name, const double *p, number z) {
  switch (name) {
  case LAM_CURVE_EXP: return cexp(z);
  case LAM_CURVE_LOG: return clog(z);
  case LAM_CURVE_SQRT: return csqrt(z);
  case LAM_CURVE_ABSOLUTE: return creal(z) < 0 ? -z : z;
  case LAM_CURVE_CLIP: return creal(z) < p[0] ? p[0] : creal(z) > p[1] ? p[1] : z;
  case LAM_CURVE_HUBER: return fabs(creal(z)) <= p[0] ? z * z / 2 : p[0] * ((creal(z) < 0 ? -z : z) - p[0] / 2);
  case LAM_CURVE_LOG_COSH: return clog(ccosh(z));
  default: fail_msg("no complex curve %d", (int)name); return 0;
  }
}

number complex_curve(const lam_curve *curve, const double *p, number z) {
  if (curve >= lam_curves && curve < lam_curves + LAM_CURVES) return elementary((lam_curve_name)(curve - lam_curves), p, z);
  return activation((lam_activation)(curve - lam_activation_curves), p, z);
}

double complex_step(const lam_tape *tape, lam_term by, lam_term of, number *room) {
  const double h = 1e-30;
  for (size_t i = 0; i <= of; i++) {
    const lam_entry *e = &tape->entries[i];
    number y = 0;
    if (e->kind == LAM_ENTRY_LEAF) y = tape->numbers[i].value;
    for (size_t k = 0; e->kind == LAM_ENTRY_SUM && k < e->count; k++)
      y += room[e->a + (int64_t)k * e->step_a] * room[e->b + (int64_t)k * e->step_b];
    if (e->kind == LAM_ENTRY_QUOTIENT) y = room[e->a] / room[e->b];
    if (e->kind == LAM_ENTRY_CURVE) y = complex_curve(e->curve, e->p, room[e->a]);
    room[i] = i == by ? y + I * h : y;
  }
  return cimag(room[of]) / h;
}
