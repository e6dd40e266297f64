/*
 * pages.c -- track_id -> command, dense and ordered.
 *
 * Responsible for finding and for walking in order. Not for what a command is.
 * Invariants: a page has count > 0 ids; the pages of a pool are linked in ascending order of their
 * number; the map leads to exactly these pages.
 */
#include "broker/core/pages.h"

enum { NUMBER_BITS = 40 - PAGE_BITS, PROBES_MAX = 32 };

static uint64_t key_of(uint32_t pool, uint64_t number)
{
    return (uint64_t)pool << NUMBER_BITS | number;
}

static struct page *page_at(const struct pages *pages, uint32_t index)
{
    return slab_at(&pages->items, index);
}

void pages_init(struct pages *pages, uint32_t commands_max, uint64_t seed)
{
    *pages = (struct pages){0};
    MUST(slab_init(&pages->items, sizeof(struct page), commands_max) == 0);
    map_init(&pages->by_number, commands_max, seed);
}

void pages_done(struct pages *pages)
{
    slab_done(&pages->items);
    map_done(&pages->by_number);
}

static uint32_t find(struct pages *pages, uint32_t pool, uint64_t number)
{
    uint64_t key = key_of(pool, number);
    if (pages->last_page != 0 && pages->last_key == key)
        return pages->last_page;
    uint32_t index = map_get(&pages->by_number, key);
    if (index != 0) {
        pages->last_key = key;
        pages->last_page = index;
    }
    return index;
}

uint32_t pages_get(struct pages *pages, uint32_t pool, uint64_t track_id)
{
    uint32_t index = find(pages, pool, track_id >> PAGE_BITS);
    return index == 0 ? 0 : page_at(pages, index)->ids[track_id % PAGE_IDS];
}

/* Ids come in ascending order: the place is at or near the end. */
static void link_page(struct pages *pages, struct page_list *list, uint32_t index)
{
    struct page *page = page_at(pages, index);
    uint32_t before = list->last;
    while (before != 0 && page_at(pages, before)->number > page->number)
        before = page_at(pages, before)->prev;
    uint32_t after = before == 0 ? list->first : page_at(pages, before)->next;
    page->prev = before;
    page->next = after;
    if (before == 0)
        list->first = index;
    else
        page_at(pages, before)->next = index;
    if (after == 0)
        list->last = index;
    else
        page_at(pages, after)->prev = index;
}

static void unlink_page(struct pages *pages, struct page_list *list, const struct page *page)
{
    if (page->prev == 0)
        list->first = page->next;
    else
        page_at(pages, page->prev)->next = page->next;
    if (page->next == 0)
        list->last = page->prev;
    else
        page_at(pages, page->next)->prev = page->prev;
}

void pages_put(struct pages *pages, struct page_list *list, uint32_t pool, uint64_t track_id,
               uint32_t command)
{
    uint64_t number = track_id >> PAGE_BITS;
    uint32_t index = find(pages, pool, number);
    if (index == 0) {
        index = slab_alloc(&pages->items);
        MUST(index != 0); /* there are as many pages as commands */
        page_at(pages, index)->number = number;
        MUST(map_put(&pages->by_number, key_of(pool, number), index) == 0);
        link_page(pages, list, index);
        pages->last_key = key_of(pool, number);
        pages->last_page = index;
    }
    struct page *page = page_at(pages, index);
    MUST(page->ids[track_id % PAGE_IDS] == 0);
    page->ids[track_id % PAGE_IDS] = command;
    page->count++;
}

void pages_remove(struct pages *pages, struct page_list *list, uint32_t pool, uint64_t track_id)
{
    uint64_t number = track_id >> PAGE_BITS;
    uint32_t index = find(pages, pool, number);
    MUST(index != 0);
    struct page *page = page_at(pages, index);
    MUST(page->ids[track_id % PAGE_IDS] != 0);
    page->ids[track_id % PAGE_IDS] = 0;
    if (--page->count > 0)
        return;
    unlink_page(pages, list, page);
    map_remove(&pages->by_number, key_of(pool, number));
    slab_free(&pages->items, index);
    pages->last_page = 0;
}

/* The first page with a number of at least `number`. */
static uint32_t page_from(struct pages *pages, const struct page_list *list, uint32_t pool,
                          uint64_t number)
{
    if (list->last == 0 || page_at(pages, list->last)->number < number)
        return 0;
    for (uint64_t i = 0; i < PROBES_MAX; i++) {
        uint32_t index = find(pages, pool, number + i);
        if (index != 0)
            return index;
    }
    uint32_t index = list->first;
    while (index != 0 && page_at(pages, index)->number < number)
        index = page_at(pages, index)->next;
    return index;
}

uint32_t pages_after(struct pages *pages, const struct page_list *list, uint32_t pool,
                     uint64_t track_id, uint64_t *ret_track_id)
{
    uint64_t from = track_id + 1;
    uint32_t index = page_from(pages, list, pool, from >> PAGE_BITS);
    while (index != 0) {
        const struct page *page = page_at(pages, index);
        uint32_t at = page->number == from >> PAGE_BITS ? (uint32_t)(from % PAGE_IDS) : 0;
        for (; at < PAGE_IDS; at++) {
            if (page->ids[at] == 0)
                continue;
            *ret_track_id = page->number << PAGE_BITS | at;
            return page->ids[at];
        }
        index = page->next;
    }
    return 0;
}
