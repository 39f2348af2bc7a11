/* SPDX-License-Identifier: MIT
 *
 * What the backend "auto" has learnt, on disk:
 *   {"lamina_wisdom": 1, "products": [{"trans": "NN", "m": 32, "n": 256, "k": 784, "threads": 1, "backend": "native",
 *    "us": 50.8, "other": "openblas", "other_us": 81.9}]}
 */
#include "blas/gemm.h"
#include "file/bytes.h"
#include "file/json.h"
#include <limits.h>
#include <string.h>

enum { VERSION = 1, LARGEST_FILE = 16 << 20, LONGEST_NAME = sizeof ((lam_gemm_choice *)0)->backend };

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static void put_number(lam_json_writer *w, const char *key, uint64_t number) {
  lam_json_key(w, key);
  lam_json_put_integer(w, number);
}

static void put_backend(lam_json_writer *w, const char *name_key, const char *name, const char *time_key, double seconds) {
  lam_json_key(w, name_key);
  lam_json_put_text(w, name);
  lam_json_key(w, time_key);
  lam_json_put_double(w, seconds * 1e6);
}

static void put_choice(lam_json_writer *w, const lam_gemm_choice *choice) {
  const char trans[] = { choice->transa == LAM_TRANSPOSE ? 'T' : 'N', choice->transb == LAM_TRANSPOSE ? 'T' : 'N', '\0' };
  lam_json_open(w, '{');
  lam_json_key(w, "trans");
  lam_json_put_text(w, trans);
  put_number(w, "m", choice->m);
  put_number(w, "n", choice->n);
  put_number(w, "k", choice->k);
  put_number(w, "threads", choice->threads);
  put_backend(w, "backend", choice->backend, "us", choice->seconds);
  if (*choice->other) put_backend(w, "other", choice->other, "other_us", choice->other_seconds);
  lam_json_close(w, '}');
}

static lam_status produce(const void *object, lam_write_function write, void *user) {
  const lam_json_writer *w = object;
  return write(user, w->text, w->size) ? LAM_IO : LAM_OK;
}

lam_status lam_wisdom_save(lam_context *context, const char *path) {
  if (!context || !path) return LAM_NO_HANDLE;
  lam_json_writer w = { .context = context };
  lam_json_open(&w, '{');
  put_number(&w, "lamina_wisdom", VERSION);
  lam_json_key(&w, "products");
  lam_json_open(&w, '[');
  for (size_t i = 0; i < context->wisdom_count; ++i) {
    lam_json_put_raw(&w, "\n", 1);
    put_choice(&w, &context->wisdom[i]);
  }
  lam_json_close(&w, ']');
  lam_json_close(&w, '}');
  lam_json_put_raw(&w, "\n", 1);
  lam_status status = w.status ? w.status : lam_disk_save(context, path, produce, &w);
  lam_json_writer_release(&w);
  return status;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static bool get_size(const lam_json *object, const char *key, uint64_t most, size_t *size) {
  uint64_t value;
  if (!lam_json_integer(lam_json_member(object, key), &value) || value < 1 || value > most) return false;
  *size = (size_t)value;
  return true;
}

static bool get_name(const lam_json *object, const char *key, char name[LONGEST_NAME]) {
  const lam_json *text = lam_json_member_of(object, key, LAM_JSON_STRING);
  if (!text || text->size == 0 || text->size >= LONGEST_NAME) return false;
  memcpy(name, text->text, text->size + 1);
  return true;
}

static bool get_seconds(const lam_json *object, const char *key, double *seconds) {
  if (!lam_json_number(lam_json_member(object, key), seconds)) return false;
  *seconds *= 1e-6;
  return *seconds >= 0 && *seconds < 1e9;
}

static bool get_choice(const lam_json *object, lam_gemm_choice *choice) {
  const lam_json *trans = lam_json_member_of(object, "trans", LAM_JSON_STRING);
  size_t threads;
  *choice = (lam_gemm_choice){ 0 };
  if (!trans || trans->size != 2 || strspn(trans->text, "NT") != 2) return false;
  choice->transa = trans->text[0] == 'T' ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE;
  choice->transb = trans->text[1] == 'T' ? LAM_TRANSPOSE : LAM_NO_TRANSPOSE;
  if (!get_size(object, "m", INT_MAX, &choice->m) || !get_size(object, "n", INT_MAX, &choice->n) ||
      !get_size(object, "k", INT_MAX, &choice->k) || !get_size(object, "threads", UINT_MAX, &threads))
    return false;
  choice->threads = (unsigned)threads;
  if (!get_name(object, "backend", choice->backend) || !get_seconds(object, "us", &choice->seconds)) return false;
  if (!lam_json_member(object, "other")) return true;
  return get_name(object, "other", choice->other) && get_seconds(object, "other_us", &choice->other_seconds);
}

/* First a look at all of it, then taking it. */
static lam_status take(lam_context *context, const char *path, const lam_json *root) {
  uint64_t version = 0;
  const lam_json *products = lam_json_member_of(root, "products", LAM_JSON_ARRAY);
  if (!lam_json_integer(lam_json_member(root, "lamina_wisdom"), &version) || !products)
    return lam_fail(context, LAM_FORMAT, "%s: not a file of wisdom", path);
  if (version != VERSION)
    return lam_fail(context, LAM_UNSUPPORTED, "%s: version %llu of wisdom, this library reads %d", path,
                    (unsigned long long)version, VERSION);
  lam_status status = LAM_OK;
  for (int taking = 0; taking < 2 && status == LAM_OK; ++taking) {
    const lam_json *item = lam_json_first(products);
    for (uint32_t i = 0; i < products->size && status == LAM_OK; ++i, item = lam_json_after(item)) {
      lam_gemm_choice choice;
      if (!get_choice(item, &choice))
        status = lam_fail(context, LAM_FORMAT, "%s: product %u (from 0) is malformed", path, (unsigned)i);
      else if (taking)
        status = lam_wisdom_add(context, &choice);
    }
  }
  return status;
}

lam_status lam_wisdom_load(lam_context *context, const char *path) {
  if (!context || !path) return LAM_NO_HANDLE;
  lam_bytes bytes;
  lam_status status = lam_bytes_open(context, path, &bytes);
  if (status) return status;
  const size_t size = bytes.size;
  char *text = NULL;
  lam_json_document document = { 0 };
  if (size > LARGEST_FILE)
    status = lam_fail(context, LAM_FORMAT, "%s: %zu bytes; wisdom has at most %d", path, size, LARGEST_FILE);
  else if (!(text = lam_allocate(context, size + 1)))
    status = LAM_OUT_OF_MEMORY;
  if (!status) status = lam_bytes_read(&bytes, 0, text, size);
  if (!status) status = lam_json_parse(context, path, text, size, 2 * size + 1024, &document);
  if (!status) status = take(context, path, document.root);
  lam_json_release(&document);
  lam_release(context, text, size + 1);
  lam_bytes_close(&bytes);
  return status;
}
