/* Flat values: reads the arguments of a function, builds its result. */
#ifndef MUSTER_WORKER_RUN_VALUE_H
#define MUSTER_WORKER_RUN_VALUE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "proto/body.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a function takes, by position or by name. */
enum value_kind {
    VALUE_TEXT,  /* STRING or BYTES: struct bytes */
    VALUE_PATH,  /* the same without NUL, not empty: const char *, in the arena */
    VALUE_BOOL,  /* bool */
    VALUE_COUNT, /* INT ≥ 0: uint64_t */
    VALUE_TEXTS  /* LIST of STRING or BYTES, or one of them: struct value_texts */
};

struct value_texts {
    const struct bytes *items;
    size_t count;
};

struct value_parameter {
    const char *name; /* NULL ends the table */
    enum value_kind kind;
    bool is_required;
    bool is_rest; /* last positional one, VALUE_TEXTS: takes all positional texts that are left */
    void *target; /* keeps its default when the argument is not given (or NULL) */
};

enum { VALUE_ERROR_MAX = 256 };

/* Fills the targets. 0, or -EINVAL with one sentence, or -ENOMEM. */
int value_bind(const char *function, const struct value_parameter *parameters,
               const struct wire_command_body *body, struct arena *arena,
               char ret_error[VALUE_ERROR_MAX]);

/* A result that is being built: tokens in pre-order. Errors are sticky. */
struct value_builder {
    struct arena *arena;
    struct wire_value *tokens;
    uint32_t count, capacity;
    size_t bytes; /* estimate of the packed size */
    bool has_failed;
};

void value_null(struct value_builder *builder);
void value_bool(struct value_builder *builder, bool value);
void value_int(struct value_builder *builder, int64_t value);
void value_double(struct value_builder *builder, double value);
/* STRING when it is UTF-8, else BYTES. Copied. */
void value_text(struct value_builder *builder, struct bytes text);
/* Followed by `count` values, or pairs of value_key and a value. The index of the token, so that a
 * count that is not known yet can be set afterwards. */
uint32_t value_list(struct value_builder *builder, uint32_t count);
uint32_t value_map(struct value_builder *builder, uint32_t count);
void value_set_count(struct value_builder *builder, uint32_t token, uint32_t count);
void value_key(struct value_builder *builder, const char *name);

/* False when memory ran out or the wire would not take it. */
bool value_is_good(const struct value_builder *builder);

#endif
