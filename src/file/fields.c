/* SPDX-License-Identifier: MIT
 *
 * Option structs as JSON objects, by their tables of fields: every field is written, what is missing reads as zero.
 */
#include "file/model_file.h"
#include <float.h>
#include <math.h>

static void put_shape(lam_json_writer *w, const lam_shape *shape) {
  lam_json_open(w, '[');
  for (size_t i = 0; i < shape->rank; ++i) lam_json_put_integer(w, shape->size[i]);
  lam_json_close(w, ']');
}

static bool is_zero(lam_field_kind kind, const void *place) {
  switch (kind) {
  case LAM_FIELD_FLOAT: return *(const float *)place == 0;
  case LAM_FIELD_SIZE: return *(const size_t *)place == 0;
  case LAM_FIELD_INTEGER: return *(const int32_t *)place == 0;
  case LAM_FIELD_SEED: return *(const uint64_t *)place == 0;
  case LAM_FIELD_FLAG: return !*(const bool *)place;
  case LAM_FIELD_SHAPE: return ((const lam_shape *)place)->rank == 0;
  case LAM_FIELD_AXES: return ((const lam_axes *)place)->count == 0;
  case LAM_FIELD_LIST: return ((const lam_numbers *)place)->count == 0;
  case LAM_FIELD_ENUM: return *(const int *)place == 0;
  }
  return false;
}

static void put_axes(lam_json_writer *w, const lam_axes *axes) {
  lam_json_open(w, '[');
  for (size_t i = 0; i < axes->count; ++i) lam_json_put_float(w, (float)axes->axis[i]);
  lam_json_close(w, ']');
}

static void put_list(lam_json_writer *w, const lam_numbers *list) {
  lam_json_open(w, '[');
  for (size_t i = 0; i < list->count; ++i) lam_json_put_float(w, list->value[i]);
  lam_json_close(w, ']');
}

void lam_json_put_fields(lam_json_writer *w, const lam_field *fields, const void *options) {
  lam_json_open(w, '{');
  for (; fields->name; ++fields) {
    const void *place = (const char *)options + fields->offset;
    if (fields->optional && is_zero(fields->kind, place)) continue;
    lam_json_key(w, fields->name);
    switch (fields->kind) {
    case LAM_FIELD_FLOAT: lam_json_put_float(w, *(const float *)place); break;
    case LAM_FIELD_SIZE: lam_json_put_integer(w, *(const size_t *)place); break;
    case LAM_FIELD_INTEGER: lam_json_put_double(w, *(const int32_t *)place); break;
    case LAM_FIELD_SEED: lam_json_put_integer(w, *(const uint64_t *)place); break;
    case LAM_FIELD_FLAG: lam_json_put_flag(w, *(const bool *)place); break;
    case LAM_FIELD_SHAPE: put_shape(w, place); break;
    case LAM_FIELD_AXES: put_axes(w, place); break;
    case LAM_FIELD_LIST: put_list(w, place); break;
    case LAM_FIELD_ENUM: lam_json_put_text(w, fields->names[*(const int *)place]); break;
    }
  }
  lam_json_close(w, '}');
}

static bool get_float(const lam_json *value, float *place) {
  double number;
  if (!lam_json_number(value, &number) || !(fabs(number) <= FLT_MAX)) return false;
  *place = (float)number;
  return true;
}

static bool get_size(const lam_json *value, size_t *place) {
  uint64_t number;
  if (!lam_json_integer(value, &number) || number > SIZE_MAX) return false;
  *place = (size_t)number;
  return true;
}

static bool get_int32(const lam_json *value, int32_t *place) {
  double number;
  if (!lam_json_number(value, &number) || !(fabs(number) <= INT32_MAX) || number != floor(number)) return false;
  *place = (int32_t)number;
  return true;
}

static bool get_shape(const lam_json *value, lam_shape *place) {
  if (value->kind != LAM_JSON_ARRAY || value->size > LAM_MAX_RANK) return false;
  *place = (lam_shape){ .rank = value->size };
  const lam_json *size = lam_json_first(value);
  for (uint32_t i = 0; i < value->size; ++i, size = lam_json_after(size))
    if (!get_size(size, &place->size[i])) return false;
  return true;
}

static bool get_axes(const lam_json *value, lam_axes *place) {
  if (value->kind != LAM_JSON_ARRAY || value->size > LAM_MAX_RANK) return false;
  *place = (lam_axes){ .count = value->size };
  const lam_json *axis = lam_json_first(value);
  for (uint32_t i = 0; i < value->size; ++i, axis = lam_json_after(axis)) {
    double number;
    if (!lam_json_number(axis, &number) || !(fabs(number) <= LAM_MAX_RANK) || floor(number) != number) return false;
    place->axis[i] = (int)number;
  }
  return true;
}

static bool get_list(const lam_json *value, lam_numbers *place) {
  if (value->kind != LAM_JSON_ARRAY || value->size > LAM_MOST_NUMBERS) return false;
  *place = (lam_numbers){ .count = value->size };
  const lam_json *number = lam_json_first(value);
  for (uint32_t i = 0; i < value->size; ++i, number = lam_json_after(number))
    if (!get_float(number, &place->value[i])) return false;
  return true;
}

static lam_status get_enum(lam_context *context, const char *what, const lam_field *field, const lam_json *value, int *place) {
  int found = value->kind == LAM_JSON_STRING ? lam_name_find(field->names, value->text) : -1;
  if (found < 0)
    return lam_fail(context, LAM_UNSUPPORTED, "%s: this version knows no %s \"%.80s\"", what, field->name,
                    value->kind == LAM_JSON_STRING ? value->text : "?");
  *place = found;
  return LAM_OK;
}

lam_status lam_json_get_fields(lam_context *context, const char *what, const lam_json *object, const lam_field *fields,
                               void *options) {
  if (!object || object->kind != LAM_JSON_OBJECT) return lam_fail(context, LAM_FORMAT, "%s: options are missing", what);
  for (; fields->name; ++fields) {
    void *place = (char *)options + fields->offset;
    const lam_json *value = lam_json_member(object, fields->name);
    bool good = false;
    if (!value) continue;
    switch (fields->kind) {
    case LAM_FIELD_FLOAT: good = get_float(value, place); break;
    case LAM_FIELD_SIZE: good = get_size(value, place); break;
    case LAM_FIELD_INTEGER: good = get_int32(value, place); break;
    case LAM_FIELD_SEED: good = lam_json_integer(value, place); break;
    case LAM_FIELD_FLAG: good = lam_json_flag(value, place); break;
    case LAM_FIELD_SHAPE: good = get_shape(value, place); break;
    case LAM_FIELD_AXES: good = get_axes(value, place); break;
    case LAM_FIELD_LIST: good = get_list(value, place); break;
    case LAM_FIELD_ENUM: {
      lam_status status = get_enum(context, what, fields, value, place);
      if (status) return status;
      good = true;
    }
    }
    if (!good) return lam_fail(context, LAM_FORMAT, "%s: the value of %s is not one that it can have", what, fields->name);
  }
  return LAM_OK;
}
