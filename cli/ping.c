/* muster ping: is the broker there, and how far away? */
#include <stdio.h>

#include "base/time.h"
#include "cli/broker.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/record.h"
#include "cli/say.h"
#include "cli/verb.h"

static void print(const struct broker *broker, const muster_stats *stats, double took_ms)
{
    struct emit emit;
    struct buffer object = BUFFER_EMPTY;
    if (!emit_is_wanted()) {
        printf("%s  %.1fms  version %s  %d host%s\n", muster_pool_broker(broker->pool), took_ms,
               stats->broker_version != NULL ? stats->broker_version : "?", stats->hosts,
               stats->hosts == 1 ? "" : "s");
        return;
    }
    json_open(&object, '{');
    json_field_text(&object, "schema", "muster.ping/1");
    json_field_text(&object, "broker", muster_pool_broker(broker->pool));
    json_key(&object, "round_trip_ms");
    json_double(&object, took_ms);
    json_field_text(&object, "version", stats->broker_version);
    json_field_int(&object, "hosts", stats->hosts);
    json_close(&object, '}');
    emit_begin(&emit, NULL, false);
    emit_object(&emit, &object);
    emit_end(&emit);
    buffer_done(&object);
}

static int run(const struct opt_result *args)
{
    struct broker broker;
    muster_stats stats = {.size = sizeof stats};
    if (args->operand_count > 0) {
        return say_usage("ping", "unexpected \"%s\": the broker is named by --broker",
                         args->operands[0]);
    }
    int status = broker_open(BROKER_RUNNING, &broker);
    if (status != 0) {
        return status;
    }
    muster_time before = time_boot_ns();
    int code = muster_get_stats(broker.pool, 0, &stats);
    if (code < 0) {
        status = say_failed(broker.pool, code, "reach the broker");
    } else {
        print(&broker, &stats, (double)(time_boot_ns() - before) / (double)MUSTER_MS);
    }
    return broker_close(&broker, status);
}

const struct verb verb_ping = {
    .name = "ping",
    .summary = "is the broker there, and how far away?",
    .usage = (const char *const[]){"[OPTION…]", NULL},
    .about = "Asks the broker one question and prints where it is, how long the answer took, its "
             "version and how many hosts are connected.",
    .examples = (const char *const[]){"muster ping",
                                      "muster --broker ipc:///run/muster/clients ping", NULL},
    .exits = VERB_EXITS_PLAIN,
    .run = run};
