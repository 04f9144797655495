# eventbus_discover_tests(TARGET [PREFIX TEXT] LABELS LABEL...): a test for each Catch2 test case of a program.
# catch_discover_tests takes one label alone: of a list it loses the rest, and every property behind it.
include(Catch)

function(eventbus_discover_tests target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PREFIX" "LABELS")
  catch_discover_tests(${target} TEST_PREFIX "${arg_PREFIX}" DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 120)
  set(labels "${CMAKE_CURRENT_BINARY_DIR}/${target}_labels.cmake")
  file(WRITE "${labels}" "foreach(test IN LISTS ${target}_TESTS)\n"
                         "  set_tests_properties(\"\${test}\" PROPERTIES LABELS \"${arg_LABELS}\")\n" "endforeach()\n")
  set_property(
    DIRECTORY
    APPEND
    PROPERTY TEST_INCLUDE_FILES "${labels}")
endfunction()
