/* SPDX-License-Identifier: MIT
 *
 * Which products are measured: products as they are typed, sets of them in files, sweeps, and those of a network's step.
 */
#include "bench/product.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- one product --------------------------------------------------------------------------------------------------- */

/* scanf reads "-1" as the largest number there is. */
static const size_t MOST_SIZE = 9999999;
static bool is_size(size_t size) { return size >= 1 && size <= MOST_SIZE; }

static product plain_product(size_t m, size_t n, size_t k, bool transa, bool transb) {
  return (product){ "", "", m, n, k, transa ? m : k, transb ? k : n, n, transa, transb, false, 1, 0 };
}

static bool wrong(char why[WHY_TEXT], const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(char why[WHY_TEXT], const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(why, WHY_TEXT, format, arguments);
  va_end(arguments);
  return false;
}

static bool read_stride(const char *name, const char *number, size_t length, size_t *stride, char why[WHY_TEXT]) {
  const size_t least = *stride;
  char *stop;
  *stride = strtoull(number, &stop, 10);
  if (!isdigit((unsigned char)*number) || stop != number + length || !is_size(*stride))
    return wrong(why, "%s takes a whole number from 1 to %zu, not \"%.*s\"", name, MOST_SIZE, (int)length, number);
  return *stride >= least || wrong(why, "%s is %zu, less than a row of its matrix, %zu", name, *stride, least);
}

static bool read_factor(const char *name, const char *number, size_t length, float *factor, char why[WHY_TEXT]) {
  double value = 0;
  if (!length || lam_parse_double(number, number + length, &value) != number + length || !(value >= -1e6 && value <= 1e6))
    return wrong(why, "%s takes a number from -1000000 to 1000000, not \"%.*s\"", name, (int)length, number);
  *factor = (float)value;
  return true;
}

/* "lda=800" and its like; *text behind it. */
static bool read_detail(const char **text, product *p, char why[WHY_TEXT]) {
  size_t *const strides[] = { &p->lda, &p->ldb, &p->ldc };
  float *const factors[] = { &p->alpha, &p->beta };
  static const char *const names[] = { "lda", "ldb", "ldc", "alpha", "beta" };
  const char *word = *text;
  const size_t length = strcspn(word, ":");
  *text += length;
  for (int i = 0; i < 5; i++) {
    const size_t name = strlen(names[i]);
    if (strncmp(word, names[i], name) != 0 || word[name] != '=') continue;
    const char *number = word + name + 1;
    const size_t digits = length - name - 1;
    return i < 3 ? read_stride(names[i], number, digits, strides[i], why)
                 : read_factor(names[i], number, digits, factors[i - 3], why);
  }
  return wrong(why, "\"%.*s\" is neither lda=, ldb=, ldc=, alpha= nor beta= with a number", (int)length, word);
}

static bool parse_product(const char *text, product *p, char why[WHY_TEXT]) {
  char transa = 0, transb = 0;
  size_t m = 0, n = 0, k = 0;
  int length = 0;
  const int read = sscanf(text, "%7zux%7zux%7zu:%c%c%n", &m, &n, &k, &transa, &transb, &length);
  if (read < 3) return false;
  if (!is_size(m) || !is_size(n) || !is_size(k)) return wrong(why, "its sizes must be from 1 to %zu", MOST_SIZE);
  if (read < 5 || !strchr("NT", transa) || !strchr("NT", transb) || (text[length] && text[length] != ':'))
    return wrong(why, "behind its sizes stands NN, NT, TN or TT, as in %zux%zux%zu:NN", m, n, k);
  *p = plain_product(m, n, k, transa == 'T', transb == 'T');
  for (text += length; *text;) {
    text++;
    if (!read_detail(&text, p, why)) return false;
  }
  return true;
}

int read_product(const char *text, product *p, char why[WHY_TEXT]) {
  *why = 0;
  return parse_product(text, p, why) ? EXIT_OK : EXIT_USAGE;
}

void product_text(const product *p, char text[192]) {
  product plain = plain_product(p->m, p->n, p->k, p->transa, p->transb);
  char number[32];
  snprintf(text, 192, "%zux%zux%zu:%c%c", p->m, p->n, p->k, p->transa ? 'T' : 'N', p->transb ? 'T' : 'N');
  if (p->lda != plain.lda) append(text, 192, ":lda=%zu", p->lda);
  if (p->ldb != plain.ldb) append(text, 192, ":ldb=%zu", p->ldb);
  if (p->ldc != plain.ldc) append(text, 192, ":ldc=%zu", p->ldc);
  if (p->alpha != 1) append(text, 192, ":alpha=%s", lam_format_double(number, (double)p->alpha));
  if (p->beta != 0) append(text, 192, ":beta=%s", lam_format_double(number, (double)p->beta));
}

/* ---- several ------------------------------------------------------------------------------------------------------- */

static int add(products *list, product p, const char *pass, const char *from) {
  if (list->count == MOST_PRODUCTS) return wrong_usage("there are more than %d products; ask for fewer", MOST_PRODUCTS);
  snprintf(p.pass, sizeof p.pass, "%s", pass);
  snprintf(p.from, sizeof p.from, "%s", from);
  list->all[list->count++] = p;
  return EXIT_OK;
}

/* The products of a network's step, layer by layer. Nobody needs the gradient of the network's own inputs. */
static int add_network(products *list, const size_list *net, size_t batch, const char *from) {
  int code = EXIT_OK;
  for (size_t i = 1; i < net->count && !code; i++) {
    size_t in = net->item[i - 1], out = net->item[i];
    code = add(list, plain_product(batch, out, in, false, false), "forward", from);
    if (!code) code = add(list, plain_product(in, out, batch, true, false), "weight gradient", from);
    if (!code && i > 1) code = add(list, plain_product(batch, in, out, false, true), "input gradient", from);
  }
  return code;
}

static bool read_widths(const char *text, char separator, size_list *list) {
  for (list->count = 0; list->count < MAX_LIST;) {
    char *end;
    size_t size = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || !is_size(size)) return false;
    list->item[list->count++] = size;
    if (!*end) return true;
    if (*end != separator) return false;
    text = end + 1;
  }
  return false;
}

