/* Makes the directory and writes the inputs; which ones is the target's business. */
#include "tests/fuzz/corpus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/fs.h"

static const char *directory;

static void fail(const char *path, int error)
{
    fprintf(stderr, "%s: %s\n", path, strerror(error));
    exit(1);
}

void corpus_add(const void *data, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%08x-%zu", directory, crc32c(0, data, size), size);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        fail(path, errno);
    }
    int result = fs_write_all(fd, data, size);
    fs_close(fd);
    if (result < 0) {
        fail(path, -result);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    directory = argv[1];
    int result = fs_mkdir_p(directory, 0755);
    if (result < 0) {
        fail(directory, -result);
    }
    corpus_make();
    return 0;
}
