/* SPDX-License-Identifier: MIT
 *
 * What follows from what a library says of itself: whether its kernels are older than this CPU, and the setting that mends it.
 */
#include "blas/gemm.h"
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum level { BASIC, AVX2, AVX512, UNKNOWN } level;

static const struct core {
  const char *name;
  level level;
} openblas_cores[] = { { "Haswell", AVX2 },       { "Zen", AVX2 },          { "Excavator", AVX2 },
                       { "SkylakeX", AVX512 },    { "Cooperlake", AVX512 }, { "SapphireRapids", AVX512 },
                       { "Prescott", BASIC },     { "Core2", BASIC },       { "Penryn", BASIC },
                       { "Dunnington", BASIC },   { "Nehalem", BASIC },     { "Sandybridge", BASIC },
                       { "Atom", BASIC },         { "Barcelona", BASIC },   { "Bobcat", BASIC },
                       { "Bulldozer", BASIC },    { "Piledriver", BASIC },  { "Steamroller", BASIC },
                       { "Katmai", BASIC },       { "Coppermine", BASIC },  { "Northwood", BASIC },
                       { "Banias", BASIC },       { "Athlon", BASIC },      { "Opteron", BASIC },
                       { "Opteron_SSE3", BASIC }, { "Nano", BASIC },        { "Generic", BASIC },
                       { NULL, UNKNOWN } },
  other_cores[] = { { "generic", BASIC },    { "penryn", BASIC },      { "sandybridge", BASIC }, { "bulldozer", BASIC },
                    { "piledriver", BASIC }, { "steamroller", BASIC }, { "sse4.1", BASIC },      { "haswell", AVX2 },
                    { "excavator", AVX2 },   { "zen", AVX2 },          { "zen2", AVX2 },         { "zen3", AVX2 },
                    { "avx2", AVX2 },        { NULL, UNKNOWN } },
  mkl_cores[] = { { "def", AVX2 },      { "mc", BASIC },      { "mc3", BASIC },
                  { "avx", BASIC },     { "avx2", AVX2 },     { "avx512_mic", AVX512 },
                  { "avx512", AVX512 }, { "avx10", AVX512 },  { "CNR:COMPATIBLE", BASIC },
                  { "CNR:SSE", BASIC }, { "CNR:AVX", BASIC }, { "CNR:AVX2", AVX2 },
                  { NULL, UNKNOWN } };

static level level_of(const struct core *cores, const char *name) {
  while (cores->name && strcmp(cores->name, name) != 0) ++cores;
  return cores->level;
}

static level cpu_level(void) { return lam_kernels_at("avx512") ? AVX512 : lam_kernels_at("avx2") ? AVX2 : BASIC; }

static const char *unit_of(level cpu) { return cpu == AVX512 ? "AVX-512" : "AVX2"; }

/* `variable` is what would have chosen the kernels, and is to be unset; where it is not set, `otherwise` mends it. */
static void warn_of(lam_gemm *gemm, level cpu, const char *variable, const char *otherwise) {
  const char *held = secure_getenv(variable);
  const int length =
      snprintf(gemm->warning, sizeof gemm->warning, "its %s kernels do not use the %s of this CPU: ", gemm->core, unit_of(cpu));
  char *mend = gemm->warning + length;
  const size_t left = sizeof gemm->warning - (size_t)length;
  if (held && *held)
    snprintf(mend, left, "unset %s, which is \"%.32s\"", variable, held);
  else
    snprintf(mend, left, "%s", otherwise);
}

static void warn_openblas(lam_gemm *gemm, level cpu) {
  if (level_of(openblas_cores, gemm->core) >= cpu) return;
  if (!strstr(gemm->version, "DYNAMIC_ARCH"))
    warn_of(gemm, cpu, "", "a build with DYNAMIC_ARCH would");
  else
    warn_of(gemm, cpu, "OPENBLAS_CORETYPE", cpu == AVX512 ? "set OPENBLAS_CORETYPE=SkylakeX" : "set OPENBLAS_CORETYPE=Haswell");
}

