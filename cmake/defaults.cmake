# Language, build type, where things land, ccache.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

# NDEBUG is never set: assertions are part of the program.
set(CMAKE_C_FLAGS_DEBUG "-Og -g3 -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_MINSIZEREL "-Os")

# The empty value lets a file define it again without a warning.
add_compile_options(-D_GNU_SOURCE= "-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=")

if(NOT CMAKE_C_COMPILER_LAUNCHER)
    find_program(MUSTER_CCACHE ccache)
    mark_as_advanced(MUSTER_CCACHE)
    if(MUSTER_CCACHE)
        set(CMAKE_C_COMPILER_LAUNCHER "${MUSTER_CCACHE}")
    endif()
endif()

# A library of decisions: strict C11 and nothing of the system in sight.
function(muster_pure_core target)
    set_target_properties(${target} PROPERTIES C_EXTENSIONS OFF)
    target_compile_options(${target} PRIVATE -U_GNU_SOURCE)
endfunction()
