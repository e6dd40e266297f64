-- Muster's store, version 1. People read it through `muster store copy FILE`, which adds the views
-- of what is packed here.
--
-- A shelf is the number under which a pool's rows are kept: rowid = shelf << 40 | number, so that
-- the rows of a pool lie together and are appended in order. A shelf is used again only after every
-- row on it has been deleted. `data` is packed (rows.h) and ends with a CRC-32C of rowid and
-- content; `crc` is a CRC-32C of the columns before it. 64-bit ids are stored as signed integers.

CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    log_id INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    made_wall_ns INTEGER NOT NULL,
    crc INTEGER NOT NULL
);

CREATE TABLE name (
    id INTEGER PRIMARY KEY,
    text BLOB NOT NULL,
    crc INTEGER NOT NULL
);

CREATE TABLE pool (
    shelf INTEGER PRIMARY KEY,
    pool INTEGER NOT NULL,
    name BLOB NOT NULL,
    private INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    made_wall_ns INTEGER NOT NULL,
    used_wall_ns INTEGER NOT NULL,
    totals BLOB NOT NULL,
    crc INTEGER NOT NULL
);

-- Retention: positions up to `oldest` are given up, those up to `trimmed_to` are deleted. With
-- `gone` the whole shelf is given up.
CREATE TABLE trim (
    shelf INTEGER PRIMARY KEY,
    oldest INTEGER NOT NULL,
    trimmed_to INTEGER NOT NULL,
    gone INTEGER NOT NULL,
    crc INTEGER NOT NULL
);

CREATE TABLE client (
    id INTEGER PRIMARY KEY,
    shelf INTEGER NOT NULL,
    answered_to INTEGER NOT NULL,
    shutting_down INTEGER NOT NULL,
    seen_wall_ns INTEGER NOT NULL,
    crc INTEGER NOT NULL
);

-- Answers that a client has not confirmed and whose commands are final: with `sequence` up to
-- answered_to they are deleted.
CREATE TABLE request (
    client INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (client, sequence)
) WITHOUT ROWID;

-- Request ids that callers chose; `id` grows with age.
CREATE TABLE request_id (
    id INTEGER PRIMARY KEY,
    shelf INTEGER NOT NULL,
    text BLOB NOT NULL,
    digest INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,
    crc INTEGER NOT NULL
);
CREATE UNIQUE INDEX request_id_text ON request_id (shelf, text);

CREATE TABLE host (
    host INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    uuid BLOB NOT NULL,
    incarnation INTEGER NOT NULL,
    slots INTEGER NOT NULL,
    labels BLOB NOT NULL,
    functions BLOB NOT NULL,
    pools BLOB NOT NULL,
    software INTEGER NOT NULL,
    tree_kill INTEGER NOT NULL,
    transient INTEGER NOT NULL,
    seen_wall_ns INTEGER NOT NULL,
    skew_ns INTEGER NOT NULL,
    round_trip_ns INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (host, worker)
) WITHOUT ROWID;

-- `open` is 1 while commands of the batch are not final.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    ended BLOB NOT NULL,
    made_wall_ns INTEGER NOT NULL,
    open INTEGER NOT NULL,
    crc INTEGER NOT NULL
);
CREATE INDEX batch_open ON batch (id) WHERE open;

CREATE TABLE cursor (
    shelf INTEGER NOT NULL,
    name BLOB NOT NULL,
    pos INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (shelf, name)
) WITHOUT ROWID;

-- A ring of the newest refused records.
CREATE TABLE audit (
    place INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    pool INTEGER NOT NULL,
    track_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    state INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL
);

-- A command as it was submitted; never changed. `body_of` is the row whose body it shares.
CREATE TABLE command (
    id INTEGER PRIMARY KEY,
    body_of INTEGER,
    data BLOB NOT NULL,
    body BLOB
);
CREATE INDEX command_sharer ON command (body_of) WHERE body_of IS NOT NULL;

-- What happened to a command since: `pos` once it is final, until then `data`, its hand-out.
-- Without a row here it is as it was submitted.
CREATE TABLE track (
    id INTEGER PRIMARY KEY,
    pos INTEGER,
    data BLOB
);

-- The result log: number = pos.
CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL,
    body BLOB
);
