/* SPDX-License-Identifier: MIT
 *
 * A BLAS from a file: loading it, finding its functions under the spellings that builds give them, and asking it how wide its
 * integers are and what it is. A library is never unloaded: OpenMP's threads would be left without code.
 */
#include "blas/gemm.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* Without DEEPBIND a library may call a function of the host that has the name of one of its own. AddressSanitizer refuses it. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAM_UNDER_ASAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(LAM_UNDER_ASAN) || !defined(RTLD_DEEPBIND)
enum { LOAD = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE };
#else
enum { LOAD = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE | RTLD_DEEPBIND };
#endif

/* How a library spells its functions: scipy_cblas_sgemm64_. */
typedef struct spelling {
  void *handle;
  const char *prefix, *suffix;
} spelling;

static const char *const prefixes[] = { "", "scipy_" };
static const char *const suffixes[] = { "", "64_", "_64", "_64_", "64", "_" };

lam_any_function lam_library_function(void *handle, const char *name) {
  void *address = dlsym(handle, name);
  lam_any_function function = NULL;
  memcpy(&function, &address, sizeof function); /* POSIX lets a function's address be a void *, C has no cast for it */
  return function;
}

static lam_any_function find(const spelling *s, const char *name) {
  char symbol[96];
  snprintf(symbol, sizeof symbol, "%s%s%s", s->prefix, name, s->suffix);
  return lam_library_function(s->handle, symbol);
}

/* Of what a library says of itself, the suffix is mostly left out. */
static lam_any_function find_either(const spelling *s, const char *name) {
  lam_any_function function = find(s, name);
  return function ? function : find(&(spelling){ s->handle, s->prefix, "" }, name);
}

static lam_any_function find_sgemm(spelling *s) {
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; ++i) {
    for (size_t j = 0; j < sizeof suffixes / sizeof *suffixes; ++j) {
      *s = (spelling){ s->handle, prefixes[i], suffixes[j] };
      lam_any_function sgemm = find(s, "cblas_sgemm");
      if (sgemm) return sgemm;
    }
  }
  *s = (spelling){ s->handle, "", "" };
  return NULL;
}

/* 64-bit builds may have the plain names, so the behaviour tells: this n is 3 to who reads 32 bits and negative, which gives
 * index 0, to who reads 64. The ABIs of 64-bit machines pass both in the same place. */
static bool has_wide_integers(const spelling *s) {
  if (sizeof(void *) < sizeof(int64_t)) return false;
  typedef size_t (*isamax_function)(int64_t n, const float *x, int64_t incx);
  isamax_function isamax = (isamax_function)find(s, "cblas_isamax");
  if (!isamax) return strstr(s->suffix, "64") != NULL;
  const float x[] = { 1, 3, 2 };
  return (uint32_t)isamax(-(INT64_C(1) << 32) + 3, x, 1) != 1;
}

static const char *ask_text(lam_any_function function) {
  const char *text = function ? ((const char *(*)(void))function)() : NULL;
  return text ? text : "";
}

static bool bind_threads(const spelling *s, const char *get, const char *set, bool wide, lam_thread_setting *setting) {
  *setting = (lam_thread_setting){ find_either(s, get), find_either(s, set), wide };
  return setting->get && setting->set;
}

/* Its architectures have numbers, other ones in each version; the last is "generic", which it takes on CPUs that it does not
 * know. */
static void ask_blis(const spelling *s, lam_gemm *gemm) {
  snprintf(gemm->version, sizeof gemm->version, "BLIS %s", ask_text(find(s, "bli_info_get_version_str")));
  lam_any_function query = find(s, "bli_arch_query_id");
  const char *(*name_of)(int) = (const char *(*)(int))find(s, "bli_arch_string");
  if (!query || !name_of) return;
  const int id = ((int (*)(void))query)();
  snprintf(gemm->core, sizeof gemm->core, "%s", name_of(id));
  for (int i = 0; i < id; ++i) {
    const char *name = name_of(i);
    if (name && strcmp(name, lam_kernels_at("avx512") ? "skx" : "haswell") == 0)
      snprintf(gemm->setting, sizeof gemm->setting, "BLIS_ARCH_TYPE=%d", i);
  }
}

