/*
 * selector.h -- which hosts may run a command: text -> program, compiled once per distinct text.
 *
 *     selector = and-part { ("or" | ",") and-part }      "or" and "," are the same
 *     and-part = not-part { "and" not-part }
 *     not-part = "not" not-part | "(" selector ")" | term
 *     term     = "all" | "@all" | host pattern | KEY=VALUE pattern (a label of the worker)
 *     pattern  = characters, "?" (one), "*" (any number), "[1-8,12,x]" (one of; a range of numbers
 *                whose first has leading zeros asks for numbers of that width)
 *
 * The empty text means any host. Matching takes time linear in pattern times host.
 */
#ifndef MUSTER_BROKER_CORE_SELECTOR_H
#define MUSTER_BROKER_CORE_SELECTOR_H

#include <stdint.h>

#include "broker/core/say.h"

enum {
    SELECTOR_BYTES_MAX = 4096,
    SELECTOR_NODES_MAX = 256,
    SELECTOR_DEPTH_MAX = 32,
    SELECTOR_TEXT_MAX = 256 /* of a host or label, and of one term */
};

enum selector_op {
    SELECTOR_ALL,
    SELECTOR_HOST,
    SELECTOR_LABEL,
    SELECTOR_NOT,
    SELECTOR_AND,
    SELECTOR_OR
};

/* In postfix order. `from`, `size`: the term within the text. */
struct selector_node {
    uint8_t op;
    bool is_plain; /* no wildcard */
    uint16_t from, size;
};

struct selector {
    struct bytes text; /* borrowed */
    struct selector_node *nodes;
    uint32_t n_nodes;
};

/* Borrows `text`, which must live as long as the selector. 0, or -EINVAL with a sentence that names
 * the place. */
int selector_compile(struct bytes text, struct selector *ret_selector, struct say *ret_why);
void selector_done(struct selector *selector);

bool selector_matches(const struct selector *selector, struct bytes host,
                      const struct bytes *labels, uint32_t n_labels);

/* The host name, when the selector is nothing but one; else empty. */
struct bytes selector_literal(const struct selector *selector);

#endif
