/*
 * attempts.c -- the table behind the agent: who is in which kind, which slot is taken.
 *
 * Responsible for identity, order and slots. It decides nothing: the session does (agent.c).
 *
 * Invariants (attempts_check): every live entry is in exactly the list of its kind and in the chain
 * of its command; exactly the RUNNING entries hold a slot, each another one.
 */
#include "worker/core/attempts.h"

#include "base/assert.h"

#define KIND(kind) (UINT32_C(1) << (kind))

/* Allowed moves: bit mask of the next kinds. */
static const uint32_t MOVES[ATTEMPT_KINDS] = {
    [ATTEMPT_WAITING] = KIND(ATTEMPT_RUNNING) | KIND(ATTEMPT_CANCELLED) | KIND(ATTEMPT_RETURNING),
    [ATTEMPT_BLOCKED] = KIND(ATTEMPT_WAITING) | KIND(ATTEMPT_CANCELLED) | KIND(ATTEMPT_RETURNING),
    [ATTEMPT_CANCELLED] = KIND(ATTEMPT_SPOOLED),
    [ATTEMPT_RUNNING] = KIND(ATTEMPT_WAITING) | KIND(ATTEMPT_SPOOLED) | KIND(ATTEMPT_GONE),
};

void attempts_init(struct attempts *attempts, uint32_t slots, uint64_t seed)
{
    MUST(slots >= 1 && slots <= ATTEMPT_SLOTS_MAX);
    *attempts = (struct attempts){.slots = slots, .slots_free = slots};
    MUST(slab_init(&attempts->slab, sizeof(struct attempt), ATTEMPTS_MAX) == 0);
    map_init(&attempts->chains, ATTEMPTS_MAX, seed);
    for (int kind = 0; kind < ATTEMPT_KINDS; kind++)
        list_init(&attempts->kinds[kind].all);
    for (uint32_t slot = 0; slot < slots; slot++)
        attempts->free_slots[slot / 64] |= UINT64_C(1) << (slot % 64);
}

void attempts_done(struct attempts *attempts)
{
    if (!attempts)
        return;
    map_done(&attempts->chains);
    slab_done(&attempts->slab);
}

int agent_id_order(const struct agent_id *a, const struct agent_id *b)
{
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    if (a->attempt != b->attempt)
        return a->attempt < b->attempt ? -1 : 1;
    return 0;
}

/* Commands whose hashes are equal share a chain: every walk compares the command itself. */
static uint64_t hash_of(uint32_t pool, uint64_t track_id)
{
    return track_id ^ ((uint64_t)pool * UINT64_C(0x9e3779b97f4a7c15));
}

static struct attempt *at(const struct attempts *attempts, uint32_t index)
{
    return index == 0 ? NULL : slab_at(&attempts->slab, index);
}

static struct attempt *same_command(const struct attempts *attempts, uint32_t index, uint32_t pool,
                                    uint64_t track_id)
{
    struct attempt *attempt = at(attempts, index);
    while (attempt && (attempt->id.pool != pool || attempt->id.track_id != track_id))
        attempt = at(attempts, attempt->next);
    return attempt;
}

struct attempt *attempts_first_of(const struct attempts *attempts, uint32_t pool, uint64_t track_id)
{
    uint32_t head = map_get(&attempts->chains, hash_of(pool, track_id));
    return same_command(attempts, head, pool, track_id);
}

struct attempt *attempts_next_of(const struct attempts *attempts, const struct attempt *attempt)
{
    return same_command(attempts, attempt->next, attempt->id.pool, attempt->id.track_id);
}

struct attempt *attempts_find(const struct attempts *attempts, const struct agent_id *id)
{
    struct attempt *attempt = attempts_first_of(attempts, id->pool, id->track_id);
    while (attempt && agent_id_order(&attempt->id, id) != 0)
        attempt = attempts_next_of(attempts, attempt);
    return attempt;
}

struct attempt *attempts_front(const struct attempts *attempts, enum attempt_kind kind)
{
    struct list *link = list_first(&attempts->kinds[kind].all);
    return link ? list_entry(link, struct attempt, link) : NULL;
}

static void enter(struct attempts *attempts, struct attempt *attempt, enum attempt_kind kind,
                  bool front)
{
    attempt->kind = (uint8_t)kind;
    attempts->kinds[kind].count++;
    if (front)
        list_push_front(&attempts->kinds[kind].all, &attempt->link);
    else
        list_push_back(&attempts->kinds[kind].all, &attempt->link);
}

static void leave(struct attempts *attempts, struct attempt *attempt)
{
    MUST(attempts->kinds[attempt->kind].count > 0);
    attempts->kinds[attempt->kind].count--;
    list_remove(&attempt->link);
}

/* The lowest free one, so that the runner of slot 1 is the warmest. */
static uint16_t take_slot(struct attempts *attempts)
{
    uint32_t word = 0;
    MUST(attempts->slots_free > 0);
    while (attempts->free_slots[word] == 0)
        word++;
    uint32_t bit = (uint32_t)__builtin_ctzll(attempts->free_slots[word]);
    attempts->free_slots[word] &= ~(UINT64_C(1) << bit);
    attempts->slots_free--;
    return (uint16_t)(word * 64 + bit + 1);
}

