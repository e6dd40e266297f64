/* Runs a fuzz target over files and over all files of directories; a missing one is left out. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/fs.h"
#include "tests/fuzz/target.h"

enum { INPUT_MAX = 2 * 1024 * 1024 };

static int run_file(const char *path)
{
    struct buffer input = BUFFER_EMPTY;
    int result = fs_read_file(path, INPUT_MAX, &input);
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(-result));
    } else {
        (void)LLVMFuzzerTestOneInput(input.data, input.size);
    }
    buffer_done(&input);
    return result < 0 ? -1 : 1;
}

/* Number of inputs, or -1 after a message. */
static int run_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        return errno == ENOENT ? 0 : -1;
    }
    if (!S_ISDIR(st.st_mode)) {
        return run_file(path);
    }
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return -1;
    }
    int inputs = 0;
    const struct dirent *entry;
    while (inputs >= 0 && (entry = readdir(dir)) != NULL) {
        struct buffer file = BUFFER_EMPTY;
        if (entry->d_name[0] != '.' && fs_join(&file, path, entry->d_name) == 0) {
            inputs = run_file(buffer_str(&file)) < 0 ? -1 : inputs + 1;
        }
        buffer_done(&file);
    }
    closedir(dir);
    return inputs;
}

int main(int argc, char **argv)
{
    int inputs = 0;
    for (int i = 1; i < argc; i++) {
        int more = run_path(argv[i]);
        if (more < 0) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 1;
        }
        inputs += more;
    }
    printf("%d inputs\n", inputs);
    return inputs > 0 ? 0 : 1;
}
