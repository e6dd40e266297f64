/* Where this user's broker and worker live: directories, endpoints, what `up` noted down. */
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include <stdbool.h>

#include "base/buffer.h"

/* All strings are owned; freed with place_done. */
struct place {
    char *runtime; /* sockets, pid files: gone after a reboot */
    char *state;   /* store, spool, logs: kept */
    char *clients; /* endpoint that commands of this user connect to */
    char *workers;
    char *host;    /* of the worker that `up` started; NULL: not noted */
    bool is_noted; /* `up` was here and `down` was not: the endpoints are what `up` used */
};

enum place_program { PLACE_BROKER, PLACE_WORKER };

/* Finds the directories ($XDG_RUNTIME_DIR/muster, else a private muster-UID under $TMPDIR or /tmp;
 * $XDG_STATE_HOME/muster, else ~/.local/state/muster) and reads what `up` noted. With `create` they
 * are made. 0, or a negative errno with what is wrong in `message`. */
int place_find(struct place *place, bool create, struct buffer *message);
void place_done(struct place *place);

/* Writes down clients, workers and host; or removes the note. 0 or a negative errno. */
int place_note(const struct place *place);
int place_forget(const struct place *place);

/* Path of the program's pid file in the runtime directory, and of its log in the state directory;
 * freed with free(), NULL: out of memory. */
char *place_pid_file(const struct place *place, enum place_program program);
char *place_log_file(const struct place *place, enum place_program program);

/* "dir/name", freed with free(). */
char *place_path(const char *dir, const char *name);

/* The directory that this program runs from, where the others are too. */
char *place_program_dir(void);

/* The client endpoint of this user that somebody serves, told by the lock beside its socket: that
 * of `up`, or the one that a muster-broker without --clients takes. Freed with free(), NULL: none.
 */
char *place_served(const struct place *place);

/* The name under which a worker of this machine is known unless it was given another. */
char *place_host_name(void);

#endif
