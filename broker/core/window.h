/*
 * window.h -- the unanswered SUBMITs of one client (S2): sequence -> what it made.
 *
 * A ring over (answered_to, answered_to + width]; it grows with what is in flight. Sequences may
 * come in any order and leave gaps.
 */
#ifndef MUSTER_BROKER_CORE_WINDOW_H
#define MUSTER_BROKER_CORE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window_entry {
    uint64_t first; /* track_id */
    uint64_t batch;
    uint32_t count; /* 0: there is no entry */
    bool is_stored; /* a FACT_REQUEST says so durably */
    uint16_t tag;   /* free for the user */
};

/* All zero is empty. */
struct window {
    struct window_entry *entries;
    uint64_t answered_to;
    uint64_t highest; /* sequence that was put; answered_to or less when none is */
    uint32_t width;   /* places, a power of two */
};

void window_done(struct window *window);

/* NULL when the sequence is answered, or not known. */
struct window_entry *window_find(const struct window *window, uint64_t sequence);

/* Asserts that the sequence is beyond answered_to and not there; at most `width_max` beyond. */
struct window_entry *window_put(struct window *window, uint64_t sequence, uint32_t width_max);

/* Forgets every sequence up to this one; returns how many of them were stored. */
uint32_t window_pass(struct window *window, uint64_t answered_to);

/* The full sequence that ends with these 16 bits, as it can stand in the window. */
static inline uint64_t window_sequence(const struct window *window, uint16_t low)
{
    uint64_t next = window->answered_to + 1;
    return next + (uint16_t)(low - (uint16_t)next);
}

#endif
