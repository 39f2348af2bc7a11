/* SPDX-License-Identifier: MIT
 *
 * Pictures. The PNG (ISO/IEC 15948) holds its bytes in stored blocks (RFC 1951, 3.2.4): small pictures gain little from
 * compression, and the program needs no library to write them. It goes straight through base64 into the file.
 */
#include "cli/picture.h"
#include <math.h>
#include <string.h>

/* ---- rows of data ---- */

bool picture_size(lam_shape shape, size_t *height, size_t *width) {
  bool flat = shape.rank == 3 && (shape.size[0] == 1 || shape.size[2] == 1);
  size_t first = flat && shape.size[0] == 1;
  if (shape.rank != 2 && !flat) return false;
  *height = shape.size[first];
  *width = shape.size[first + 1];
  return true;
}

double picture_element(const lam_array *array, const void *row, size_t index) {
  if (array->type == LAM_UINT8) return ((const uint8_t *)row)[index];
  if (array->type == LAM_INT32) return ((const int32_t *)row)[index];
  return (double)((const float *)row)[index];
}

void picture_range(const lam_array *array, const void *row, size_t count, double *least, double *most) {
  *least = (double)INFINITY;
  *most = -*least;
  for (size_t i = 0; i < count; i++) {
    double value = picture_element(array, row, i);
    if (!isfinite(value)) continue;
    *least = fmin(*least, value);
    *most = fmax(*most, value);
  }
  if (*least > *most) *least = *most = 0;
}

/* ---- PNG ---- */

typedef struct png {
  FILE *file;
  uint32_t crc, adler_a, adler_b; /* of the chunk so far; of the pixels so far */
  unsigned char pending[3];       /* of base64 */
  size_t pending_count;
} png;

static void put_base64(png *p) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (!p->pending_count) return;
  uint32_t bits = (uint32_t)p->pending[0] << 16 | (uint32_t)p->pending[1] << 8 | p->pending[2];
  for (size_t i = 0; i < 4; i++) fputc(i <= p->pending_count ? letters[bits >> (18 - 6 * i) & 63] : '=', p->file);
  p->pending_count = 0;
  memset(p->pending, 0, sizeof p->pending);
}

static void put_byte(png *p, unsigned char byte) {
  p->crc ^= byte;
  for (int i = 0; i < 8; i++) p->crc = p->crc >> 1 ^ (p->crc & 1 ? 0xEDB88320u : 0);
  p->pending[p->pending_count++] = byte;
  if (p->pending_count == 3) put_base64(p);
}

static void put_bytes(png *p, const void *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) put_byte(p, ((const unsigned char *)bytes)[i]);
}

static void put_number(png *p, size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) put_byte(p, (unsigned char)(value >> shift));
}

static void begin_chunk(png *p, const char *type, size_t length) {
  put_number(p, length);
  p->crc = UINT32_MAX;
  put_bytes(p, type, 4);
}

static void end_chunk(png *p) { put_number(p, ~p->crc); }

static void put_header(png *p, size_t width, size_t height, bool palette) {
  const unsigned char rest[] = { 8, palette ? 3 : 0, 0, 0, 0 }; /* bits; kind of colours; deflate; filters; not interlaced */
  put_bytes(p, "\211PNG\r\n\032\n", 8);
  begin_chunk(p, "IHDR", 13);
  put_number(p, width);
  put_number(p, height);
  put_bytes(p, rest, sizeof rest);
  end_chunk(p);
}

static void put_palette(png *p, const unsigned char *palette) {
  begin_chunk(p, "PLTE", 256 * 3);
  for (size_t i = 0; i < 256; i++) put_bytes(p, palette + 4 * i, 3);
  end_chunk(p);
  begin_chunk(p, "tRNS", 256);
  for (size_t i = 0; i < 256; i++) put_byte(p, palette[4 * i + 3]);
  end_chunk(p);
}

/* Each line begins with its filter: none. Blocks end where they are full, wherever in a line that is. */
static void put_pixels(png *p, const unsigned char *pixels, size_t width, size_t height) {
  enum { BLOCK = 65535 };
  size_t total = (width + 1) * height, blocks = (total + BLOCK - 1) / BLOCK;
  begin_chunk(p, "IDAT", 2 + total + 5 * blocks + 4);
  put_bytes(p, "\x78\x01", 2);
  for (size_t i = 0; i < total; i++) {
    if (i % BLOCK == 0) {
      size_t length = total - i < BLOCK ? total - i : BLOCK;
      const unsigned char head[] = { length == total - i, (unsigned char)length, (unsigned char)(length >> 8),
                                     (unsigned char)~length, (unsigned char)(~length >> 8) };
      put_bytes(p, head, sizeof head);
    }
    unsigned char byte = i % (width + 1) ? pixels[i / (width + 1) * width + i % (width + 1) - 1] : 0;
    p->adler_a = (p->adler_a + byte) % 65521;
    p->adler_b = (p->adler_b + p->adler_a) % 65521;
    put_byte(p, byte);
  }
  put_number(p, (size_t)p->adler_b << 16 | p->adler_a);
  end_chunk(p);
}

void png_data_uri(FILE *file, const unsigned char *pixels, size_t width, size_t height, const unsigned char *palette) {
  png p = { .file = file, .adler_a = 1 };
  fputs("data:image/png;base64,", file);
  put_header(&p, width, height, palette != NULL);
  if (palette) put_palette(&p, palette);
  put_pixels(&p, pixels, width, height);
  begin_chunk(&p, "IEND", 0);
  end_chunk(&p);
  put_base64(&p);
}
