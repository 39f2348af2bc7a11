/* SPDX-License-Identifier: MIT
 *
 * What the library has, as tables: names from its own lists, and the settings of optimizers and losses. A setting added to the
 * library becomes one line here.
 */
#include "conformance/run.h"
#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

static const char *const activations[] = {
#define LAM_X(NAME, name) [LAM_##NAME] = #name,
  LAM_ACTIVATION_LIST(LAM_X)
#undef LAM_X
};

static const char *const losses[] = {
#define LAM_X(NAME, name) [LAM_##NAME] = #name,
  LAM_LOSS_LIST(LAM_X)
#undef LAM_X
};

static const char *const optimizers[] = {
#define LAM_X(NAME, name) [LAM_##NAME] = #name,
  LAM_OPTIMIZER_LIST(LAM_X)
#undef LAM_X
};

static int find(const char *const *names, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (names[i] && !strcasecmp(names[i], name)) return (int)i;
  return -1;
}

int find_activation(const char *name) { return find(activations, sizeof activations / sizeof *activations, name); }
int find_loss(const char *name) { return find(losses, sizeof losses / sizeof *losses, name); }
int find_optimizer(const char *name) { return find(optimizers, sizeof optimizers / sizeof *optimizers, name); }

const char *snake_case(const char *name) {
  char *result = take(2 * strlen(name) + 1, 1), *end = result;
  for (const char *c = name; *c; c++) {
    if (isupper((unsigned char)*c) && c != name && islower((unsigned char)c[-1])) *end++ = '_';
    *end++ = (char)tolower((unsigned char)*c);
  }
  return result;
}

/* The settings of optimizers, and where they stand. */
static const struct setting {
  const char *key;
  size_t offset;
  char kind; /* float, whole number or flag */
} settings_list[] = {
#define SETTING(kind, member)                                                                                                    \
  { #member, offsetof(lam_optimizer_options, member), kind }
  SETTING('f', learning_rate),
  SETTING('f', momentum),
  SETTING('b', nesterov),
  SETTING('f', rho),
  SETTING('b', centered),
  SETTING('f', beta_1),
  SETTING('f', beta_2),
  SETTING('b', amsgrad),
  SETTING('f', epsilon),
  SETTING('f', initial_accumulator_value),
  SETTING('f', weight_decay),
  SETTING('f', clipvalue),
  SETTING('f', clipnorm),
  SETTING('f', global_clipnorm),
  SETTING('b', use_ema),
  SETTING('f', ema_momentum),
  SETTING('n', ema_overwrite_frequency),
  SETTING('n', gradient_accumulation_steps),
  SETTING('f', loss_scale_factor),
#undef SETTING
};

static const struct setting *find_setting(const char *key) {
  for (size_t i = 0; i < sizeof settings_list / sizeof *settings_list; i++)
    if (!strcmp(settings_list[i].key, key)) return &settings_list[i];
  return NULL;
}

/* null, false, 0, or a value that means as much: what a setting has when nobody set it. */
static bool is_default(item value) { return !item_present(value) || (item_is_number(value) && item_number(value) == 0); }

outcome read_optimizer(run *r, const char *name, item settings, lam_optimizer_options *options) {
  int type = find_optimizer(name);
  if (type < 0) return skip(r, "optimizer %s: not in the library", snake_case(name));
  options->type = (lam_optimizer_type)type;
  for (members m = members_of(settings); members_next(&m);) {
    const char *key = m.name;
    item value = m.value;
    const struct setting *setting = find_setting(key);
    /* The momentum of an average that is not kept says nothing. */
    bool unused = !strcmp(key, "ema_momentum") && is_default(item_field(settings, "use_ema"));
    if (!strcmp(key, "type") || unused || (!setting && is_default(value))) continue;
    if (!setting) return skip(r, "optimizer %s with %s: not in the library", snake_case(name), key);
    if (!item_present(value)) continue;
    if (!item_is_number(value)) return skip(r, "optimizer %s, %s is not a number: not in the library", snake_case(name), key);
    void *field = (char *)options + setting->offset;
    double number = item_number(value);
    if (setting->kind == 'b')
      *(bool *)field = number != 0;
    else if (setting->kind == 'n')
      *(size_t *)field = (size_t)number;
    else
      *(float *)field = number == 0 ? LAM_ZERO : (float)number;
  }
  return PASSED;
}

void read_activation_options(item settings, int *activation, lam_activation_options *options) {
  static const struct {
    const char *key;
    size_t offset;
    double standard; /* Keras's, where all activations with this key agree */
  } keys[] = {
    { "negative_slope", offsetof(lam_activation_options, negative_slope), NAN },
    { "max_value", offsetof(lam_activation_options, max_value), NAN },
    { "threshold", offsetof(lam_activation_options, threshold), NAN },
    { "default_value", offsetof(lam_activation_options, value), 0 },
    { "alpha", offsetof(lam_activation_options, alpha), 1 },
    { "b", offsetof(lam_activation_options, b), 4 },
  };
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    item said = item_field(settings, keys[i].key);
    float value = (float)item_number(said);
    if (!item_present(said) || (double)value == keys[i].standard) continue;
    if (value == 0 && *activation == LAM_RELU) continue;
    if (value == 0) value = LAM_ZERO;
    memcpy((char *)options + keys[i].offset, &value, sizeof value);
  }
  if (*activation == LAM_GELU && item_number(item_field(settings, "approximate")) != 0) *activation = LAM_GELU_TANH;
}

outcome check_defaults(run *r, const char *what, item settings, const char *const *known) {
  /* Texts and numbers that are Keras's defaults and change nothing. */
  static const char *const default_texts[][2] = { { "reduction", "sum_over_batch_size" } };
  for (members m = members_of(settings); members_next(&m);) {
    const char *key = m.name;
    item value = m.value;
    bool fine = is_default(value);
    for (const char *const *k = known; k && *k && !fine; k++) fine = !strcmp(*k, key);
    for (size_t i = 0; i < sizeof default_texts / sizeof *default_texts; i++)
      fine = fine || (!strcmp(key, default_texts[i][0]) && !strcmp(item_text(value), default_texts[i][1]));
    if (!fine) return skip(r, "%s with %s: not in the library", what, key);
  }
  return PASSED;
}

/* What the library says in a struct of its own goes there. */
static bool read_loss_options(item settings, lam_loss_options *o) {
  const char *reduction = item_text(item_field(settings, "reduction"));
  o->label_smoothing = (float)item_number(item_field(settings, "label_smoothing"));
  if (!strcmp(reduction, "sum")) o->reduction = LAM_REDUCTION_SUM;
  return o->label_smoothing != 0 || o->reduction;
}

outcome read_loss(run *r, const char *name, item settings, lam_trainer_options *options) {
  static const char *const known[] = { "type", "from_logits", "label_smoothing", NULL };
  static const char *const sum[] = { "type", "from_logits", "label_smoothing", "reduction", NULL };
  int loss = find_loss(name);
  if (loss < 0) return skip(r, "loss %s: not in the library", name);
  lam_loss_options *own = take(1, sizeof *own);
  bool from_logits = item_number(item_field(settings, "from_logits")) != 0;
  if (read_loss_options(settings, own)) {
    own->loss = (lam_loss)loss;
    own->from_logits = from_logits;
    options->losses = own;
    options->loss_count = 1;
  } else {
    options->loss = (lam_loss)loss;
    options->from_logits = from_logits;
  }
  return check_defaults(r, name, settings, own->reduction ? sum : known);
}
