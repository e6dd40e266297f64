/* statements.h -- every SQL statement of the running store: one table makes enum and texts. */
#ifndef MUSTER_BROKER_STORE_STATEMENTS_H
#define MUSTER_BROKER_STORE_STATEMENTS_H

/* X(NAME, sql). They are prepared once, at the opening. */
#define STORE_STATEMENTS(X)                                                                        \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(ROLLBACK, "ROLLBACK")                                                                        \
    X(META_PUT, "REPLACE INTO meta VALUES (?1, ?2, ?3, ?4, ?5)")                                   \
    X(META, "SELECT one, log_id, epoch, made_wall_ns, crc FROM meta")                              \
    X(TURN_COMMANDS, "INSERT INTO command(id, body_of, data, body) SELECT * FROM turn_command")    \
    X(TURN_RECORDS, "INSERT INTO record(id, data, body) SELECT * FROM turn_record")                \
    X(TURN_TRACKS, "REPLACE INTO track(id, pos, data) SELECT * FROM turn_track")                   \
    X(TRACK_PUT, "REPLACE INTO track(id, pos, data) VALUES (?1, NULL, ?2)")                        \
    X(TRACK_GET, "SELECT pos, data FROM track WHERE id = ?1")                                      \
    X(TRACK_RANGE, "SELECT id, pos, data FROM track WHERE id BETWEEN ?1 AND ?2 ORDER BY id")       \
    X(TRACK_ANY, "SELECT 1 FROM track WHERE id BETWEEN ?1 AND ?2 LIMIT 1")                         \
    X(TRACK_DELETE, "DELETE FROM track WHERE id = ?1")                                             \
    X(COMMAND_GET, "SELECT body_of, data, body FROM command WHERE id = ?1")                        \
    X(COMMAND_RANGE, "SELECT id, body_of, data FROM command WHERE id BETWEEN ?1 AND ?2 "           \
                     "ORDER BY id")                                                                \
    X(COMMAND_SHARER, "SELECT 1 FROM command WHERE body_of = ?1 LIMIT 1")                          \
    X(COMMAND_DELETE, "DELETE FROM command WHERE id = ?1")                                         \
    X(RECORD_GET, "SELECT data, body FROM record WHERE id = ?1")                                   \
    X(RECORD_RANGE, "SELECT id, data, body FROM record WHERE id BETWEEN ?1 AND ?2 ORDER BY id")    \
    X(RECORD_DATA, "SELECT id, data FROM record WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3")  \
    X(RECORD_DELETE, "DELETE FROM record WHERE id BETWEEN ?1 AND ?2")                              \
    X(NAME_PUT, "REPLACE INTO name VALUES (?1, ?2, ?3)")                                           \
    X(NAME_ALL, "SELECT id, text, crc FROM name ORDER BY id")                                      \
    X(POOL_PUT, "REPLACE INTO pool VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                   \
    X(POOL_DELETE, "DELETE FROM pool WHERE shelf = ?1")                                            \
    X(POOL_ALL, "SELECT shelf, pool, name, private, closed, made_wall_ns, used_wall_ns, totals, "  \
                "crc FROM pool ORDER BY shelf")                                                    \
    X(POOL_SHELVES, "SELECT shelf, pool, totals FROM pool ORDER BY shelf")                         \
    X(TRIM_PUT, "REPLACE INTO trim VALUES (?1, ?2, ?3, ?4, ?5)")                                   \
    X(TRIM_DELETE, "DELETE FROM trim WHERE shelf = ?1")                                            \
    X(TRIM_ALL, "SELECT shelf, oldest, trimmed_to, gone, crc FROM trim ORDER BY shelf")            \
    X(CLIENT_PUT, "REPLACE INTO client VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                           \
    X(CLIENT_DELETE, "DELETE FROM client WHERE id = ?1")                                           \
    X(CLIENT_ALL, "SELECT id, shelf, answered_to, shutting_down, seen_wall_ns, crc FROM client")   \
    X(CLIENT_GONE, "DELETE FROM client WHERE shelf = ?1")                                          \
    X(REQUEST_PUT, "REPLACE INTO request VALUES (?1, ?2, ?3, ?4, ?5, ?6)")                         \
    X(REQUEST_PASSED, "DELETE FROM request WHERE client = ?1 AND sequence <= ?2")                  \
    X(REQUEST_DELETE, "DELETE FROM request WHERE client = ?1")                                     \
    X(REQUEST_GONE, "DELETE FROM request WHERE client IN "                                         \
                    "(SELECT id FROM client WHERE shelf = ?1)")                                    \
    X(REQUEST_ALL, "SELECT client, sequence, first, count, batch, crc FROM request")               \
    X(REQUEST_ID_PUT, "REPLACE INTO request_id VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")     \
    X(REQUEST_ID_GET, "SELECT shelf, text, digest, first, count, batch, wall_ns, crc "             \
                      "FROM request_id WHERE shelf = ?1 AND text = ?2")                            \
    X(REQUEST_ID_ENDS,                                                                             \
      "SELECT (SELECT min(id) FROM request_id), (SELECT max(id) FROM request_id)")                 \
    X(REQUEST_ID_TIME, "SELECT id, wall_ns FROM request_id WHERE id >= ?1 ORDER BY id LIMIT 1")    \
    X(REQUEST_ID_OLD, "DELETE FROM request_id WHERE id BETWEEN ?1 AND ?2")                         \
    X(REQUEST_ID_GONE, "DELETE FROM request_id WHERE id IN "                                       \
                       "(SELECT id FROM request_id WHERE shelf = ?1 LIMIT ?2)")                    \
    X(HOST_PUT, "REPLACE INTO host VALUES "                                                        \
                "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)")              \
    X(HOST_DELETE, "DELETE FROM host WHERE host = ?1 AND (?2 = 0 OR worker = ?2)")                 \
    X(HOST_ALL, "SELECT * FROM host")                                                              \
    X(BATCH_PUT, "REPLACE INTO batch VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                         \
    X(BATCH_OPEN, "SELECT * FROM batch WHERE open AND id BETWEEN ?1 AND ?2 ORDER BY id")           \
    X(BATCH_GET, "SELECT first, count, open FROM batch WHERE id = ?1")                             \
    X(BATCH_DELETE, "DELETE FROM batch WHERE id = ?1")                                             \
    X(BATCH_GONE, "DELETE FROM batch WHERE id IN "                                                 \
                  "(SELECT id FROM batch WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)")                    \
    X(COMMAND_GONE, "DELETE FROM command WHERE id IN "                                             \
                    "(SELECT id FROM command WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)")                \
    X(TRACK_GONE, "DELETE FROM track WHERE id IN "                                                 \
                  "(SELECT id FROM track WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)")                    \
    X(RECORD_GONE, "DELETE FROM record WHERE id IN "                                               \
                   "(SELECT id FROM record WHERE id BETWEEN ?1 AND ?2 LIMIT ?3)")                  \
    X(CURSOR_PUT, "REPLACE INTO cursor VALUES (?1, ?2, ?3, ?4)")                                   \
    X(CURSOR_ALL, "SELECT shelf, name, pos, crc FROM cursor")                                      \
    X(CURSOR_GONE, "DELETE FROM cursor WHERE shelf = ?1")                                          \
    X(AUDIT_PUT, "REPLACE INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")                 \
    X(AUDIT_LAST, "SELECT coalesce(max(sequence), 0) FROM audit")

enum statement {
#define X(name, sql) STMT_##name,
    STORE_STATEMENTS(X)
#undef X
        STMT_COUNT
};

#endif
