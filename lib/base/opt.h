/* One table-driven parser for the command lines of all programs.
 *
 *   --name value  --name=value  -n value  -nvalue  -abc (flags)  --no-name (flags)  -- ends
 *
 * The table makes the parser, the help text and the spelling hints. */
#ifndef BASE_OPT_H
#define BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/time.h"

enum opt_kind {
    OPT_FLAG,     /* bool *: set to true, by --no-name to false */
    OPT_STRING,   /* const char **: points into argv */
    OPT_U64,      /* uint64_t * within [min, max] */
    OPT_DURATION, /* muster_time * within [min, max] */
    OPT_SIZE,     /* uint64_t * bytes within [min, max] */
    OPT_LIST,     /* struct opt_list *: may be given again and again */
    OPT_CALL,     /* opt_call_fn: parses the value itself */
    OPT_HEADING   /* no option: `help` is a heading in the help text */
};

/* Points into argv. Owned by the caller, freed with opt_list_done. */
struct opt_list {
    const char **items;
    size_t count;
};

/* Takes the value; 0, or a negative errno after it wrote what is wrong with it into `message` (no
 * final period, no option name: the parser adds that). */
typedef int opt_call_fn(void *target, const char *value, struct buffer *message);

struct opt_spec {
    const char *name; /* long name without dashes; NULL ends the table, except for OPT_HEADING */
    char letter;      /* 0: none */
    enum opt_kind kind;
    const char *metavar; /* of the value in the help text; NULL: by kind */
    const char *help;    /* one sentence or a few words; NULL: hidden option */
    void *target;        /* see opt_kind; holds the default before the parse */
    opt_call_fn *call;   /* OPT_CALL only */
    uint64_t min, max;   /* OPT_U64, OPT_DURATION, OPT_SIZE; max 0: no bound */
};

#define OPT_END                                                                                    \
    {                                                                                              \
        .name = NULL, .kind = OPT_FLAG                                                             \
    }

enum opt_flags {
    OPT_STOP_AT_OPERAND = 1 /* options end at the first operand (a verb or an argv follows) */
};

/* What is left after the options. `operands` points into argv's own array. */
struct opt_result {
    const char **operands;
    int operand_count;
    bool has_dashes; /* a "--" ended the options; operands from `dashes_at` on came behind it */
    int dashes_at;
};

/* Parses argv[1 …]; operands are moved to the front of the array (argv[1 …]), NULL behind them.
 * argv[argc] must exist. The last of an option given twice wins, lists grow. 0; -ENOMEM; or -EINVAL
 * with the whole message in `message`, e.g. "unknown option --foo, did you mean --food?". */
int opt_parse(const struct opt_spec *table, unsigned flags, int argc, const char **argv,
              struct opt_result *ret_result, struct buffer *message);

/* The options as lines "  -n, --name VALUE   help", wrapped at `columns` (0: see opt_columns). */
int opt_append_help(struct buffer *buffer, const struct opt_spec *table, unsigned columns);

/* Plain text wrapped at `columns` with every line indented. */
int opt_append_wrapped(struct buffer *buffer, const char *text, unsigned indent, unsigned columns);

/* Width of the terminal on stdout, else $COLUMNS, else 80; between 40 and 120. */
unsigned opt_columns(void);

void opt_list_done(struct opt_list *list);

#endif
