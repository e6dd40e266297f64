# Tests. Each has a time limit and a label; exit status 77 means "skipped".

if(BUILD_TESTING)
    enable_testing()
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka>=1.1.5)
endif()

# muster_unit_test(NAME test_map SOURCES test_map.c LIBS muster_base [TIMEOUT seconds])
# A cmocka program. Left out with a note while one of our libraries in LIBS does not exist.
function(muster_unit_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "SOURCES;LIBS")
    foreach(library IN LISTS arg_LIBS)
        if(library MATCHES "^muster" AND NOT TARGET ${library})
            message(STATUS "${arg_NAME}: left out, there is no ${library}")
            return()
        endif()
    endforeach()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    add_executable(${arg_NAME} ${arg_SOURCES})
    target_link_libraries(${arg_NAME} PRIVATE ${arg_LIBS} PkgConfig::CMOCKA)
    set_target_properties(${arg_NAME} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    add_test(NAME ${arg_NAME} COMMAND ${arg_NAME})
    set_tests_properties(${arg_NAME} PROPERTIES
        LABELS unit TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77)
endfunction()

# muster_script_test(NAME rule_includes SCRIPT includes.sh [LABEL rules] [TIMEOUT seconds] [ARGS …])
# An sh script. It gets the source and the build directory as MUSTER_SOURCE and MUSTER_BUILD.
function(muster_script_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;SCRIPT;LABEL;TIMEOUT" "ARGS")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    if(NOT arg_LABEL)
        set(arg_LABEL rules)
    endif()
    add_test(NAME ${arg_NAME}
        COMMAND sh "${CMAKE_CURRENT_SOURCE_DIR}/${arg_SCRIPT}" ${arg_ARGS}
        WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
    set_tests_properties(${arg_NAME} PROPERTIES
        LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "MUSTER_SOURCE=${CMAKE_SOURCE_DIR};MUSTER_BUILD=${CMAKE_BINARY_DIR}")
endfunction()