/* "784-256-15 b32,1 # where it comes from", or a product. */
static int add_line(products *list, char *line) {
  char *comment = strchr(line, '#'), first[128] = "", second[128] = "", why[WHY_TEXT], rest;
  size_list net, batch;
  product p;
  const char *from = "";
  if (comment) {
    *comment = 0;
    from = comment + 1 + strspn(comment + 1, " ");
  }
  int fields = sscanf(line, " %127s %127s %c", first, second, &rest);
  if (fields < 1) return EXIT_OK;
  if (fields == 1 && read_product(first, &p, why) == EXIT_OK) return add(list, p, "", from);
  if (fields == 1 && *why) return wrong_usage("\"%s\" is no product: %s", first, why);
  if (fields != 2 || second[0] != 'b' || !read_widths(first, '-', &net) || net.count < 2 || !read_widths(second + 1, ',', &batch))
    return wrong_usage("\"%s\" is neither a product, 32x256x784:NN, nor a network and its batches, 784-256-15 b32,1", first);
  int code = EXIT_OK;
  for (size_t i = 0; i < batch.count && !code; i++) {
    char named[192];
    snprintf(named, sizeof named, "%.60s b%zu: %.100s", first, batch.item[i], from);
    code = add_network(list, &net, batch.item[i], named);
  }
  return code;
}

static int add_file(products *list, const char *name) {
  char path[1024], line[512];
  int code = EXIT_OK;
  snprintf(path, sizeof path, "%s%s", strchr(name, '/') ? "" : LAM_BENCH_SHAPES "/", name);
  FILE *file = fopen(path, "r");
  if (!file && !strchr(name, '/'))
    return wrong_usage("--shapes: \"%s\" is neither a product, 32x256x784:NN, nor one of the sets " SHAPE_SETS ", nor a file "
                       "(write ./%s)",
                       name, name);
  if (!file) return failed("--shapes: \"%s\" cannot be read: %s", name, strerror(errno));
  for (size_t number = 1; !code && fgets(line, sizeof line, file); number++) {
    line[strcspn(line, "\r\n")] = 0;
    speak_of(path, number);
    code = add_line(list, line);
  }
  speak_of(NULL, 0);
  fclose(file);
  return code;
}

/* Every m with every n, k and transposition; one that is not swept is the other's 256. */
static int add_sweep(products *list, const settings *options) {
  static const size_list usual = { { 256 }, 1 };
  static const word_list plain = { .item = { "NN" }, .count = 1 };
  const size_list *m = options->m.count ? &options->m : &usual, *n = options->n.count ? &options->n : &usual,
                  *k = options->k.count ? &options->k : &usual;
  const word_list *trans = options->trans.count ? &options->trans : &plain;
  int code = EXIT_OK;
  for (size_t i = 0; i < m->count * n->count * k->count * trans->count && !code; i++) {
    size_t at = i / trans->count, in = at / k->count, row = in / n->count;
    char text[96], why[WHY_TEXT];
    product p;
    snprintf(text, sizeof text, "%zux%zux%zu:%.8s", m->item[row], n->item[in % n->count], k->item[at % k->count],
             trans->item[i % trans->count]);
    code = read_product(text, &p, why) ? wrong_usage("--m, --n, --k, --trans: \"%s\" is no product: %s", text, why)
                                       : add(list, p, "", "sweep");
  }
  return code;
}

int list_products(const settings *options, products *list) {
  int code = EXIT_OK;
  char net[128], from[160];
  list->count = 0;
  for (size_t i = 0; i < options->shapes.count && !code; i++) {
    const char *word = options->shapes.item[i];
    char why[WHY_TEXT];
    product p;
    code = read_product(word, &p, why) == EXIT_OK ? add(list, p, "", "")
           : *why                                 ? wrong_usage("--shapes: \"%s\" is no product: %s", word, why)
                                                  : add_file(list, word);
  }
  if (!code && (options->m.count || options->n.count || options->k.count)) code = add_sweep(list, options);
  network_text(net, &options->net);
  bool given = list->count > 0;
  for (size_t i = 0; !given && i < options->batch.count && !code; i++) {
    snprintf(from, sizeof from, "%s b%zu", net, options->batch.item[i]);
    code = add_network(list, &options->net, options->batch.item[i], from);
  }
  return code;
}
