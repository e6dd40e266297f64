/*
 * story.h -- a store whose content is a function of the number of turns, to be checked after
 * crashes: turn k submits 1 + k % 20 commands, hands them out, and records the oldest live ones,
 * except every seventh command, which stays running. A cursor in the same transactions counts the
 * turns.
 */
#ifndef TESTS_UNIT_STORE_STORY_H
#define TESTS_UNIT_STORE_STORY_H

#include "facts.h"

/* Where the story stands after some turns. */
struct story {
    uint64_t turn, submitted, head, oldest;
};

struct story story_after(struct story story);
/* Makes the facts of the turn that leads from one to the other. */
void story_make_turn(struct fixture *f, struct story from, struct story to);
/* The store at f->options holds the story as it is after `acknowledged` turns, or one more: which
 * it is. The store is closed before and after. */
struct story story_check(struct fixture *f, struct story story, uint64_t acknowledged);

#endif
