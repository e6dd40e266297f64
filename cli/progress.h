/* What a person sees while commands run: live lines on a terminal, one line per end elsewhere.
 *
 * All of it goes to stderr, none of it with --quiet. One process has one such view. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <muster.h>

enum { PROGRESS_ROWS_MAX = 20 };

struct progress_plan {
    muster_pool *pool;
    int64_t batch;      /* 0: none */
    const int64_t *ids; /* ascending; stay the caller's until progress_end */
    size_t count;
    bool is_several; /* a single command says nothing when it ends ok */
};

void progress_begin(const struct progress_plan *plan);

/* A command ended. */
void progress_record(const muster_record *record);

/* Looks at the unfinished ones and draws again; does nothing off a terminal or too soon. */
void progress_tick(void);

/* Takes the live lines away so that other text can be printed; the next tick draws them again. */
void progress_hide(void);

/* The last picture, and for several the summary. */
void progress_end(void);

#endif
