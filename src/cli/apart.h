/* SPDX-License-Identifier: MIT
 *
 * A worker process: this program started anew to do one thing apart, such as loading a library that may crash, hang, exit or
 * print. Driver and worker speak over a socket of their own: the driver writes a line, the worker answers with an object of JSON
 * in a line. Between answers the worker is stopped, because OpenMP's threads spin while they wait.
 */
#ifndef LAM_CLI_APART_H
#define LAM_CLI_APART_H

#include "file/json.h"
#include <stdio.h>
#include <sys/types.h>

/* How long a worker may be silent: seconds. */
#define APART_PATIENCE 20.0

typedef struct apart {
  pid_t process;         /* 0: none, or no longer */
  char reason[512];      /* why there is none; "" */
  char noise[256];       /* what was printed, which ends it too */
  bool (*stop)(void);    /* asked while waiting for an answer: whether nobody wants it any longer; NULL: never */
  int socket, output;    /* to and from it; what it prints */
  char *line;            /* its last answer, */
  size_t size, capacity; /* so many bytes of it, */
  lam_context *context;
  lam_json_document answer; /* and its tree */
} apart;

/* Starts this program with these arguments, the last NULL, and the socket as its file descriptor `fd`. Its environment is
 * `environment`; NULL: this one's. False with a reason. */
bool apart_start(apart *a, char *const arguments[], char *const environment[], int fd);
/* Writes `command` and a line feed, where it is not NULL, and waits so many seconds for an answer. False with a reason where none
 * comes or where it is {"refused": "why"}, and without one where `stop` says so; the worker is then ended. A Ctrl-C does not
 * disturb the worker. */
bool apart_ask(apart *a, const char *command, double patience);
/* A value of the last answer; "" and NaN where there is none. */
const char *apart_text(const apart *a, const char *key);
double apart_number(const apart *a, const char *key);
/* Ends it and releases all but the reason. */
void apart_end(apart *a);

/* In the worker, before all else: it ends when its driver does, and what libraries print goes nowhere but to stderr. */
void apart_begin(void);

/* Text of keys and values, for answers and reports. A number that is not finite is null. */
void json_put_text(lam_json_writer *json, const char *key, const char *text);
void json_put_number(lam_json_writer *json, const char *key, double number);
/* Writes what is finished as a line and releases it. False where it could not be written. */
bool json_send(lam_json_writer *json, FILE *to);

#endif
