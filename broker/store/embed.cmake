# Writes a C header with the bytes of the file IN, and a NUL, as schema_sql[].
file(READ "${IN}" bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
get_filename_component(folder "${OUT}" DIRECTORY)
file(MAKE_DIRECTORY "${folder}")
file(WRITE "${OUT}" "/* Made from schema.sql. */\nstatic const char schema_sql[] = {\n${bytes}0};\n")
