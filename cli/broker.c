/* Finds the broker for a verb.
 *
 * Not responsible for starting one in the background: see up.c. */
#include "cli/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "cli/daemon.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/place.h"
#include "cli/say.h"

enum { EMBEDDED_SLOTS_MAX = 16 };

const char *broker_pool_name(void)
{
    const char *name = globals.pool;
    if (name == NULL) {
        name = getenv("MUSTER_POOL");
    }
    return name != NULL && name[0] != '\0' ? name : "default";
}

static const char *given_endpoint(void)
{
    const char *endpoint = globals.broker;
    if (endpoint == NULL) {
        endpoint = getenv("MUSTER_BROKER");
    }
    return endpoint != NULL && endpoint[0] != '\0' ? endpoint : NULL;
}

static int open_pool(const char *uri, struct broker *ret_broker)
{
    muster_pool *pool = NULL;
    muster_options *options = muster_options_new();
    char *program_dir = place_program_dir();
    int code = options == NULL ? MUSTER_ENOMEM : 0;
    if (code == 0) {
        code = muster_options_set_pool(options, broker_pool_name());
    }
    if (code == 0) {
        code =
            muster_options_set_connect_timeout(options, (int)(globals.connect_timeout / MUSTER_MS));
    }
    if (code == 0 && program_dir != NULL) {
        code = muster_options_set_program_dir(options, program_dir);
    }
    if (code == 0) {
        code = muster_pool_open(&pool, uri, options);
    }
    muster_options_free(options);
    free(program_dir);
    if (code < 0) {
        char doing[256];
        if (strncmp(uri, "local:", 6) == 0) {
            snprintf(doing, sizeof doing, "start a private broker");
        } else {
            snprintf(doing, sizeof doing, "reach the broker at %s", uri);
        }
        (void)say_failed(NULL, code, doing);
        return EXIT_OURS;
    }
    ret_broker->pool = pool;
    return 0;
}

int broker_open_at(const char *endpoint, struct broker *ret_broker)
{
    *ret_broker = (struct broker){0};
    return open_pool(endpoint, ret_broker);
}

static int open_embedded(struct broker *ret_broker)
{
    char uri[32];
    long slots = sysconf(_SC_NPROCESSORS_ONLN);
    slots = slots < 1 ? 1 : slots > EMBEDDED_SLOTS_MAX ? EMBEDDED_SLOTS_MAX : slots;
    snprintf(uri, sizeof uri, "local:%ld", slots);
    ret_broker->is_embedded = true;
    return open_pool(uri, ret_broker);
}

/* Where this user's broker serves: the one that `up` started, while it lives, else one that was
 * started by hand on its default endpoint. NULL: there is none. */
static char *running_endpoint(const struct place *place)
{
    char *pid_file = place_pid_file(place, PLACE_BROKER);
    pid_t pid = pid_file != NULL ? daemon_find(pid_file) : 0;
    free(pid_file);
    return pid > 0 ? strdup(place->clients) : place_served(place);
}

/* Without a given endpoint. */
static int open_own(enum broker_need need, const struct place *place, const char *running,
                    struct broker *ret_broker)
{
    bool is_gone = running == NULL && place != NULL && place->is_noted;
    if (running != NULL) {
        return open_pool(running, ret_broker);
    }
    if (need == BROKER_OR_EMBEDDED) {
        if (is_gone) {
            say("the broker that `muster up` started is no longer running; a private one serves "
                "this call; `muster up` starts it again");
        }
        return open_embedded(ret_broker);
    }
    return is_gone ? say_error("no broker: the one that `muster up` started is no longer running; "
                               "start it again: muster up")
                   : say_error("no broker: muster up");
}

int broker_open(enum broker_need need, struct broker *ret_broker)
{
    struct place place;
    struct buffer message = BUFFER_EMPTY;
    const char *endpoint = given_endpoint();
    int status;
    *ret_broker = (struct broker){0};
    if (endpoint != NULL && strncmp(endpoint, "local:", 6) == 0) {
        if (need == BROKER_RUNNING) {
            return say_error("%s would be an empty broker of this command alone: name a running "
                             "one, or start it: muster up",
                             endpoint);
        }
        ret_broker->is_embedded = true;
        return open_pool(endpoint, ret_broker);
    }
    bool has_place = place_find(&place, false, &message) == 0;
    char *running = has_place ? running_endpoint(&place) : NULL;
    if (running != NULL && place.host != NULL && strcmp(running, place.clients) == 0 &&
        (endpoint == NULL || strcmp(endpoint, running) == 0)) {
        ret_broker->host = strdup(place.host);
    }
    status = endpoint != NULL ? open_pool(endpoint, ret_broker)
                              : open_own(need, has_place ? &place : NULL, running, ret_broker);
    free(running);
    if (has_place) {
        place_done(&place);
    }
    buffer_done(&message);
    return status == 0 ? 0 : broker_close(ret_broker, status);
}

int broker_close(struct broker *broker, int status)
{
    (void)muster_pool_close(&broker->pool);
    free(broker->host);
    *broker = (struct broker){0};
    return status;
}
