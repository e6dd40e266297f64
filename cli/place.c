/* This user's directories and what `up` noted in them.
 *
 * The note ("up" in the runtime directory) holds one "name value" per line. It says where to
 * connect, never whether somebody is there: that is told by locks alone (see daemon.c). */
#include "cli/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"

enum { NOTE_BYTES_MAX = 65536 };

static const char *const program_names[] = {"broker", "worker"};

char *place_path(const char *dir, const char *name)
{
    struct buffer path = BUFFER_EMPTY;
    fs_join(&path, dir, name);
    char *taken = buffer_take(&path);
    buffer_done(&path);
    return taken;
}

/* A path is taken from the environment only when it is absolute, as the XDG specification has it.
 */
static const char *absolute_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] == '/' ? value : NULL;
}

static char *runtime_dir(void)
{
    char name[32];
    const char *dir = absolute_env("XDG_RUNTIME_DIR");
    if (dir != NULL) {
        return place_path(dir, "muster");
    }
    dir = absolute_env("TMPDIR");
    snprintf(name, sizeof name, "muster-%lu", (unsigned long)geteuid());
    return place_path(dir != NULL ? dir : "/tmp", name);
}

static char *state_dir(void)
{
    const char *dir = absolute_env("XDG_STATE_HOME");
    if (dir != NULL) {
        return place_path(dir, "muster");
    }
    dir = absolute_env("HOME");
    return dir != NULL ? place_path(dir, ".local/state/muster") : NULL;
}

static int make_private(const char *dir, struct buffer *message)
{
    int rc = fs_mkdir_private(dir);
    if (rc == -EPERM) {
        buffer_printf(message,
                      "%s must belong to this user and be closed to all others: chmod 700 it, or "
                      "set XDG_RUNTIME_DIR and XDG_STATE_HOME to directories of your own",
                      dir);
    } else if (rc < 0) {
        buffer_printf(message, "cannot make the directory %s: %s", dir, strerror(-rc));
    }
    return rc;
}

static char *default_endpoint(const char *runtime, const char *name, struct buffer *message)
{
    struct buffer endpoint = BUFFER_EMPTY;
    buffer_append_str(&endpoint, "ipc://");
    fs_join(&endpoint, runtime, name);
    if (endpoint.size - strlen("ipc://") >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        buffer_printf(message,
                      "the path of the socket %s is too long: set XDG_RUNTIME_DIR to a shorter one",
                      buffer_str(&endpoint) + strlen("ipc://"));
        buffer_done(&endpoint);
        return NULL;
    }
    char *taken = buffer_take(&endpoint);
    buffer_done(&endpoint);
    return taken;
}

static int set_text(char **target, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return -ENOMEM;
    }
    free(*target);
    *target = copy;
    return 0;
}

static int read_note(struct place *place)
{
    struct buffer content = BUFFER_EMPTY;
    char *path = place_path(place->runtime, "up");
    int rc = path != NULL ? fs_read_file(path, NOTE_BYTES_MAX, &content) : -ENOMEM;
    free(path);
    if (rc < 0) {
        buffer_done(&content);
        return rc == -ENOENT || rc == -ENOTDIR ? 0 : rc;
    }
    char *rest = NULL;
    char *text = (char *)content.data;
    char *line = text != NULL ? strtok_r(text, "\n", &rest) : NULL;
    for (; rc == 0 && line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "clients ", 8) == 0) {
            rc = set_text(&place->clients, line + 8);
            place->is_noted = true;
        } else if (strncmp(line, "workers ", 8) == 0) {
            rc = set_text(&place->workers, line + 8);
        } else if (strncmp(line, "host ", 5) == 0) {
            rc = set_text(&place->host, line + 5);
        }
    }
    buffer_done(&content);
    return rc;
}

int place_find(struct place *place, bool create, struct buffer *message)
{
    int rc = 0;
    *place = (struct place){.runtime = runtime_dir(), .state = state_dir()};
    if (place->runtime == NULL) {
        rc = -ENOMEM;
    } else if (place->state == NULL) {
        buffer_append_str(message, "there is no place for the store: set HOME or XDG_STATE_HOME");
        rc = -ENOENT;
    }
    if (rc == 0 && create) {
        rc = make_private(place->runtime, message);
        rc = rc == 0 ? make_private(place->state, message) : rc;
    }
    if (rc == 0) {
        place->clients = default_endpoint(place->runtime, "broker", message);
        place->workers = default_endpoint(place->runtime, "workers", message);
        rc = place->clients != NULL && place->workers != NULL ? 0 : -ENAMETOOLONG;
    }
    if (rc == 0) {
        rc = read_note(place);
        if (rc < 0) {
            buffer_printf(message, "cannot read %s/up: %s", place->runtime, strerror(-rc));
        }
    }
    if (rc < 0) {
        if (message->size == 0) {
            buffer_append_str(message, strerror(-rc));
        }
        place_done(place);
    }
    return rc;
}

void place_done(struct place *place)
{
    free(place->runtime);
    free(place->state);
    free(place->clients);
    free(place->workers);
    free(place->host);
    *place = (struct place){0};
}

int place_note(const struct place *place)
{
    struct buffer content = BUFFER_EMPTY;
    char *path = place_path(place->runtime, "up");
    buffer_printf(&content, "clients %s\nworkers %s\n", place->clients, place->workers);
    if (place->host != NULL) {
        buffer_printf(&content, "host %s\n", place->host);
    }
    int rc = path == NULL || content.failed
                 ? -ENOMEM
                 : fs_write_file_atomic(path, content.data, content.size, 0600);
    buffer_done(&content);
    free(path);
    return rc;
}

int place_forget(const struct place *place)
{
    char *path = place_path(place->runtime, "up");
    int rc = path == NULL ? -ENOMEM : unlink(path) < 0 && errno != ENOENT ? -errno : 0;
    free(path);
    return rc;
}

char *place_pid_file(const struct place *place, enum place_program program)
{
    char name[32];
    snprintf(name, sizeof name, "%s.pid", program_names[program]);
    return place_path(place->runtime, name);
}

char *place_log_file(const struct place *place, enum place_program program)
{
    char name[32];
    snprintf(name, sizeof name, "%s.log", program_names[program]);
    return place_path(place->state, name);
}

char *place_program_dir(void)
{
    char path[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    if (size <= 0) {
        return NULL;
    }
    path[size] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return NULL;
    }
    *slash = '\0';
    return strdup(slash == path ? "/" : path);
}

static bool is_served(const char *endpoint)
{
    static const char scheme[] = "ipc://";
    struct buffer path = BUFFER_EMPTY;
    bool is_held = false;
    if (strncmp(endpoint, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    buffer_printf(&path, "%s.lock", endpoint + sizeof scheme - 1);
    int fd = open(buffer_str(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        is_held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
        fs_close(fd);
    }
    buffer_done(&path);
    return is_held;
}

char *place_served(const struct place *place)
{
    struct buffer message = BUFFER_EMPTY;
    char *endpoint = is_served(place->clients) ? strdup(place->clients) : NULL;
    if (endpoint == NULL) {
        endpoint = default_endpoint(place->runtime, "clients", &message);
        if (endpoint != NULL && !is_served(endpoint)) {
            free(endpoint);
            endpoint = NULL;
        }
    }
    buffer_done(&message);
    return endpoint;
}

char *place_host_name(void)
{
    char name[HOST_NAME_MAX + 1];
    if (gethostname(name, sizeof name) < 0) {
        return NULL;
    }
    name[sizeof name - 1] = '\0';
    return strdup(name);
}
