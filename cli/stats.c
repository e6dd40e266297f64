/* muster stats: the figures of a pool. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
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

enum { NAME_WIDTH = 12 };

static uint64_t first_records;

static const struct opt_spec options[] = {
    {"first", 0, OPT_U64, "N", "times and usage over the first N records only; default: all",
     &first_records, NULL, 1, INT64_MAX - 1},
    OPT_END};

static void append_counts(struct buffer *text, const muster_stats *stats)
{
    int64_t final = stats->submitted - stats->held - stats->queued - stats->running;
    buffer_printf(text,
                  "%-*s%lld submitted = %lld held + %lld queued + %lld running + %lld final\n",
                  NAME_WIDTH, "commands", (long long)stats->submitted, (long long)stats->held,
                  (long long)stats->queued, (long long)stats->running, (long long) final);
    buffer_printf(text, "%-*s", NAME_WIDTH, "ended");
    bool is_first = true;
    for (int state = MUSTER_STATE_OK; state <= MUSTER_REJECTED; state++) {
        if (stats->ended[state] > 0) {
            buffer_printf(text, "%s%s %lld", is_first ? "" : "  ", muster_state_name(state),
                          (long long)stats->ended[state]);
            is_first = false;
        }
    }
    buffer_append_str(text, is_first ? "none yet\n" : "\n");
    buffer_printf(text, "%-*sall final up to %lld, all ok up to %lld\n", NAME_WIDTH, "watermarks",
                  (long long)stats->final_to, (long long)stats->ok_to);
    buffer_printf(text, "%-*s%lld unfinished at most\n", NAME_WIDTH, "queue",
                  (long long)(stats->peak_in_queue > 0 ? stats->peak_in_queue : 0));
    if (stats->head > stats->oldest) {
        buffer_printf(text, "%-*spositions %lld to %lld\n", NAME_WIDTH, "result log",
                      (long long)stats->oldest + 1, (long long)stats->head);
    } else if (stats->head > 0) {
        buffer_printf(text, "%-*snothing kept, the newest position was %lld\n", NAME_WIDTH,
                      "result log", (long long)stats->head);
    } else {
        buffer_printf(text, "%-*sempty\n", NAME_WIDTH, "result log");
    }
}

static void append_broker(struct buffer *text, const muster_stats *stats)
{
    char uptime[TIME_TEXT_MAX], room[TEXT_SIZE_MAX];
    time_format_duration(uptime, listing_ns(stats->uptime_s));
    text_format_size(room, stats->disk_free > 0 ? (uint64_t)stats->disk_free : 0);
    buffer_printf(text, "%-*s%d with %d slots\n", NAME_WIDTH, "hosts", stats->hosts, stats->slots);
    buffer_printf(text, "%-*s%s, up %s, %s of disk free%s\n", NAME_WIDTH, "broker",
                  stats->broker_version != NULL ? stats->broker_version : "", uptime, room,
                  stats->disk_low ? " (TOO LITTLE: it accepts no commands)" : "");
    if (stats->insecure) {
        buffer_printf(text,
                      "%-*sthe broker serves a network without certificates: whoever reaches "
                      "it can run commands\n",
                      NAME_WIDTH, "WARNING");
    }
}

static void add_duration(struct table *table, double seconds)
{
    char text[TIME_TEXT_MAX];
    if (seconds < 0) {
        table_add(table, "-");
    } else if (seconds < 1) {
        table_addf(table, "%.1fms", seconds * 1e3);
    } else {
        time_format_duration(text, listing_ns(seconds));
        table_add(table, text);
    }
}

static void add_spread(struct table *table, const char *name, const muster_spread *spread)
{
    table_add(table, name);
    add_duration(table, spread->avg);
    add_duration(table, spread->min);
    add_duration(table, spread->p50);
    add_duration(table, spread->p90);
    add_duration(table, spread->p99);
    add_duration(table, spread->max);
}

static int print(const muster_stats *stats)
{
    struct buffer text = BUFFER_EMPTY;
    struct table spreads, usage;
    append_counts(&text, stats);
    append_broker(&text, stats);
    buffer_printf(&text, "\n%lld records\n", (long long)stats->count);
    fwrite(buffer_str(&text), 1, text.size, stdout);
    buffer_done(&text);
    table_init(&spreads, "TIME|>AVG|>MIN|>P50|>P90|>P99|>MAX");
    add_spread(&spreads, "ran", &stats->time);
    add_spread(&spreads, "waited", &stats->waited);
    add_spread(&spreads, "throttled", &stats->throttle);
    int status = listing_print(&spreads);
    table_done(&spreads);
    if (status == EXIT_OK && stats->n_pool_usage > 0) {
        table_init(&usage, "SLOT|>RECORDS");
        for (size_t i = 0; i < stats->n_pool_usage; i++) {
            const char *prefix = stats->pool_usage[i].log_prefix;
            size_t size = strlen(prefix);
            while (size > 0 && (prefix[size - 1] == ' ' || prefix[size - 1] == ':')) {
                size--;
            }
            table_addf(&usage, "%.*s", (int)size, prefix);
            table_addf(&usage, "%lld", (long long)stats->pool_usage[i].count);
        }
        putchar('\n');
        status = listing_print(&usage);
        table_done(&usage);
    }
    return status;
}

static int run(const struct opt_result *args)
{
    struct broker broker;
    muster_stats stats = {.size = sizeof stats};
    if (args->operand_count > 0) {
        return say_usage("stats", "unexpected \"%s\"", args->operands[0]);
    }
    int status = broker_open(BROKER_RUNNING, &broker);
    if (status != 0) {
        return status;
    }
    int code = muster_get_stats(broker.pool,
                                first_records != 0 ? (int64_t)first_records : MUSTER_ALL, &stats);
    if (code < 0) {
        status = say_failed(broker.pool, code, "read the statistics");
    } else if (emit_is_wanted()) {
        struct emit emit;
        struct buffer object = BUFFER_EMPTY;
        json_stats(&object, muster_pool_name(broker.pool), &stats);
        emit_begin(&emit, NULL, false);
        emit_object(&emit, &object);
        emit_end(&emit);
        buffer_done(&object);
    } else {
        status = print(&stats);
    }
    return broker_close(&broker, status);
}

const struct verb verb_stats = {
    .name = "stats",
    .summary = "the figures of the pool",
    .usage = (const char *const[]){"[OPTION…]", NULL},
    .about = "Counts of commands by state, the watermarks, how long commands ran, waited and were "
             "held back by --throttled, how many each slot did, and how the broker is. At every "
             "moment submitted = held + queued + running + final.",
    .examples = (const char *const[]){"muster stats", "muster stats --pool backup --json", NULL},
    .options = options,
    .exits = VERB_EXITS_PLAIN,
    .run = run};
