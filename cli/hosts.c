/* muster hosts: who is here, and who was. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/broker.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/verb.h"

struct listing {
    struct emit emit;
    struct table table;
};

static void add_words(struct table *table, const char *const *words)
{
    struct buffer text = BUFFER_EMPTY;
    for (; words != NULL && *words != NULL; words++) {
        buffer_printf(&text, "%s%s", text.size > 0 ? " " : "", *words);
    }
    table_add(table, buffer_str(&text));
    buffer_done(&text);
}

static void add_row(struct table *table, const muster_host_info *host)
{
    char seen[TIME_TEXT_MAX];
    time_format_iso(seen, host->seen_wall_ns);
    table_add(table, host->host);
    table_add(table, !host->present ? "away" : host->draining ? "draining" : "here");
    table_addf(table, "%d", host->slots);
    table_addf(table, "%d", host->running);
    if (host->round_trip_ms < 0) {
        table_add(table, "-");
    } else {
        table_addf(table, "%.1fms", host->round_trip_ms);
    }
    /* Less than half a millisecond is none: "-0ms" would say a direction. */
    double skew_ms = host->skew_ms;
    table_addf(table, "%+.0fms", skew_ms > -0.5 && skew_ms < 0.5 ? 0.0 : skew_ms);
    table_add(table, host->tree_kill);
    table_add(table, host->version);
    table_add(table, seen);
    add_words(table, host->labels);
}

static int on_host(const muster_host_info *host, void *arg)
{
    struct listing *listing = arg;
    if (emit_is_wanted()) {
        struct buffer object = BUFFER_EMPTY;
        json_host(&object, host);
        emit_object(&listing->emit, &object);
        buffer_done(&object);
    } else {
        add_row(&listing->table, host);
    }
    return 0;
}

static int run(const struct opt_result *args)
{
    struct broker broker;
    struct listing listing;
    if (args->operand_count > 0) {
        return say_usage("hosts", "unexpected \"%s\"", args->operands[0]);
    }
    int status = broker_open(BROKER_RUNNING, &broker);
    if (status != 0) {
        return status;
    }
    table_init(&listing.table, "HOST|STATE|>SLOTS|>RUNNING|>RTT|>SKEW|TREES|VERSION|SEEN|LABELS");
    emit_begin(&listing.emit, NULL, true);
    int64_t code = muster_hosts(broker.pool, on_host, &listing);
    if (emit_is_wanted()) {
        emit_end(&listing.emit);
    }
    if (code < 0) {
        status = say_failed(broker.pool, code, "list the hosts");
    } else if (!emit_is_wanted() && table_rows(&listing.table) > 0) {
        status = listing_print(&listing.table);
    } else if (!emit_is_wanted()) {
        say("no host was ever here: start a worker: muster-worker --broker ENDPOINT");
    }
    table_done(&listing.table);
    return broker_close(&broker, status);
}

const struct verb verb_hosts = {
    .name = "hosts",
    .summary = "list the hosts and their workers",
    .usage = (const char *const[]){"[OPTION…]", NULL},
    .about = "Every host that was ever here, with its slots, how many commands run there, the "
             "measured round trip and clock skew, how it ends process trees (cgroup or subreaper), "
             "and when it was last heard. A host that is away keeps its row.",
    .examples = (const char *const[]){"muster hosts", "muster hosts --jsonl | jq .functions", NULL},
    .exits = VERB_EXITS_PLAIN,
    .run = run};
