/* core_check finds what does not fit: each row damages one thing that the other files keep. */
#include "broker/core/machine.h"
#include "tests/unit/core/scene.h"

#include <string.h>

/* One running, two queued, one held, one batch, one wait of each kind. */
static struct scene *with_all(void)
{
    static const uint64_t ids[] = {1};
    struct scene *s = scene_new(NULL);
    worker(s, 101, "web1", 1);
    hello(s, 1, 11, "work");
    submit(s, 1, 1, 0);
    submit_this(s, 1, 2, (struct submission){.each = true});
    submit_this(s, 1, 3, (struct submission){.delay_ns = MUSTER_S});
    wait_ids(s, 1, ids, 1, MUSTER_S);
    room(s, 1, "", "echo", 0, MUSTER_S);
    turn(s);
    return s;
}

static void damage_count(struct core *core)
{
    pool_at(&core->pools, 1)->counts[STATE_QUEUED]++;
}

static void damage_head(struct core *core)
{
    pool_at(&core->pools, 1)->totals.head++;
}

static void damage_oldest(struct core *core)
{
    pool_at(&core->pools, 1)->totals.oldest = 9;
}

static void damage_pages(struct core *core)
{
    pages_put(core->commands.pages, &pool_at(&core->pools, 1)->pages, 1, 99, 1);
}

static void damage_id(struct core *core)
{
    command_at(&core->commands, 1)->id_and_bytes = UINT64_C(9) << 24;
}

static void damage_place(struct core *core)
{
    command_at(&core->commands, 3)->place = PLACE_FINAL;
}

static void damage_stopping(struct core *core)
{
    command_at(&core->commands, 3)->flags |= COMMAND_STOPPING;
}

static void damage_order(struct core *core)
{
    command_at(&core->commands, 2)->next = 2;
}

static void damage_refs(struct core *core)
{
    class_at(&core->queue, command_at(&core->commands, 1)->class_index)->refs++;
}

static void damage_members(struct core *core)
{
    class_members(&core->queue, 1)[0] = 0;
}

static void damage_held(struct core *core)
{
    worker_at(&core->roster, 1)->n_held++;
}

static void damage_estimate(struct core *core)
{
    worker_at(&core->roster, 1)->short_sum_ns = 5;
}

static void damage_free_slot(struct core *core)
{
    core->roster.free_slots[0] |= 2;
}

static void damage_session(struct core *core)
{
    worker_at(&core->roster, 1)->peer = 77;
}

static void damage_client(struct core *core)
{
    client_at(&core->clients, 1)->live++;
}

static void damage_waits(struct core *core)
{
    client_at(&core->clients, 1)->n_waits++;
}

static void damage_batch(struct core *core)
{
    batch_at(&core->batches, 1)->count++;
}

static void damage_ended(struct core *core)
{
    batch_at(&core->batches, 1)->ended[STATE_OK]++;
}

static void damage_registration(struct core *core)
{
    ((struct registration *)slab_at(&core->waits.registrations, 1))->track_id = 2;
}

static void damage_attempt(struct core *core)
{
    command_more(&core->commands, command_at(&core->commands, 1))->starts = 9;
}

static const struct {
    void (*damage)(struct core *core);
    const char *what; /* part of what core_check says */
} table[] = {
    {damage_count, "counters of a pool"},
    {damage_head, "one record"},
    {damage_oldest, "oldest position"},
    {damage_pages, "ids"},
    {damage_id, "ids lie below"},
    {damage_place, "has a place"},
    {damage_stopping, "stopping"},
    {damage_order, "in order"},
    {damage_refs, "references"},
    {damage_members, "members of a class"},
    {damage_held, "is counted"},
    {damage_estimate, "estimates"},
    {damage_free_slot, "free slot"},
    {damage_session, "session leads back"},
    {damage_client, "commands of a client"},
    {damage_waits, "waits are counted"},
    {damage_batch, "batch counts"},
    {damage_ended, "ends of a batch"},
    {damage_registration, "waits for the command"},
    {damage_attempt, "starts are attempts"},
};

static void test_check__finds_each_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *what = NULL;
        struct scene *s = with_all();
        table[i].damage(s->core);
        if (core_check(s->core, &what))
            fail_msg("nothing was found: %s", table[i].what);
        if (strstr(what, table[i].what) == NULL)
            fail_msg("\"%s\" was found instead of \"%s\"", what, table[i].what);
        scene_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check__finds_each_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
