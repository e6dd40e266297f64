/* muster wait: until the named commands have ended. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/broker.h"
#include "cli/exit.h"
#include "cli/listing.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/select.h"
#include "cli/verb.h"
#include "cli/watch.h"

static bool all;
static muster_time timeout = MUSTER_NEVER;

static const struct opt_spec options[] = {
    {"all", 'a', OPT_FLAG, NULL, "every command of the pool that is unfinished now", &all, NULL, 0,
     0},
    {"timeout", 0, OPT_DURATION, "DURATION", "wait at most so long; the work goes on", &timeout,
     NULL, 0, 0},
    OPT_END};

/* Ids that the broker names, in its order: ascending. */
struct gathered {
    int64_t *ids;
    size_t count, room;
    bool failed;
};

static int gather(const muster_command_info *info, void *arg)
{
    struct gathered *gathered = arg;
    if (gathered->count == gathered->room) {
        size_t room = gathered->room == 0 ? 256 : gathered->room * 2;
        int64_t *ids = room > IDS_COUNT_MAX * 2 ? NULL : realloc(gathered->ids, room * sizeof *ids);
        if (ids == NULL) {
            gathered->failed = true;
            return 1;
        }
        gathered->ids = ids;
        gathered->room = room;
    }
    gathered->ids[gathered->count++] = info->track_id;
    return 0;
}

static int gather_from(muster_pool *pool, unsigned states, int64_t batch, struct gathered *gathered)
{
    size_t before = gathered->count;
    int64_t code = muster_list(pool, 0, 0, states, batch, gather, gathered);
    if (gathered->failed) {
        return say_error("more than %d commands: wait for fewer at a time", (int)IDS_COUNT_MAX);
    }
    if (code < 0) {
        return say_failed(pool, code, "list the commands");
    }
    if (batch != 0 && gathered->count == before) {
        return say_error("there is no batch B%lld in pool %s", (long long)batch,
                         muster_pool_name(pool));
    }
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* Everything that was named, ascending and once each. */
static int gather_all(muster_pool *pool, struct id_set *set, struct gathered *gathered)
{
    struct buffer message = BUFFER_EMPTY;
    int status = select_resolve(pool, set);
    if (status == 0 && ids_expand(set, &gathered->ids, &gathered->count, &message) < 0) {
        status = message.size > 0 ? say_usage("wait", "%s", buffer_str(&message)) : say_no_memory();
    }
    gathered->room = gathered->count;
    buffer_done(&message);
    for (size_t i = 0; i < set->batch_count && status == 0; i++) {
        status = gather_from(pool, listing_every_state(), set->batches[i], gathered);
    }
    if (status == 0 && all) {
        status = gather_from(pool, 0, 0, gathered);
    }
    if (status != 0 || gathered->count < 2) {
        return status;
    }
    qsort(gathered->ids, gathered->count, sizeof *gathered->ids, compare_ids);
    size_t kept = 1;
    for (size_t i = 1; i < gathered->count; i++) {
        if (gathered->ids[i] != gathered->ids[kept - 1]) {
            gathered->ids[kept++] = gathered->ids[i];
        }
    }
    gathered->count = kept;
    return 0;
}

static int run(const struct opt_result *args)
{
    struct id_set set = {0};
    struct gathered gathered = {0};
    struct broker broker;
    int status = select_parse("wait", args, &set);
    if (status != 0) {
        return status;
    }
    if (args->operand_count == 0 && !all) {
        return say_usage("wait", "for which commands? Name ids, a batch, last, or --all");
    }
    if (args->operand_count > 0 && all) {
        ids_done(&set);
        return say_usage("wait", "--all and ids say different things: give one of them");
    }
    status = broker_open(BROKER_RUNNING, &broker);
    if (status == 0) {
        status = gather_all(broker.pool, &set, &gathered);
        if (status == 0 && gathered.count == 0 && !emit_is_wanted()) {
            say("no unfinished command in pool %s", muster_pool_name(broker.pool));
        } else if (status == 0) {
            status = watch_run(&(struct watch){
                .pool = broker.pool,
                .ids = gathered.ids,
                .count = gathered.count,
                .batch = set.batch_count == 1 && set.range_count == 0 ? set.batches[0] : 0,
                .is_several = !ids_is_single(&set),
                .timeout = timeout});
        }
        status = broker_close(&broker, status);
    }
    free(gathered.ids);
    ids_done(&set);
    return status;
}

const struct verb verb_wait = {
    .name = "wait",
    .summary = "wait until commands have ended",
    .usage = (const char *const[]){"[OPTION…] ID…", "[OPTION…] --all", NULL},
    .about = "Waits until every named command has its final record, and exits with their status. "
             "ID is a track_id (12), a range (12-20), last, or a batch (B17), whose status is that "
             "of every host that it expected. With --json or --jsonl the records are printed.",
    .examples = (const char *const[]){"muster wait 12", "muster wait 12-20 B17",
                                      "muster wait --all --timeout 10m", NULL},
    .options = options,
    .exits = VERB_EXITS_COMMANDS,
    .run = run};
