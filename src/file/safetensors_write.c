/* SPDX-License-Identifier: MIT
 *
 * Writing the safetensors container.
 */
#include "file/safetensors.h"
#include <stdio.h>

static void put_tensor(lam_json_writer *w, const lam_tensor_data *tensor, size_t *offset) {
  char name[256];
  snprintf(name, sizeof name, "%s%s", tensor->folder, tensor->name);
  lam_json_key(w, name);
  lam_json_open(w, '{');
  lam_json_key(w, "dtype");
  lam_json_put_text(w, "F32");
  lam_json_key(w, "shape");
  lam_json_open(w, '[');
  for (size_t i = 0; i < tensor->shape.rank; ++i) lam_json_put_integer(w, tensor->shape.size[i]);
  lam_json_close(w, ']');
  lam_json_key(w, "data_offsets");
  lam_json_open(w, '[');
  lam_json_put_integer(w, *offset);
  *offset += tensor->count * sizeof(float);
  lam_json_put_integer(w, *offset);
  lam_json_close(w, ']');
  lam_json_close(w, '}');
}

static void put_header(lam_json_writer *w, const char *key, const char *text, size_t text_size, const lam_tensor_data *tensors,
                       size_t count) {
  size_t offset = 0;
  lam_json_open(w, '{');
  lam_json_key(w, "__metadata__");
  lam_json_open(w, '{');
  lam_json_key(w, key);
  lam_json_put_string(w, text, text_size);
  lam_json_close(w, '}');
  for (size_t i = 0; i < count; ++i) put_tensor(w, &tensors[i], &offset);
  lam_json_close(w, '}');
  while (!w->status && w->size % 8) lam_json_put_raw(w, " ", 1);
}

static lam_status write_all(lam_context *context, const void *bytes, size_t size, lam_write_function write, void *user) {
  if (size == 0 || write(user, bytes, size) >= 0) return LAM_OK;
  return lam_fail(context, LAM_IO, "the write function failed");
}

lam_status lam_safetensors_write(lam_context *context, const char *key, const char *text, size_t text_size,
                                 const lam_tensor_data *tensors, size_t count, lam_write_function write, void *user) {
  lam_json_writer w = { .context = context };
  put_header(&w, key, text, text_size, tensors, count);
  lam_status status = w.status;
  if (!status && w.size > LAM_HEADER_MOST)
    status = lam_fail(context, LAM_UNSUPPORTED, "a header of %zu bytes is more than safetensors allows", w.size);
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = (unsigned char)((uint64_t)w.size >> 8 * i);
  if (!status) status = write_all(context, length, sizeof length, write, user);
  if (!status) status = write_all(context, w.text, w.size, write, user);
  for (size_t i = 0; i < count && !status; ++i)
    status = write_all(context, tensors[i].values, tensors[i].count * sizeof(float), write, user);
  lam_json_writer_release(&w);
  return status;
}
