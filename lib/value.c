/*
 * Values: building, reading, and the way between trees and the flat tokens of the wire.
 *
 * Invariants: a MAP's items are 2 × count nodes, the even ones STRING; `depth` of a node that is
 * not attached is right, and never above WIRE_VALUE_DEPTH_MAX, so recursion is bounded.
 */
#include "value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

/* ---- reading -------------------------------------------------------------------------------- */

enum muster_kind muster_value_kind(const muster_value *value)
{
    return value ? value->kind : MUSTER_NULL;
}

int muster_value_bool(const muster_value *value)
{
    return value && value->kind == MUSTER_BOOL && value->integer != 0;
}

int64_t muster_value_int(const muster_value *value)
{
    return value && (value->kind == MUSTER_INT || value->kind == MUSTER_BOOL) ? value->integer : 0;
}

double muster_value_double(const muster_value *value)
{
    if (!value)
        return 0;
    if (value->kind == MUSTER_INT)
        return (double)value->integer;
    return value->kind == MUSTER_DOUBLE ? value->real : 0;
}

const char *muster_value_data(const muster_value *value, size_t *ret_size)
{
    bool has = value && (value->kind == MUSTER_STRING || value->kind == MUSTER_BYTES);
    if (ret_size)
        *ret_size = has ? value->size : 0;
    return has ? value->data : NULL;
}

size_t muster_value_count(const muster_value *value)
{
    return value && (value->kind == MUSTER_LIST || value->kind == MUSTER_MAP) ? value->count : 0;
}

const muster_value *muster_value_at(const muster_value *value, size_t index)
{
    if (index >= muster_value_count(value))
        return NULL;
    return value->kind == MUSTER_LIST ? value->items[index] : value->items[2 * index + 1];
}

const char *muster_value_key_at(const muster_value *value, size_t index, size_t *ret_size)
{
    bool has = value && value->kind == MUSTER_MAP && index < value->count;
    return muster_value_data(has ? value->items[2 * index] : NULL, ret_size);
}

const muster_value *muster_value_get(const muster_value *value, const char *key)
{
    if (!value || value->kind != MUSTER_MAP || !key)
        return NULL;
    size_t size = strlen(key);
    for (size_t i = 0; i < value->count; i++) {
        const struct muster_value *item = value->items[2 * i];
        if (item->size == size && memcmp(item->data, key, size) == 0)
            return value->items[2 * i + 1];
    }
    return NULL;
}

/* ---- building ------------------------------------------------------------------------------- */

static muster_value *new_value(enum muster_kind kind)
{
    muster_value *value = calloc(1, sizeof *value);
    if (!value)
        return NULL;
    value->kind = kind;
    value->depth = kind == MUSTER_LIST || kind == MUSTER_MAP ? 1 : 0;
    return value;
}

muster_value *muster_value_new_null(void)
{
    return new_value(MUSTER_NULL);
}

muster_value *muster_value_new_bool(int b)
{
    muster_value *value = new_value(MUSTER_BOOL);
    if (value)
        value->integer = b != 0;
    return value;
}

muster_value *muster_value_new_int(int64_t i)
{
    muster_value *value = new_value(MUSTER_INT);
    if (value)
        value->integer = i;
    return value;
}

muster_value *muster_value_new_double(double d)
{
    muster_value *value = new_value(MUSTER_DOUBLE);
    if (value)
        value->real = d;
    return value;
}

static muster_value *new_data(enum muster_kind kind, const void *data, size_t size)
{
    if (!data && size)
        return NULL;
    muster_value *value = new_value(kind);
    if (!value)
        return NULL;
    value->data = bytes_dup(bytes_of(data, size));
    value->size = size;
    if (!value->data) {
        free(value);
        return NULL;
    }
    return value;
}

muster_value *muster_value_new_string(const char *s)
{
    if (!s || !bytes_is_utf8(bytes_of_str(s)))
        return NULL;
    return new_data(MUSTER_STRING, s, strlen(s));
}

muster_value *muster_value_new_bytes(const void *data, size_t size)
{
    return new_data(MUSTER_BYTES, data, size);
}

muster_value *muster_value_new_list(void)
{
    return new_value(MUSTER_LIST);
}

muster_value *muster_value_new_map(void)
{
    return new_value(MUSTER_MAP);
}

static void free_tree(struct muster_value *value)
{
    size_t n = value->kind == MUSTER_MAP ? 2 * value->count : value->count;
    for (size_t i = 0; i < n; i++)
        free_tree(value->items[i]);
    free(value->items);
    free(value->data);
    free(value);
}

void muster_value_free(muster_value *value)
{
    if (value && !value->attached)
        free_tree(value);
}

static bool reserve(struct muster_value *value, size_t items)
{
    if (items <= value->capacity)
        return true;
    size_t capacity = value->capacity ? value->capacity * 2 : 8;
    struct muster_value **grown = realloc(value->items, capacity * sizeof(struct muster_value *));
    if (!grown)
        return false;
    value->items = grown;
    value->capacity = capacity;
    return true;
}

static int fits(const struct muster_value *value, enum muster_kind kind,
                const struct muster_value *item)
{
    if (!value || !item || value->kind != kind || value->attached || item->attached ||
        value == item)
        return MUSTER_EINVAL;
    if (item->depth >= WIRE_VALUE_DEPTH_MAX || value->count >= WIRE_VALUES_MAX)
        return MUSTER_ETOOLARGE;
    return MUSTER_OK;
}

