/* muster ps: the commands of a pool as they stand. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/time.h"
#include "cli/broker.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/select.h"
#include "cli/table.h"
#include "cli/verb.h"

static bool all;

static const struct opt_spec options[] = {
    {"all", 'a', OPT_FLAG, NULL, "those that have ended too", &all, NULL, 0, 0}, OPT_END};

struct listing {
    struct emit emit;
    struct table table;
};

static int on_command(const muster_command_info *info, void *arg)
{
    struct listing *listing = arg;
    struct buffer text = BUFFER_EMPTY;
    if (emit_is_wanted()) {
        json_command(&text, listing->emit.pool, info);
        emit_object(&listing->emit, &text);
        buffer_done(&text);
        return 0;
    }
    char time[TIME_TEXT_MAX] = "";
    bool has_run = info->state >= MUSTER_RUNNING && info->run_s > 0;
    time_format_duration(time, listing_ns(has_run ? info->run_s : info->age_s));
    listing_append_what(&text, info->function, info->argv, info->args, info->kwargs);
    table_addf(&listing->table, "%lld", (long long)info->track_id);
    table_add_state(&listing->table, info->state);
    table_add(&listing->table,
              info->host != NULL && info->host[0] != '\0' ? info->host : info->selector);
    table_addf(&listing->table, "%d", info->attempt);
    table_add(&listing->table, time);
    if (info->label != NULL && info->label[0] != '\0') {
        buffer_printf(&text, "  [%s]", info->label);
    }
    if (info->why != NULL && info->why[0] != '\0') {
        buffer_printf(&text, "  (%s)", info->why);
    }
    table_add(&listing->table, buffer_str(&text));
    buffer_done(&text);
    return 0;
}

static int list_ranges(struct broker *broker, const struct id_set *set, struct listing *listing)
{
    unsigned states = all || set->range_count + set->batch_count > 0 ? listing_every_state() : 0;
    int64_t code = 0;
    if (set->range_count + set->batch_count == 0) {
        code = muster_list(broker->pool, 0, 0, states, 0, on_command, listing);
    }
    for (size_t i = 0; i < set->range_count && code >= 0; i++) {
        code = muster_list(broker->pool, set->ranges[i].first, set->ranges[i].last, states, 0,
                           on_command, listing);
    }
    for (size_t i = 0; i < set->batch_count && code >= 0; i++) {
        code = muster_list(broker->pool, 0, 0, states, set->batches[i], on_command, listing);
    }
    return code < 0 ? say_failed(broker->pool, code, "list the commands") : EXIT_OK;
}

static int run(const struct opt_result *args)
{
    struct broker broker;
    struct id_set set = {0};
    struct listing listing;
    int status = select_parse("ps", args, &set);
    if (status != 0) {
        return status;
    }
    status = broker_open(BROKER_RUNNING, &broker);
    if (status != 0) {
        ids_done(&set);
        return status;
    }
    table_init(&listing.table, ">ID|STATE|HOST|>TRY|>TIME|WHAT");
    status = select_resolve(broker.pool, &set);
    if (status == 0) {
        emit_begin(&listing.emit, muster_pool_name(broker.pool), true);
        status = list_ranges(&broker, &set, &listing);
        if (emit_is_wanted()) {
            emit_end(&listing.emit);
        } else if (status == 0 && table_rows(&listing.table) > 0) {
            status = listing_print(&listing.table);
        } else if (status == 0) {
            say("no %scommand in pool %s", all || args->operand_count > 0 ? "such " : "unfinished ",
                muster_pool_name(broker.pool));
        }
    }
    table_done(&listing.table);
    ids_done(&set);
    return broker_close(&broker, status);
}

const struct verb verb_ps = {
    .name = "ps",
    .summary = "list the commands",
    .usage = (const char *const[]){"[OPTION…] [ID…]", NULL},
    .about = "Lists the commands that have not ended, by track_id, with what each waits for. With "
             "ids, ranges or batches it lists those, whether they have ended or not.",
    .examples = (const char *const[]){"muster ps", "muster ps -a", "muster ps B17 --json", NULL},
    .options = options,
    .exits = VERB_EXITS_PLAIN,
    .run = run};
