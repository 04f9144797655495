# Sets libcxx_plugin to a plugin's file that clang++ and libc++ build; to nothing where they are not installed, and then
# its test is skipped.
set(libcxx_plugin "")
find_program(EVENTBUS_CLANGXX NAMES clang++ clang++-19 clang++-18 clang++-17 clang++-16 clang++-15 clang++-14)
if(NOT EVENTBUS_CLANGXX)
  message(STATUS "no clang++: the plugin with libc++ is not built")
  return()
endif()
set(probe "${CMAKE_CURRENT_BINARY_DIR}/libcxx_probe")
file(WRITE "${probe}.cpp" "#include <span>\n#include <string>\nint main() { return std::string().size(); }\n")
execute_process(
  COMMAND "${EVENTBUS_CLANGXX}" -std=c++20 -stdlib=libc++ "${probe}.cpp" -o "${probe}"
  RESULT_VARIABLE failed
  OUTPUT_QUIET ERROR_QUIET)
if(failed)
  message(STATUS "${EVENTBUS_CLANGXX} has no libc++ (package libc++-dev): the plugin with libc++ is not built")
  return()
endif()

set(libcxx_plugin "${EVENTBUS_PLUGIN_OUTPUT_DIRECTORY}/libeventbus_libcxx.so")
set(source "${PROJECT_SOURCE_DIR}/examples/backend_template/my_backend.cpp")
file(WRITE "${probe}.map" "{ global: eventbus_plugin_v1; local: *; };\n")
file(GLOB api_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/api/include/eventbus/*")
add_custom_command(
  OUTPUT "${libcxx_plugin}"
  COMMAND ${CMAKE_COMMAND} -E make_directory "${EVENTBUS_PLUGIN_OUTPUT_DIRECTORY}"
  COMMAND
    "${EVENTBUS_CLANGXX}" -std=c++20 -stdlib=libc++ -O1 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden
    -Wl,--no-undefined "-Wl,--version-script=${probe}.map" -I "${PROJECT_SOURCE_DIR}/api/include" "${source}" -pthread -o
    "${libcxx_plugin}"
  DEPENDS "${source}" ${api_headers}
  COMMENT "Building a plugin with clang++ and libc++"
  VERBATIM)
add_custom_target(libcxx_plugin DEPENDS "${libcxx_plugin}")
set_property(GLOBAL PROPERTY EVENTBUS_LIBCXX_PLUGIN "${libcxx_plugin}")