static void attach(struct muster_value *value, struct muster_value *item, size_t at)
{
    item->attached = true;
    value->items[at] = item;
    if (value->depth <= item->depth)
        value->depth = (uint8_t)(item->depth + 1);
}

int muster_value_append(muster_value *list, muster_value *item)
{
    int rc = fits(list, MUSTER_LIST, item);
    if (rc == MUSTER_OK && !reserve(list, list->count + 1))
        rc = MUSTER_ENOMEM;
    if (rc != MUSTER_OK) {
        if (list != item)
            muster_value_free(item);
        return rc;
    }
    attach(list, item, list->count++);
    return MUSTER_OK;
}

static int set_key(struct muster_value *map, const char *key, struct muster_value *item)
{
    size_t size = strlen(key);
    for (size_t i = 0; i < map->count; i++) {
        const struct muster_value *old = map->items[2 * i];
        if (old->size != size || memcmp(old->data, key, size) != 0)
            continue;
        free_tree(map->items[2 * i + 1]);
        attach(map, item, 2 * i + 1);
        return MUSTER_OK;
    }
    struct muster_value *name = muster_value_new_string(key);
    if (!name || !reserve(map, 2 * (map->count + 1))) {
        muster_value_free(name);
        return MUSTER_ENOMEM;
    }
    attach(map, name, 2 * map->count);
    attach(map, item, 2 * map->count + 1);
    map->count++;
    return MUSTER_OK;
}

int muster_value_set(muster_value *map, const char *key, muster_value *item)
{
    int rc = fits(map, MUSTER_MAP, item);
    if (rc == MUSTER_OK && (!key || !bytes_is_utf8(bytes_of_str(key))))
        rc = MUSTER_EINVAL;
    if (rc == MUSTER_OK)
        rc = set_key(map, key, item);
    if (rc != MUSTER_OK && map != item)
        muster_value_free(item);
    return rc;
}

int value_walk(const struct muster_value *value, value_token_fn *each, void *ctx)
{
    struct wire_value token = {.kind = WIRE_VALUE_NULL};
    size_t items = 0;
    if (value) {
        token.kind = (enum wire_value_kind)value->kind;
        token.integer = value->integer;
        token.real = value->real;
        token.data = bytes_of(value->data, value->size);
        token.count = (uint32_t)value->count;
        items = value->kind == MUSTER_MAP ? 2 * value->count : value->count;
    }
    int rc = each(ctx, &token);
    for (size_t i = 0; rc == 0 && i < items; i++)
        rc = value_walk(value->items[i], each, ctx);
    return rc;
}

/* ---- from the wire -------------------------------------------------------------------------- */

static struct muster_value *read_value(const struct wire_value *tokens, uint32_t n, uint32_t *at,
                                       struct arena *arena);

static struct muster_value *read_items(enum muster_kind kind, size_t count,
                                       const struct wire_value *tokens, uint32_t n, uint32_t *at,
                                       struct arena *arena)
{
    struct muster_value *value = arena_zalloc(arena, 1, sizeof *value);
    size_t items = kind == MUSTER_MAP ? 2 * count : count;
    if (!value)
        return NULL;
    value->kind = kind;
    value->count = count;
    value->attached = true; /* the arena's */
    value->items = arena_zalloc(arena, items, sizeof(struct muster_value *));
    if (!value->items)
        return NULL;
    for (size_t i = 0; i < items; i++) {
        value->items[i] = read_value(tokens, n, at, arena);
        if (!value->items[i])
            return NULL;
    }
    return value;
}

static struct muster_value *read_value(const struct wire_value *tokens, uint32_t n, uint32_t *at,
                                       struct arena *arena)
{
    if (*at >= n)
        return NULL;
    const struct wire_value *token = &tokens[(*at)++];
    if (token->kind == WIRE_VALUE_LIST || token->kind == WIRE_VALUE_MAP)
        return read_items((enum muster_kind)token->kind, token->count, tokens, n, at, arena);
    struct muster_value *value = arena_zalloc(arena, 1, sizeof *value);
    if (!value)
        return NULL;
    value->kind = (enum muster_kind)token->kind;
    value->attached = true;
    value->integer = token->integer;
    value->real = token->real;
    if (token->kind == WIRE_VALUE_STRING || token->kind == WIRE_VALUE_BYTES) {
        char *copy = arena_alloc(arena, token->data.size + 1);
        if (!copy)
            return NULL;
        if (token->data.size)
            memcpy(copy, token->data.data, token->data.size);
        copy[token->data.size] = '\0';
        value->data = copy;
        value->size = token->data.size;
    }
    return value;
}

int value_read_list(const struct wire_value *tokens, uint32_t n, struct arena *arena,
                    const struct muster_value **ret)
{
    uint32_t at = 0;
    *ret = read_items(MUSTER_LIST, wire_values_count(tokens, n), tokens, n, &at, arena);
    return *ret ? 0 : -ENOMEM;
}

int value_read_map(const struct wire_value *tokens, uint32_t n, struct arena *arena,
                   const struct muster_value **ret)
{
    uint32_t at = 0;
    *ret = read_items(MUSTER_MAP, wire_values_count(tokens, n) / 2, tokens, n, &at, arena);
    return *ret ? 0 : -ENOMEM;
}

int value_read_one(const struct wire_value *tokens, uint32_t n, struct arena *arena,
                   const struct muster_value **ret)
{
    uint32_t at = 0;
    *ret = n ? read_value(tokens, n, &at, arena) : NULL;
    return n == 0 || *ret ? 0 : -ENOMEM;
}
