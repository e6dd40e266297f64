/* Words to values. Pure, but for value_print. */
#include "cli/value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/say.h"

/* Only what JSON takes as a number: no blank, no plus, no hexadecimal, no "inf". */
static bool is_number(const char *word, bool *ret_is_whole)
{
    const char *at = word + (word[0] == '-' ? 1 : 0);
    bool is_whole = true;
    if (!isdigit((unsigned char)*at) || (at[0] == '0' && isdigit((unsigned char)at[1]))) {
        return false;
    }
    while (isdigit((unsigned char)*at)) {
        at++;
    }
    if (*at == '.') {
        is_whole = false;
        at++;
        if (!isdigit((unsigned char)*at)) {
            return false;
        }
        while (isdigit((unsigned char)*at)) {
            at++;
        }
    }
    if (*at == 'e' || *at == 'E') {
        is_whole = false;
        at++;
        at += *at == '+' || *at == '-' ? 1 : 0;
        if (!isdigit((unsigned char)*at)) {
            return false;
        }
        while (isdigit((unsigned char)*at)) {
            at++;
        }
    }
    *ret_is_whole = is_whole;
    return *at == '\0';
}

muster_value *value_parse(const char *word)
{
    size_t size = strlen(word);
    bool is_whole;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0) {
        return muster_value_new_bool(word[0] == 't');
    }
    if (strcmp(word, "null") == 0) {
        return muster_value_new_null();
    }
    if (is_number(word, &is_whole)) {
        errno = 0;
        long long integer = is_whole ? strtoll(word, NULL, 10) : 0;
        if (is_whole && errno == 0) {
            return muster_value_new_int(integer);
        }
        double real = strtod(word, NULL);
        if (isfinite(real)) {
            return muster_value_new_double(real);
        }
    }
    if (size >= 2 && word[0] == '"' && word[size - 1] == '"') {
        char *text = strndup(word + 1, size - 2);
        muster_value *value = text != NULL ? muster_value_new_string(text) : NULL;
        free(text);
        return value;
    }
    /* A text is UTF-8; other bytes travel as bytes. */
    return bytes_is_utf8(bytes_of(word, size)) ? muster_value_new_string(word)
                                               : muster_value_new_bytes(word, size);
}

void value_append_plain(struct buffer *text, const muster_value *value)
{
    enum muster_kind kind = muster_value_kind(value);
    if (kind == MUSTER_STRING || kind == MUSTER_BYTES) {
        size_t size;
        const char *data = muster_value_data(value, &size);
        buffer_append(text, data, size);
    } else if (kind != MUSTER_NULL) {
        struct buffer json = BUFFER_EMPTY;
        json_value(&json, value);
        buffer_append_bytes(text, buffer_bytes(&json));
        buffer_done(&json);
    }
}

void value_print(const muster_value *value)
{
    struct buffer text = BUFFER_EMPTY;
    if (muster_value_kind(value) == MUSTER_NULL) {
        return;
    }
    value_append_plain(&text, value);
    if (text.failed) {
        (void)say_no_memory();
    }
    fwrite(buffer_str(&text), 1, text.size, stdout);
    putchar('\n');
    buffer_done(&text);
}