static void leave_slot(struct attempts *attempts, struct attempt *attempt)
{
    uint16_t slot = attempt->slot;
    MUST(slot >= 1 && slot <= attempts->slots);
    uint64_t bit = UINT64_C(1) << ((slot - 1u) % 64);
    uint32_t word = (slot - 1u) / 64;
    MUST(((attempts->free_slots[word] | attempts->resting_slots[word]) & bit) == 0);
    if (attempt->rests) {
        attempts->resting_slots[word] |= bit;
        attempts->slots_resting++;
    } else {
        attempts->free_slots[word] |= bit;
        attempts->slots_free++;
    }
    attempt->slot = 0;
}

void attempts_end_rest(struct attempts *attempts)
{
    for (uint32_t word = 0; word < ATTEMPT_SLOTS_MAX / 64; word++) {
        attempts->free_slots[word] |= attempts->resting_slots[word];
        attempts->resting_slots[word] = 0;
    }
    attempts->slots_free += attempts->slots_resting;
    attempts->slots_resting = 0;
}

struct attempt *attempts_add(struct attempts *attempts, const struct agent_id *id,
                             enum attempt_kind kind)
{
    uint32_t index = slab_alloc(&attempts->slab);
    if (index == 0)
        return NULL;
    struct attempt *attempt = slab_at(&attempts->slab, index);
    uint64_t hash = hash_of(id->pool, id->track_id);
    attempt->id = *id;
    attempt->index = index;
    attempt->next = map_get(&attempts->chains, hash);
    MUST(map_put(&attempts->chains, hash, index) == 0);
    MUST(kind != ATTEMPT_RUNNING);
    enter(attempts, attempt, kind, false);
    return attempt;
}

static void unchain(struct attempts *attempts, struct attempt *attempt)
{
    uint64_t hash = hash_of(attempt->id.pool, attempt->id.track_id);
    uint32_t head = map_get(&attempts->chains, hash);
    if (head == attempt->index) {
        if (attempt->next == 0)
            map_remove(&attempts->chains, hash);
        else
            MUST(map_put(&attempts->chains, hash, attempt->next) == 0);
        return;
    }
    struct attempt *before = at(attempts, head);
    while (before && before->next != attempt->index)
        before = at(attempts, before->next);
    MUST(before != NULL);
    before->next = attempt->next;
}

void attempts_remove(struct attempts *attempts, struct attempt *attempt)
{
    if (attempt->kind == ATTEMPT_RUNNING)
        leave_slot(attempts, attempt);
    leave(attempts, attempt);
    unchain(attempts, attempt);
    slab_free(&attempts->slab, attempt->index);
}

void attempt_move(struct attempts *attempts, struct attempt *attempt, enum attempt_kind kind)
{
    enum attempt_kind from = (enum attempt_kind)attempt->kind;
    MUST((MOVES[from] & KIND(kind)) != 0);
    if (from == ATTEMPT_RUNNING)
        leave_slot(attempts, attempt);
    leave(attempts, attempt);
    if (kind == ATTEMPT_RUNNING)
        attempt->slot = take_slot(attempts);
    enter(attempts, attempt, kind, kind == ATTEMPT_WAITING);
}

static const char *check_entry(const struct attempts *attempts, const struct attempt *attempt)
{
    if (attempts_find(attempts, &attempt->id) != attempt)
        return "an attempt is not found by its identity, or twice";
    bool holds_slot = attempt->kind == ATTEMPT_RUNNING;
    if (holds_slot != (attempt->slot != 0))
        return "slots are held by other than running attempts";
    if (holds_slot &&
        (attempts->free_slots[(attempt->slot - 1u) / 64] >> ((attempt->slot - 1u) % 64) & 1) != 0)
        return "the slot of a running attempt is free";
    return NULL;
}

bool attempts_check(const struct attempts *attempts, const char **ret_what)
{
    uint64_t taken[ATTEMPT_SLOTS_MAX / 64] = {0};
    uint32_t total = 0;
    for (int kind = 1; kind < ATTEMPT_KINDS; kind++) {
        uint32_t count = 0;
        list_each (link, &attempts->kinds[kind].all) {
            const struct attempt *attempt = list_entry(link, struct attempt, link);
            *ret_what = attempt->kind == kind ? check_entry(attempts, attempt)
                                              : "an attempt is in the list of another kind";
            if (*ret_what)
                return false;
            if (attempt->slot != 0) {
                uint64_t bit = UINT64_C(1) << ((attempt->slot - 1u) % 64);
                *ret_what = "two attempts hold one slot";
                if (taken[(attempt->slot - 1u) / 64] & bit)
                    return false;
                taken[(attempt->slot - 1u) / 64] |= bit;
            }
            count++;
        }
        *ret_what = "the count of a kind differs from its list";
        if (count != attempts->kinds[kind].count)
            return false;
        total += count;
    }
    *ret_what = "entries are in no list";
    if (total != slab_count(&attempts->slab))
        return false;
    *ret_what = "free slots are miscounted";
    if (attempts->slots_free + attempts->slots_resting +
            attempts_count(attempts, ATTEMPT_RUNNING) !=
        attempts->slots)
        return false;
    *ret_what = NULL;
    return true;
}
