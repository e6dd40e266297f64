/* Talk, on stderr; data goes to stdout elsewhere. */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include <muster.h>

/* "muster: …" unless --quiet. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "muster: …" always; returns EXIT_OURS. */
int say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with a line that points to the verb's help. */
int say_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A library call failed: its text as the library has it. Returns the exit status that it means. */
int say_failed(const muster_pool *pool, int64_t code, const char *doing);

/* Memory is out. */
int say_no_memory(void);

#endif