static void ask_onednn(const spelling *s, lam_gemm *gemm) {
  typedef struct {
    int major, minor, patch;
  } version; /* the start of dnnl_version_t */
  lam_any_function ask = find(s, "dnnl_version"), isa = find(s, "dnnl_get_effective_cpu_isa");
  const version *v = ask ? ((const version *(*)(void))ask)() : NULL;
  if (v) snprintf(gemm->version, sizeof gemm->version, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
  const unsigned bits = isa ? ((unsigned (*)(void))isa)() : 0; /* dnnl_cpu_isa_t: each level has the bits of those below */
  const char *core = (bits & 0x27) == 0x27 ? "avx512" : (bits & 0x7) == 0x7 ? "avx2" : bits ? "sse4.1" : "";
  snprintf(gemm->core, sizeof gemm->core, "%s", core);
}

static void ask_mkl(const spelling *s, lam_gemm *gemm) {
  ((void (*)(char *, int))find_either(s, "MKL_Get_Version_String"))(gemm->version, (int)sizeof gemm->version - 1);
  size_t length = strlen(gemm->version);
  while (length > 0 && gemm->version[length - 1] == ' ') gemm->version[--length] = 0;
  /* MKL_CBWR can hold it to older kernels, so that its bits are theirs ("conditional numerical reproducibility"). */
  lam_any_function branch_of = find_either(s, "MKL_CBWR_Get");
  enum { BRANCH = 1, COMPATIBLE = 3, AVX = 9, AVX2 = 10 }; /* MKL_CBWR_... in mkl_types.h */
  const int branch = branch_of ? ((int (*)(int))branch_of)(BRANCH) : 0;
  if (branch < COMPATIBLE || branch > AVX2) return;
  snprintf(gemm->core, sizeof gemm->core, "CNR:%s",
           branch == COMPATIBLE ? "COMPATIBLE"
           : branch < AVX       ? "SSE"
           : branch == AVX      ? "AVX"
                                : "AVX2");
}

static bool bind_openmp(const spelling *s, lam_thread_setting *setting) {
  return bind_threads(&(spelling){ s->handle, "", "" }, "omp_get_max_threads", "omp_set_num_threads", false, setting);
}

/* OpenBLAS built with OpenMP goes by the setting of the thread that calls, whatever it was told itself; built without threads it
 * shares buffers without locks (its USE_LOCKING, of which it tells nothing), and gives wrong results to two callers at a time. */
static bool ask_openblas(const spelling *s, lam_gemm *gemm, lam_thread_setting *setting) {
  enum { SEQUENTIAL, PTHREADS, OPENMP };
  snprintf(gemm->version, sizeof gemm->version, "%s", ask_text(find_either(s, "openblas_get_config")));
  snprintf(gemm->core, sizeof gemm->core, "%s", ask_text(find_either(s, "openblas_get_corename")));
  lam_any_function parallel = find_either(s, "openblas_get_parallel");
  const int kind = parallel ? ((int (*)(void))parallel)() : PTHREADS;
  gemm->alone = kind == SEQUENTIAL;
  return kind == OPENMP && bind_openmp(s, setting);
}

/* What the library is, and its thread setting: the process's, or true where it is that of the thread that calls. The functions of
 * another provider are not called: ATLAS's would print. */
static bool identify(const spelling *s, lam_gemm *gemm, lam_thread_setting *setting) {
  bool controlled = false, callers = false;
  if (find_either(s, "openblas_get_config")) {
    callers = ask_openblas(s, gemm, setting);
    controlled = callers || bind_threads(s, "openblas_get_num_threads", "openblas_set_num_threads", false, setting);
  } else if (find_either(s, "MKL_Get_Version_String")) {
    ask_mkl(s, gemm);
    controlled = bind_threads(s, "MKL_Get_Max_Threads", "MKL_Set_Num_Threads", false, setting);
  } else if (find(s, "bli_info_get_version_str")) {
    ask_blis(s, gemm);
    controlled = bind_threads(s, "bli_thread_get_num_threads", "bli_thread_set_num_threads", true, setting);
  } else if (gemm->interface == LAM_ONEDNN) {
    ask_onednn(s, gemm);
    controlled = callers = bind_openmp(s, setting);
  } else if (find(s, "ATL_buildinfo")) {
    snprintf(gemm->version, sizeof gemm->version, "ATLAS");
  }
  if (!controlled) *setting = (lam_thread_setting){ NULL, NULL, false };
  return callers;
}

lam_status lam_library_open(lam_context *context, const char *path, lam_gemm *gemm, const char *provider) {
  spelling s = { .handle = dlopen(path, LOAD) };
  if (!s.handle) {
    const char *reason = dlerror();
    return lam_fail(context, LAM_IO, "the library \"%s\" does not load: %s", path, reason ? reason : "no reason given");
  }
  lam_any_function sgemm = find_sgemm(&s);
  if (sgemm) {
    gemm->interface = has_wide_integers(&s) ? LAM_CBLAS_64 : LAM_CBLAS_32;
    gemm->sgemv = (lam_sgemv_function)find(&s, "cblas_sgemv");
  } else {
    sgemm = find(&s, "dnnl_sgemm");
    gemm->interface = LAM_ONEDNN;
  }
  if (!sgemm) {
    return lam_fail(
        context, LAM_UNSUPPORTED,
        "the library \"%s\" has no cblas_sgemm (nor scipy_cblas_sgemm, cblas_sgemm64_ and the like) and no dnnl_sgemm", path);
  }
  gemm->sgemm = (lam_sgemm_function)sgemm;
  lam_thread_setting setting;
  const bool callers = identify(&s, gemm, &setting);
  if (!*gemm->version) snprintf(gemm->version, sizeof gemm->version, "%s", provider);
  gemm->threads = setting.get ? lam_threads_get(&setting) : 0;
  if (gemm->threads < 0) gemm->threads = 1; /* BLIS, where nothing was set */
  lam_gemm_describe(gemm);
  if (!setting.get || context->keep_blas_threads) return LAM_OK;
  if (callers) {
    gemm->caller_threads = setting;
  } else if (!lam_blas_control(&setting)) {
    return lam_fail(context, LAM_UNSUPPORTED, "\"%s\" is one library too many whose threads are to be controlled", path);
  }
  return LAM_OK;
}
