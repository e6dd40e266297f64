/* An intrusive, circular, doubly linked list with a head. No ownership. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

/* The struct that holds the link `ptr` as its member `member`. */
#define list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Walks the links; `it` may be removed (not freed and reused) only in the _safe form. */
#define list_each(it, head) for (struct list *it = (head)->next; it != (head); it = it->next)
#define list_each_safe(it, after, head)                                                            \
    for (struct list *it = (head)->next, *after = it->next; it != (head);                          \
         it = after, after = it->next)

/* An empty list, or a link that is in no list. */
static inline void list_init(struct list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

/* True when an initialised link is in a list. */
static inline bool list_is_linked(const struct list *link)
{
    return link->next != link;
}

static inline void list_insert_before(struct list *link, struct list *at)
{
    link->prev = at->prev;
    link->next = at;
    at->prev->next = link;
    at->prev = link;
}

static inline void list_push_back(struct list *head, struct list *link)
{
    list_insert_before(link, head);
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_insert_before(link, head->next);
}

/* Takes it out; afterwards it is in no list. Harmless when it is in none. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* First link, or NULL when empty. */
static inline struct list *list_first(const struct list *head)
{
    return head->next == head ? NULL : head->next;
}

/* Takes the first link out, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *link = list_first(head);
    if (link)
        list_remove(link);
    return link;
}

#endif
