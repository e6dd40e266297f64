/* Removal of a tree through directory descriptors, so that nobody can lead it elsewhere by
 * exchanging a directory for a symbolic link meanwhile. (Declared in fs.h.) */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

/* One descriptor and one stack frame a level: a deeper tree was made to hurt. */
enum { DEPTH_MAX = 512 };

static int remove_at(int parent, const char *name, int depth);

/* Removes what is in the directory; the descriptor is consumed. */
static int empty(int fd, int depth)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int r = -errno;
        fs_close(fd);
        return r;
    }
    int r = 0;
    while (r == 0) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry) {
            r = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = remove_at(dirfd(dir), entry->d_name, depth);
        if (r == -EACCES && fchmod(dirfd(dir), 0700) == 0)
            r = remove_at(dirfd(dir), entry->d_name, depth);
    }
    closedir(dir);
    return r;
}

/* Opens it to read, if need be after making it readable: a directory may have lost its bits. The
 * bits are changed through the descriptor, so that no other file can be meant. */
static int open_dir(int parent, const char *name)
{
    enum { FLAGS = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    int fd = openat(parent, name, O_RDONLY | FLAGS);
    if (fd >= 0 || errno != EACCES)
        return fd;
    int handle = openat(parent, name, O_PATH | FLAGS);
    if (handle < 0)
        return -1;
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    if (chmod(link, 0700) == 0)
        fd = openat(parent, name, O_RDONLY | FLAGS);
    fs_close(handle);
    return fd;
}

static int remove_at(int parent, const char *name, int depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    int unlink_error = errno;
    if (unlink_error != EISDIR && unlink_error != EPERM)
        return -unlink_error;
    if (depth == DEPTH_MAX)
        return -ELOOP;
    int fd = open_dir(parent, name);
    if (fd < 0)
        return errno == ENOTDIR ? -unlink_error : -errno;
    int r = empty(fd, depth + 1);
    if (r == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        r = -errno;
    return r;
}

int fs_remove_tree(const char *path)
{
    return remove_at(AT_FDCWD, path, 0);
}
