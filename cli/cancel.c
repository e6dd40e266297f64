/* muster cancel: end commands that have not ended. */
#include <stdio.h>

#include "cli/broker.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/select.h"
#include "cli/verb.h"

static bool all, running;
static const char *reason = "cancelled by an operator";

static const struct opt_spec options[] = {
    {"all", 'a', OPT_FLAG, NULL, "every command of the pool", &all, NULL, 0, 0},
    {"running", 0, OPT_FLAG, NULL,
     "running ones too: TERM, after their grace KILL, the whole process tree", &running, NULL, 0,
     0},
    {"reason", 0, OPT_STRING, "TEXT", "kept in their records", &reason, NULL, 0, 0},
    OPT_END};

static void add(muster_cancelled *total, const muster_cancelled *part)
{
    total->cancelled += part->cancelled;
    total->stopping += part->stopping;
    total->already_final += part->already_final;
    total->running += part->running;
    total->unknown += part->unknown;
}

static int cancel_set(muster_pool *pool, const struct id_set *set, muster_cancelled *total)
{
    muster_cancelled part;
    int code = 0;
    if (all) {
        return muster_cancel_range(pool, 0, 0, running, reason, total);
    }
    for (size_t i = 0; i < set->range_count && code >= 0; i++) {
        part = (muster_cancelled){0};
        code = muster_cancel_range(pool, set->ranges[i].first, set->ranges[i].last, running, reason,
                                   &part);
        add(total, &part);
    }
    for (size_t i = 0; i < set->batch_count && code >= 0; i++) {
        part = (muster_cancelled){0};
        code = muster_cancel_batch(pool, set->batches[i], running, reason, &part);
        add(total, &part);
    }
    return code;
}

static void print(const muster_cancelled *total)
{
    struct emit emit;
    struct buffer object = BUFFER_EMPTY;
    if (!emit_is_wanted()) {
        say("%lld cancelled, %lld running ones being ended, %lld had ended already%s",
            (long long)total->cancelled, (long long)total->stopping,
            (long long)total->already_final,
            total->running > 0   ? ""
            : total->unknown > 0 ? ", others are unknown"
                                 : "");
        if (total->running > 0) {
            say("%lld running ones go on: --running ends them too", (long long)total->running);
        }
        return;
    }
    json_open(&object, '{');
    json_field_text(&object, "schema", "muster.cancelled/1");
    json_field_int(&object, "cancelled", total->cancelled);
    json_field_int(&object, "stopping", total->stopping);
    json_field_int(&object, "already_final", total->already_final);
    json_field_int(&object, "running", total->running);
    json_field_int(&object, "unknown", total->unknown);
    json_close(&object, '}');
    emit_begin(&emit, NULL, false);
    emit_object(&emit, &object);
    emit_end(&emit);
    buffer_done(&object);
}

static int run(const struct opt_result *args)
{
    struct id_set set = {0};
    struct broker broker;
    muster_cancelled total = {0};
    if (args->operand_count == 0 && !all) {
        return say_usage("cancel", "which commands? Name ids, a batch, last, or --all");
    }
    if (args->operand_count > 0 && all) {
        return say_usage("cancel", "--all and ids say different things: give one of them");
    }
    int status = select_parse("cancel", args, &set);
    if (status != 0) {
        return status;
    }
    status = broker_open(BROKER_RUNNING, &broker);
    if (status == 0) {
        status = select_resolve(broker.pool, &set);
        if (status == 0) {
            int code = cancel_set(broker.pool, &set, &total);
            if (code < 0) {
                status = say_failed(broker.pool, code, "cancel");
            } else {
                print(&total);
            }
        }
        if (status == 0 && !all && total.unknown > 0 &&
            total.cancelled + total.stopping + total.already_final + total.running == 0) {
            status = say_error("there is no such command in pool %s: muster ps -a lists them",
                               muster_pool_name(broker.pool));
        }
        status = broker_close(&broker, status);
    }
    ids_done(&set);
    return status;
}

const struct verb verb_cancel = {
    .name = "cancel",
    .summary = "end commands that have not ended",
    .usage = (const char *const[]){"[OPTION…] ID…", "[OPTION…] --all", NULL},
    .about = "A queued command ends at once with a record that says `cancelled`. Running ones are "
             "left alone unless --running is given. The answer comes at once; wait for their "
             "records with muster wait.",
    .examples = (const char *const[]){"muster cancel 12-20", "muster cancel B17 --running",
                                      "muster cancel --all --reason 'wrong store'", NULL},
    .options = options,
    .exits = VERB_EXITS_PLAIN,
    .run = run};
