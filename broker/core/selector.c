/*
 * selector.c -- selectors: parser and evaluation.
 *
 * Responsible for the language in selector.h and for saying where a text leaves it. Not for which
 * hosts exist. The parser is a recursive descent of bounded depth that emits postfix code; patterns
 * are matched in pattern.c. Nothing here takes more than linear time and space, because the text
 * comes from outside.
 */
#include "broker/core/selector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "broker/core/pattern.h"

struct parser {
    struct bytes text;
    size_t at;
    struct selector_node nodes[SELECTOR_NODES_MAX];
    uint32_t n_nodes;
    unsigned depth;
    const char *problem;
    size_t problem_at;
};

static bool fail(struct parser *p, size_t at, const char *problem)
{
    if (p->problem == NULL) {
        p->problem = problem;
        p->problem_at = at;
    }
    return false;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->text.size && is_blank(p->text.data[p->at]))
        p->at++;
}

/* The word that begins here: up to a blank, parenthesis or comma outside brackets. */
static struct bytes peek_word(struct parser *p)
{
    bool inside = false;
    size_t end;
    skip_blanks(p);
    for (end = p->at; end < p->text.size; end++) {
        uint8_t c = p->text.data[end];
        if (is_blank(c) || (!inside && (c == '(' || c == ')' || c == ',')))
            break;
        inside = c == '[' || (inside && c != ']');
    }
    return bytes_slice(p->text, p->at, end - p->at);
}

static bool take_word(struct parser *p, const char *word)
{
    if (!bytes_equal_str(peek_word(p), word))
        return false;
    p->at += strlen(word);
    return true;
}

static bool take_char(struct parser *p, char c)
{
    skip_blanks(p);
    if (p->at == p->text.size || p->text.data[p->at] != (uint8_t)c)
        return false;
    p->at++;
    return true;
}

static bool emit(struct parser *p, enum selector_op op, size_t from, size_t size, bool is_plain)
{
    if (p->n_nodes == SELECTOR_NODES_MAX)
        return fail(p, from, "the selector has too many parts");
    p->nodes[p->n_nodes++] = (struct selector_node){
        .op = (uint8_t)op, .is_plain = is_plain, .from = (uint16_t)from, .size = (uint16_t)size};
    return true;
}

static bool parse_or(struct parser *p);

static bool parse_term(struct parser *p)
{
    size_t from = p->at;
    struct bytes word = peek_word(p);
    from = p->at;
    if (word.size == 0)
        return fail(p, from, "a host name, KEY=VALUE, \"all\", \"not\" or \"(\" is missing");
    if (bytes_equal_str(word, "and") || bytes_equal_str(word, "or"))
        return fail(p, from,
                    "a host name, KEY=VALUE, \"all\", \"not\" or \"(\" is missing before it");
    if (word.size >= SELECTOR_TEXT_MAX)
        return fail(p, from, "this name is too long");
    p->at += word.size;
    if (bytes_equal_str(word, "all") || bytes_equal_str(word, "@all"))
        return emit(p, SELECTOR_ALL, from, word.size, true);
    if (word.data[0] == '@')
        return fail(p, from, "the only group is \"@all\"");
    size_t wrong_at;
    const char *wrong = pattern_check(word, &wrong_at);
    if (wrong != NULL)
        return fail(p, from + wrong_at, wrong);
    ptrdiff_t equals = bytes_find(word, '=');
    if (equals == 0)
        return fail(p, from, "a label's name is missing before \"=\"");
    return emit(p, equals > 0 ? SELECTOR_LABEL : SELECTOR_HOST, from, word.size,
                pattern_is_plain(word));
}

static bool parse_not(struct parser *p)
{
    if (p->depth == SELECTOR_DEPTH_MAX)
        return fail(p, p->at, "the selector is nested too deeply");
    p->depth++;
    bool good;
    if (take_word(p, "not")) {
        size_t at = p->at;
        good = parse_not(p) && emit(p, SELECTOR_NOT, at, 0, false);
    } else if (take_char(p, '(')) {
        size_t at = p->at;
        good = parse_or(p);
        if (good && !take_char(p, ')'))
            good = fail(p, at, "\")\" is missing for this \"(\"");
    } else {
        good = parse_term(p);
    }
    p->depth--;
    return good;
}

