/* SPDX-License-Identifier: MIT
 *
 * The warnings: which libraries run kernels below this CPU, by what they say of themselves, and the setting that mends it.
 */
#include "blas/gemm.h"
#include "support.h"
#include <stdio.h>

static const char *const variables[] = { "OPENBLAS_CORETYPE", "BLIS_ARCH_TYPE",          "ONEDNN_MAX_CPU_ISA",
                                         "DNNL_MAX_CPU_ISA",  "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE",
                                         "MKL_CBWR" };

#define MKL(year) "Intel(R) Math Kernel Library Version " year " Product Build 1"

/* What is warned of on a CPU with AVX-512 and on one with AVX2 at the most: words of the sentence, NULL: nothing. */
static const struct warning {
  const char *version, *core, *setting, *variable, *value, *avx512, *avx2;
} warnings[] = {
  { "OpenBLAS 0.3 DYNAMIC_ARCH", "SkylakeX", "", NULL, "", NULL, NULL },
  { "OpenBLAS 0.3 DYNAMIC_ARCH", "of tomorrow", "", NULL, "", NULL, NULL },
  { "OpenBLAS 0.3 DYNAMIC_ARCH", "Haswell", "", NULL, "", "set OPENBLAS_CORETYPE=SkylakeX", NULL },
  { "OpenBLAS 0.3 DYNAMIC_ARCH", "Haswell", "", "OPENBLAS_CORETYPE", "Haswell", "unset OPENBLAS_CORETYPE, which is \"Haswell\"",
    NULL },
  { "OpenBLAS 0.3 DYNAMIC_ARCH", "Prescott", "", NULL, "", "CORETYPE=SkylakeX", "CORETYPE=Haswell" },
  { "OpenBLAS 0.3", "Prescott", "", "OPENBLAS_CORETYPE", "x", "a build with DYNAMIC_ARCH would",
    "a build with DYNAMIC_ARCH would" },
  { "BLIS 0.9.0", "skx", "", "BLIS_ARCH_TYPE", "0", NULL, NULL },
  { "BLIS 0.9.0", "generic", "", NULL, "", "no setting helps", "no setting helps" },
  { "BLIS 0.9.0", "generic", "BLIS_ARCH_TYPE=3", NULL, "", "try BLIS_ARCH_TYPE=3,", "try BLIS_ARCH_TYPE=3," },
  { "BLIS 0.9.0", "zen3", "BLIS_ARCH_TYPE=0", "BLIS_ARCH_TYPE", "6", "try BLIS_ARCH_TYPE=0,", NULL },
  { "BLIS 0.9.0", "generic", "", "BLIS_ARCH_TYPE", "25", "unset BLIS_ARCH_TYPE, which is \"25\"", "unset BLIS_ARCH_TYPE" },
  { "oneDNN 2.6.3", "avx512", "", "ONEDNN_MAX_CPU_ISA", "ALL", NULL, NULL },
  { "oneDNN 2.6.3", "avx2", "", "ONEDNN_MAX_CPU_ISA", "AVX2", "unset ONEDNN_MAX_CPU_ISA", NULL },
  { "oneDNN 2.6.3", "sse4.1", "", "DNNL_MAX_CPU_ISA", "SSE41", "unset DNNL_MAX_CPU_ISA", "unset DNNL_MAX_CPU_ISA" },
  { "oneDNN 1.0.0", "avx2", "", NULL, "", "a newer oneDNN would", NULL },
  { MKL("2024.1"), "avx512", "", "MKL_ENABLE_INSTRUCTIONS", "AVX512", NULL, NULL },
  { MKL("2024.1"), "avx2", "", "MKL_ENABLE_INSTRUCTIONS", "AVX2", "unset MKL_ENABLE_INSTRUCTIONS, which is \"AVX2\"", NULL },
  { MKL("2024.1"), "mc3", "", NULL, "", "a newer MKL would", "a newer MKL would" },
  { MKL("2024.1"), "def", "", "MKL_ENABLE_INSTRUCTIONS", "AVX512", "no setting helps", NULL },
  { MKL("2020.0.1"), "def", "", NULL, "", "no setting helps", NULL },
  { MKL("2020.0.0"), "def", "", NULL, "", "set MKL_DEBUG_CPU_TYPE=7", "set MKL_DEBUG_CPU_TYPE=5" },
  { MKL("2019.0.0"), "def", "", NULL, "", "set MKL_DEBUG_CPU_TYPE=7", "set MKL_DEBUG_CPU_TYPE=5" },
  { MKL("2019.0.0"), "avx2", "", "MKL_DEBUG_CPU_TYPE", "5", "set MKL_DEBUG_CPU_TYPE=7", NULL },
  { MKL("2024.1"), "CNR:AVX2", "", "MKL_CBWR", "AVX2", "unset MKL_CBWR, which is \"AVX2\"", NULL },
  { MKL("2024.1"), "CNR:SSE", "", NULL, "", "mkl_cbwr_set", "mkl_cbwr_set" },
  { MKL("2024.1"), "", "", "MKL_ENABLE_INSTRUCTIONS", "AVX2", NULL, NULL }, /* not known before its first call */
  { "ATLAS", "", "", NULL, "", NULL, NULL },
};

static void kernels_below_this_cpu_are_warned_of_with_the_setting_that_mends_it(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++) {
    const struct warning *w = &warnings[i];
    lam_gemm gemm = { .name = NULL };
    for (size_t j = 0; j < sizeof variables / sizeof *variables; j++) assert_int_equal(unsetenv(variables[j]), 0);
    if (w->variable) assert_int_equal(setenv(w->variable, w->value, 1), 0);
    snprintf(gemm.version, sizeof gemm.version, "%s", w->version);
    snprintf(gemm.core, sizeof gemm.core, "%s", w->core);
    snprintf(gemm.setting, sizeof gemm.setting, "%s", w->setting);
    lam_gemm_describe(&gemm);
    const char *words = lam_kernels_at("avx512") ? w->avx512 : lam_kernels_at("avx2") ? w->avx2 : NULL;
    if (words ? !strstr(gemm.warning, words) : *gemm.warning != 0)
      fail_msg("%s, core %s: \"%s\", not \"%s\"", w->version, w->core, gemm.warning, words ? words : "");
    assert_true(!words || strstr(gemm.description, gemm.warning));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = { cmocka_unit_test(kernels_below_this_cpu_are_warned_of_with_the_setting_that_mends_it) };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
