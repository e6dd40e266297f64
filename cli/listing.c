/* Tables on stdout, and commands as one line of text. */
#include "cli/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/opt.h"
#include "base/text.h"
#include "cli/exit.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"

static void append_value(struct buffer *text, const muster_value *value)
{
    enum muster_kind kind = muster_value_kind(value);
    if (kind == MUSTER_STRING || kind == MUSTER_BYTES) {
        size_t size;
        const char *data = muster_value_data(value, &size);
        text_append_shell(text, bytes_of(data, size));
    } else {
        struct buffer json = BUFFER_EMPTY;
        json_value(&json, value);
        buffer_append_bytes(text, buffer_bytes(&json));
        buffer_done(&json);
    }
}

void listing_append_what(struct buffer *text, const char *function, const char *const *argv,
                         const muster_value *args, const muster_value *kwargs)
{
    if (argv != NULL && argv[0] != NULL) {
        text_append_argv(text, argv);
        return;
    }
    buffer_append_str(text, function != NULL ? function : "");
    for (size_t i = 0; i < muster_value_count(args); i++) {
        buffer_append_char(text, ' ');
        append_value(text, muster_value_at(args, i));
    }
    for (size_t i = 0; i < muster_value_count(kwargs); i++) {
        size_t size;
        const char *key = muster_value_key_at(kwargs, i, &size);
        buffer_append_char(text, ' ');
        buffer_append(text, key, size);
        buffer_append_char(text, '=');
        append_value(text, muster_value_at(kwargs, i));
    }
}

muster_time listing_ns(double seconds)
{
    if (!(seconds > 0)) {
        return 0;
    }
    return seconds < 3e9 ? (muster_time)(seconds * 1e9) : MUSTER_NEVER;
}

unsigned listing_every_state(void)
{
    unsigned states = 0;
    for (unsigned state = MUSTER_HELD; state <= MUSTER_REJECTED; state++) {
        states |= MUSTER_STATE_BIT(state);
    }
    return states;
}

int listing_print(const struct table *table)
{
    struct buffer text = BUFFER_EMPTY;
    bool is_terminal = isatty(STDOUT_FILENO) == 1;
    bool color = is_terminal && !globals.no_color && getenv("NO_COLOR") == NULL;
    int rc = table_render(table, is_terminal ? opt_columns() : 0, color, &text);
    if (rc == 0) {
        fwrite(buffer_str(&text), 1, text.size, stdout);
    }
    buffer_done(&text);
    return rc < 0 ? say_no_memory() : EXIT_OK;
}
