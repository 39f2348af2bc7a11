/* SPDX-License-Identifier: MIT
 *
 * Which products are measured: products as they are typed, sets of them in files, sweeps, and those of a network's step.
 */
#include "bench/product.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- one product --------------------------------------------------------------------------------------------------- */

/* scanf reads "-1" as the largest number there is. */
static bool is_size(size_t size) { return size >= 1 && size <= 9999999; }

static product plain_product(size_t m, size_t n, size_t k, bool transa, bool transb) {
  return (product){ "", "", m, n, k, transa ? m : k, transb ? k : n, n, transa, transb, false, 1, 0 };
}

/* ":lda=800" and its like; *text behind it. */
static bool read_detail(const char **text, product *p) {
  size_t *const strides[] = { &p->lda, &p->ldb, &p->ldc };
  const char *const names[] = { "lda=", "ldb=", "ldc=" };
  size_t length = strcspn(*text, ":");
  const char *end = *text + length;
  for (int i = 0; i < 3; i++) {
    if (strncmp(*text, names[i], 4) != 0) continue;
    size_t least = *strides[i];
    char *stop;
    *strides[i] = strtoull(*text + 4, &stop, 10);
    *text = end;
    return stop == end && is_size(*strides[i]) && *strides[i] >= least;
  }
  bool alpha = strncmp(*text, "alpha=", 6) == 0, beta = strncmp(*text, "beta=", 5) == 0;
  double value = 0;
  const char *number = *text + (alpha ? 6 : 5);
  if ((!alpha && !beta) || number == end || lam_parse_double(number, end, &value) != end || !(value >= -1e6 && value <= 1e6))
    return false;
  *(alpha ? &p->alpha : &p->beta) = (float)value;
  *text = end;
  return true;
}

int read_product(const char *text, product *p) {
  char transa = 0, transb = 0;
  size_t m = 0, n = 0, k = 0;
  int length = 0;
  bool known = sscanf(text, "%7zux%7zux%7zu:%c%c%n", &m, &n, &k, &transa, &transb, &length) == 5 && is_size(m) && is_size(n) &&
               is_size(k) && strchr("NT", transa) && strchr("NT", transb);
  *p = plain_product(m, n, k, transa == 'T', transb == 'T');
  for (text += length; known && *text;) known = *text++ == ':' && read_detail(&text, p);
  return known ? EXIT_OK : EXIT_USAGE;
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
  char *comment = strchr(line, '#'), first[128] = "", second[128] = "", rest;
  size_list net, batch;
  product p;
  const char *from = "";
  if (comment) {
    *comment = 0;
    from = comment + 1 + strspn(comment + 1, " ");
  }
  int fields = sscanf(line, " %127s %127s %c", first, second, &rest);
  if (fields < 1) return EXIT_OK;
  if (fields == 1 && read_product(first, &p) == EXIT_OK) return add(list, p, "", from);
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
    char text[96];
    product p;
    snprintf(text, sizeof text, "%zux%zux%zu:%.8s", m->item[row], n->item[in % n->count], k->item[at % k->count],
             trans->item[i % trans->count]);
    code = read_product(text, &p) ? wrong_usage("--m, --n, --k, --trans: %s is not a product", text) : add(list, p, "", "sweep");
  }
  return code;
}

int list_products(const settings *options, products *list) {
  int code = EXIT_OK;
  char net[128], from[160];
  list->count = 0;
  for (size_t i = 0; i < options->shapes.count && !code; i++) {
    const char *word = options->shapes.item[i];
    product p;
    code = read_product(word, &p) == EXIT_OK ? add(list, p, "", "") : add_file(list, word);
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
