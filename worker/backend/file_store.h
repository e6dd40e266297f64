/* What the files of the file: backend share. */
#ifndef MUSTER_WORKER_BACKEND_FILE_STORE_H
#define MUSTER_WORKER_BACKEND_FILE_STORE_H

#include "backend.h"

#include <sys/stat.h>

enum { FILE_SHOWN_MAX = 320 };

struct file_store {
    struct backend backend;
    char *root;           /* owned */
    muster_time swept_at; /* when put last looked for old temporary files; 0: never */
};

struct file_store *file_store_of(struct backend *backend);

/* A name for people: quoted when it is not a plain word. */
const char *file_show(struct bytes name, char text[FILE_SHOWN_MAX]);
const char *file_show_path(const char *path, char text[FILE_SHOWN_MAX]);

/* The name with a NUL behind it; backend.c has checked it. */
char *file_name(struct bytes name, char text[BACKEND_NAME_MAX + 1]);

/* The store's directory; `make`: it and its parents are created if missing. */
int file_open_root(const struct file_store *store, bool make, int *ret_fd,
                   struct backend_error *ret_error);

/* An object for reading. *ret_fd is -1 when it is absent. */
int file_open_object(int root, const char *name, int *ret_fd, struct stat *ret_status,
                     struct backend_error *ret_error);

int file_check_regular(int fd, const char *shown, struct stat *ret_status,
                       struct backend_error *ret_error);

/* file_put.c, file_get.c: see struct backend_ops. */
int file_put(struct backend *backend, const struct backend_put *put,
             struct backend_transfer *ret_transfer, struct backend_error *ret_error);
int file_get(struct backend *backend, const struct backend_get *get,
             struct backend_transfer *ret_transfer, struct backend_error *ret_error);

#endif
