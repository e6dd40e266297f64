# Warnings for all code of ours. Generated sources are exempted where they are made (-w).

add_compile_options(
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes
    -Wformat=2 -Wundef -Wvla -Wswitch-enum)

if(MUSTER_WERROR)
    add_compile_options(-Werror)
endif()