/* BLIS aborts where the build has not the kernels that are asked for; which it has cannot be asked. */
static void warn_blis(lam_gemm *gemm, level cpu) {
  char advice[128];
  if (level_of(other_cores, gemm->core) >= cpu) return;
  snprintf(advice, sizeof advice, "try %s, which aborts where the build has no such kernels", gemm->setting);
  if (*gemm->setting)
    warn_of(gemm, cpu, "", advice);
  else
    warn_of(gemm, cpu, "BLIS_ARCH_TYPE", "no setting helps, a build for this CPU would");
}

static void warn_onednn(lam_gemm *gemm, level cpu) {
  if (level_of(other_cores, gemm->core) < cpu)
    warn_of(gemm, cpu, secure_getenv("ONEDNN_MAX_CPU_ISA") ? "ONEDNN_MAX_CPU_ISA" : "DNNL_MAX_CPU_ISA", "a newer oneDNN would");
}

/* ---- MKL ---- */

/* MKL does not say which kernels it runs, but loads them, at its first call (the question for its integers), as a library that is
 * named after them. */
static int find_mkl_kernels(struct dl_phdr_info *library, size_t size, void *user) {
  lam_gemm *gemm = user;
  char name[sizeof gemm->core] = "";
  const char *start = strstr(library->dlpi_name, "/libmkl_");
  (void)size;
  if (!start || sscanf(start, "/libmkl_%31[a-z0-9_]", name) != 1 || level_of(mkl_cores, name) == UNKNOWN) return 0;
  memcpy(gemm->core, name, sizeof name);
  return 1;
}

/* Where a CPU is not Intel's, MKL runs its kernels "def" whatever it can do: before version 2020.1 they had no AVX2, and they
 * never had AVX-512. Until then there was a setting that tells it what to take. */
static void warn_mkl(lam_gemm *gemm, level cpu) {
  const char *year = strstr(gemm->version, "Version ");
  const bool early = year && (atoi(year + 8) < 2020 || strncmp(year + 8, "2020.0.0", 8) == 0);
  const bool def = strcmp(gemm->core, "def") == 0;
  if ((def && early ? BASIC : level_of(mkl_cores, gemm->core)) >= cpu) return;
  if (strncmp(gemm->core, "CNR:", 4) == 0)
    warn_of(gemm, cpu, "MKL_CBWR", "the program chose them with mkl_cbwr_set");
  else if (early)
    warn_of(gemm, cpu, def ? "" : "MKL_ENABLE_INSTRUCTIONS",
            cpu == AVX512 ? "set MKL_DEBUG_CPU_TYPE=7" : "set MKL_DEBUG_CPU_TYPE=5");
  else
    warn_of(gemm, cpu, def ? "" : "MKL_ENABLE_INSTRUCTIONS",
            def ? "no setting helps, MKL has others for Intel's CPUs only" : "a newer MKL would");
}

static bool is_mkl(const lam_gemm *gemm) { return strstr(gemm->version, "Math Kernel Library") != NULL; }

static void warn(lam_gemm *gemm) {
  const level cpu = cpu_level();
  if (strstr(gemm->version, "OpenBLAS"))
    warn_openblas(gemm, cpu);
  else if (strncmp(gemm->version, "BLIS", 4) == 0)
    warn_blis(gemm, cpu);
  else if (strncmp(gemm->version, "oneDNN", 6) == 0)
    warn_onednn(gemm, cpu);
  else if (is_mkl(gemm))
    warn_mkl(gemm, cpu);
}

void lam_gemm_describe(lam_gemm *gemm) {
  gemm->warning[0] = 0;
  if (is_mkl(gemm) && !*gemm->core) (void)dl_iterate_phdr(find_mkl_kernels, gemm);
  warn(gemm);
  char threads[32] = "";
  if (gemm->threads > 0) snprintf(threads, sizeof threads, "%d threads of its own", gemm->threads);
  const struct part {
    const char *before, *text;
  } parts[] = { { "", gemm->version },
                { "core ", gemm->core },
                { "", gemm->interface == LAM_CBLAS_64 ? "64-bit integers" : "" },
                { "", threads },
                { "warning: ", gemm->warning } };
  size_t length = 0;
  gemm->description[0] = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts && length < sizeof gemm->description; ++i) {
    if (*parts[i].text)
      length += (size_t)snprintf(gemm->description + length, sizeof gemm->description - length, "%s%s%s", length ? "; " : "",
                                 parts[i].before, parts[i].text);
  }
}