static bool parse_and(struct parser *p)
{
    if (!parse_not(p))
        return false;
    while (take_word(p, "and"))
        if (!parse_not(p) || !emit(p, SELECTOR_AND, p->at, 0, false))
            return false;
    return true;
}

static bool parse_or(struct parser *p)
{
    if (!parse_and(p))
        return false;
    while (take_char(p, ',') || take_word(p, "or"))
        if (!parse_and(p) || !emit(p, SELECTOR_OR, p->at, 0, false))
            return false;
    return true;
}

int selector_compile(struct bytes text, struct selector *ret_selector, struct say *ret_why)
{
    struct parser p = {.text = text};
    bool good = text.size <= SELECTOR_BYTES_MAX
                    ? parse_or(&p)
                    : fail(&p, SELECTOR_BYTES_MAX, "the selector is too long");
    skip_blanks(&p);
    if (good && p.at < text.size)
        good = fail(&p, p.at, "\"and\", \"or\" or \",\" is missing before it");
    if (!good) {
        say_str(ret_why, "The selector is wrong at character ");
        say_u64(ret_why, p.problem_at + 1);
        struct bytes rest = bytes_slice(text, p.problem_at, 20);
        if (rest.size > 0) {
            say_str(ret_why, " (\"");
            say_name(ret_why, rest);
            say_str(ret_why, "\")");
        }
        say_str(ret_why, ": ");
        say_str(ret_why, p.problem);
        say_str(ret_why, ".");
        return -EINVAL;
    }
    *ret_selector = (struct selector){.text = text, .n_nodes = p.n_nodes};
    ret_selector->nodes = calloc(p.n_nodes, sizeof p.nodes[0]);
    MUST(ret_selector->nodes != NULL);
    memcpy(ret_selector->nodes, p.nodes, p.n_nodes * sizeof p.nodes[0]);
    return 0;
}

void selector_done(struct selector *selector)
{
    free(selector->nodes);
    *selector = (struct selector){0};
}

static bool term_matches(const struct selector *selector, const struct selector_node *node,
                         struct bytes text)
{
    struct bytes pattern = bytes_slice(selector->text, node->from, node->size);
    return node->is_plain ? bytes_equal(pattern, text) : pattern_matches(pattern, text);
}

static bool label_matches(const struct selector *selector, const struct selector_node *node,
                          const struct bytes *labels, uint32_t n_labels)
{
    for (uint32_t i = 0; i < n_labels; i++)
        if (term_matches(selector, node, labels[i]))
            return true;
    return false;
}

bool selector_matches(const struct selector *selector, struct bytes host,
                      const struct bytes *labels, uint32_t n_labels)
{
    /* A chain is evaluated from the left, so only nesting needs more than two places. */
    bool stack[2 * SELECTOR_DEPTH_MAX + 4];
    size_t top = 0;
    for (uint32_t i = 0; i < selector->n_nodes; i++) {
        const struct selector_node *node = &selector->nodes[i];
        MUST(top < sizeof stack / sizeof stack[0]);
        switch ((enum selector_op)node->op) {
        case SELECTOR_ALL:
            stack[top++] = true;
            break;
        case SELECTOR_HOST:
            stack[top++] = term_matches(selector, node, host);
            break;
        case SELECTOR_LABEL:
            stack[top++] = label_matches(selector, node, labels, n_labels);
            break;
        case SELECTOR_NOT:
            stack[top - 1] = !stack[top - 1];
            break;
        case SELECTOR_AND:
            top--;
            stack[top - 1] = stack[top - 1] && stack[top];
            break;
        case SELECTOR_OR:
            top--;
            stack[top - 1] = stack[top - 1] || stack[top];
            break;
        }
    }
    MUST(top == 1);
    return stack[0];
}

struct bytes selector_literal(const struct selector *selector)
{
    const struct selector_node *node = &selector->nodes[0];
    bool is_literal = selector->n_nodes == 1 && node->op == SELECTOR_HOST && node->is_plain;
    return is_literal ? bytes_slice(selector->text, node->from, node->size) : (struct bytes){0};
}
