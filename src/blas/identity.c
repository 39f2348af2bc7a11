/* SPDX-License-Identifier: MIT
 *
 * What follows from what a library says of itself: whether its kernels are older than this CPU, and the setting that mends it.
 */
#include "blas/gemm.h"
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
                    { "avx2", AVX2 },        { NULL, UNKNOWN } };

static level level_of(const struct core *cores, const char *name) {
  while (cores->name && strcmp(cores->name, name) != 0) ++cores;
  return cores->level;
}

static level cpu_level(void) { return lam_kernels_at("avx512") ? AVX512 : lam_kernels_at("avx2") ? AVX2 : BASIC; }

static void warn_openblas(lam_gemm *gemm, level cpu) {
  const char *held = secure_getenv("OPENBLAS_CORETYPE");
  int length = snprintf(gemm->warning, sizeof gemm->warning, "its %s kernels do not use the %s of this CPU: ", gemm->core,
                        cpu == AVX512 ? "AVX-512" : "AVX2");
  char *mend = gemm->warning + length;
  const size_t left = sizeof gemm->warning - (size_t)length;
  if (!strstr(gemm->version, "DYNAMIC_ARCH")) {
    snprintf(mend, left, "a build with DYNAMIC_ARCH would");
  } else if (held && *held) {
    snprintf(mend, left, "unset OPENBLAS_CORETYPE, which is \"%.32s\"", held);
  } else {
    snprintf(mend, left, "set OPENBLAS_CORETYPE=%s", cpu == AVX512 ? "SkylakeX" : "Haswell");
  }
}

static void warn_other(lam_gemm *gemm, level cpu, const char *variable, const char *otherwise) {
  const char *held = secure_getenv(variable);
  const char *unit = cpu == AVX512 ? "AVX-512" : "AVX2";
  if (held && *held) {
    snprintf(gemm->warning, sizeof gemm->warning, "its %s kernels do not use the %s of this CPU: unset %s, which is \"%.32s\"",
             gemm->core, unit, variable, held);
  } else {
    snprintf(gemm->warning, sizeof gemm->warning, "its %s kernels do not use the %s of this CPU: %s", gemm->core, unit,
             otherwise);
  }
}

/* BLIS 0.9 aborts where it has not the kernels that are asked for. */
static const char *blis_mend(const lam_gemm *gemm, level cpu) {
  if (cpu == AVX512 && level_of(other_cores, gemm->core) == AVX2)
    return "try BLIS_ARCH_TYPE=skx, which aborts where the build has no such kernels";
  return "no setting helps, a build for this CPU would";
}

static void warn(lam_gemm *gemm) {
  const level cpu = cpu_level();
  const char *held = secure_getenv("MKL_ENABLE_INSTRUCTIONS");
  if (strstr(gemm->version, "OpenBLAS")) {
    if (level_of(openblas_cores, gemm->core) < cpu) warn_openblas(gemm, cpu);
  } else if (strncmp(gemm->version, "BLIS", 4) == 0) {
    if (level_of(other_cores, gemm->core) < cpu) warn_other(gemm, cpu, "BLIS_ARCH_TYPE", blis_mend(gemm, cpu));
  } else if (strncmp(gemm->version, "oneDNN", 6) == 0) {
    const char *variable = secure_getenv("ONEDNN_MAX_CPU_ISA") ? "ONEDNN_MAX_CPU_ISA" : "DNNL_MAX_CPU_ISA";
    if (level_of(other_cores, gemm->core) < cpu) warn_other(gemm, cpu, variable, "a newer oneDNN would");
  } else if (strstr(gemm->version, "Math Kernel Library") && held && *held) {
    snprintf(gemm->warning, sizeof gemm->warning,
             "its instruction sets are limited: unset MKL_ENABLE_INSTRUCTIONS, which is \"%.32s\"", held);
  }
}

void lam_gemm_describe(lam_gemm *gemm) {
  gemm->warning[0] = 0;
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
